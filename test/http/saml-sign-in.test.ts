import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { HonestIdp } from '../support/saml/honest-idp.js';
import { postForm, SamlParty } from '../support/saml/house.js';
import { samlKey } from '../support/saml/keys.js';
import { PASSWORD } from '../support/saml/messages.js';
import { startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';
const UNSPECIFIED = 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified';
const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
const PHR = 'urn:ostiary:acr:phr';
const PHR_CONTEXT = 'https://refeds.org/profile/mfa';

describe('a sign-in at a SAML identity provider (SAML Profiles §4.1)', () => {
  let server: TestServer;
  let party: SamlParty;

  beforeAll(async () => {
    server = await startServer();
    party = await SamlParty.open(server, { name_id_format: PERSISTENT });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    party = await party.again();
  });

  const get = (address: string) => fetch(address, { redirect: 'manual', headers: { accept: 'text/html' } });
  const sessions = async () =>
    Number((await server.services.db.manager.query('SELECT count(*)::int AS n FROM sessions'))[0].n);

  it('goes there with a signed AuthnRequest and comes back with what was said of the person', async () => {
    const { address, xml, id, relayState } = await party.carried();
    expect(address.startsWith(`${party.idp.locations.sso}?SAMLRequest=`)).toBe(true);
    expect(new URL(address).searchParams.has('Signature')).toBe(true);
    expect(xml).toContain(`<saml:Issuer>${party.addresses.entity_id}</saml:Issuer>`);
    expect(xml).toContain(`AssertionConsumerServiceURL="${party.addresses.assertion_consumer_service}"`);
    expect(xml).not.toMatch(/ForceAuthn|IsPassive|RequestedAuthnContext/);
    const answer = await party.post(party.response(id), relayState);
    expect(answer).toMatchObject({ status: 303, location: expect.stringContaining(`${server.issuer}/back?handle=`) });
    const { identity, connection, checks } = await party.redeem(String(answer.location));
    expect(connection.id).toBe(party.connection.id);
    expect(identity).toMatchObject({
      subject: 'alice-4711',
      attributes: { email: ['alice@example.com'], groups: ['staff', 'admins'] },
      acr: PASSWORD,
      session: { index: '_session1', name_id: { value: 'alice-4711' } },
    });
    expect(checks.every(({ passed }) => passed)).toBe(true);
    expect(checks.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['relay_state', 'audience', 'assertion_once']),
    );
    expect(await party.refusals()).toEqual([]);
  });

  it('a photo beside what is said of the person keeps nobody out', async () => {
    const attributes = { email: ['alice@example.com'], thumbnailPhoto: ['A'.repeat(5000)] };
    const { location } = await party.signIn({ assertion: { attributes } });
    expect((await party.redeem(String(location))).identity.attributes.email).toEqual(['alice@example.com']);
  });

  it('RelayState is opaque: it names nothing, and no address', async () => {
    const { relayState } = await party.carried();
    expect(relayState).toMatch(/^[\w-]{43}$/);
  });

  it.each([
    ['prompt=login', { prompt: 'login' }, 'ForceAuthn="true"'],
    ['max_age', { max_age: 60 }, 'ForceAuthn="true"'],
    ['prompt=none', { prompt: 'none' }, 'IsPassive="true"'],
    [
      'a class that the connection knows',
      { acr: [PHR] },
      `<saml:AuthnContextClassRef>${PHR_CONTEXT}</saml:AuthnContextClassRef>`,
    ],
  ])('%s is said in the words of SAML (SAML Core §3.4.1)', async (_, asked, words) => {
    const own = await SamlParty.open(server, { authn_context: { [PHR]: [PHR_CONTEXT] } });
    expect((await own.carried(await own.begin(asked))).xml).toContain(words);
  });

  it('a class that was asked for is asked of the answer, too', async () => {
    const own = await SamlParty.open(server, { authn_context: { [PHR]: [PHR_CONTEXT] } });
    expect(await own.signIn({ assertion: { authn_context: PHR_CONTEXT } }, { acr: [PHR] })).toMatchObject({
      status: 303,
    });
    expect(await own.signIn({}, { acr: [PHR] })).toMatchObject({ status: 400 });
    expect(await own.refusals()).toMatchObject([{ reason: 'authn_context' }]);
  });

  it('prompt=login: who proved it before that is asked again (SAML Core §3.4.1, ForceAuthn)', async () => {
    const before = new Date(Date.now() - 120_000).toISOString();
    expect(await party.signIn({}, { prompt: 'login' })).toMatchObject({ status: 303 });
    expect(await party.signIn({ assertion: { authn_instant: before } }, { prompt: 'login' })).toMatchObject({
      status: 400,
    });
    expect(await party.refusals()).toMatchObject([{ reason: 'authn_instant_age' }]);
    expect(await party.signIn({ assertion: { authn_instant: before } })).toMatchObject({ status: 303 });
  });

  it('POST binding: a form that leads to that one origin, and sends itself with scripts of ours alone (SAML Bindings §3.5)', async () => {
    const sso = 'https://login.idp.example/sso';
    const own = await SamlParty.open(server, {}, { idpSettings: { sso: [{ binding: 'post', location: sso }] } });
    const page = await get(await own.begin());
    const html = await page.text();
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self' https://login.idp.example;");
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(html).toContain(`action="${sso}"`);
    expect(html).toMatch(/name="SAMLRequest" value="[A-Za-z0-9+/=&;#]+"/);
    expect(html).toMatch(/name="RelayState" value="[\w-]{43}"/);
    expect(html).toContain('type="submit"');
    expect(html).not.toContain('csrf');
  });

  it('sign_requests off: nothing is signed', async () => {
    const own = await SamlParty.open(server, { sign_requests: false });
    expect((await own.carried()).address).not.toContain('Signature');
  });

  it('an encrypted assertion is opened by our key, the one before it too (XML Encryption 1.1)', async () => {
    const own = await SamlParty.open(server, { wants: { signed: 'assertion', encrypted: true } });
    const certificate = async (status: string) =>
      server.inside(async ({ connectionKeys }) => {
        const keys = await connectionKeys.of(own.connection);
        return keys.find((key) => key.status === status)?.certificate ?? '';
      });
    const first = await certificate('current');
    expect(await own.signIn({ encrypt_to: first })).toMatchObject({ status: 303 });
    expect(await own.signIn()).toMatchObject({ status: 400 });
    await server.inside(async ({ connectionKeys }) => {
      await connectionKeys.rotate(null, own.connection);
      await connectionKeys.rotate(null, own.connection);
    });
    expect(await certificate('previous')).toBe(first);
    expect(await own.signIn({ encrypt_to: first })).toMatchObject({ status: 303 });
    expect(await own.signIn({ encrypt_to: await certificate('current') })).toMatchObject({ status: 303 });
    expect(await own.refusals()).toMatchObject([{ reason: 'assertion_encryption' }]);
  });

  it('what any of its certificates has signed is believed, old and new at once; others are not', async () => {
    const [old, next, other] = [samlKey(), samlKey(), samlKey()];
    const entity = 'https://rolling.example';
    const own = await SamlParty.open(
      server,
      {},
      {
        idp: new HonestIdp(entity, old),
        idpSettings: { certificates: [old.certificate, next.certificate] },
      },
    );
    const by = async (key: typeof old) => {
      const { id, relayState } = await own.carried();
      const idp = new HonestIdp(entity, key);
      const { entity_id: sp, assertion_consumer_service: acs } = own.addresses;
      const xml = idp.respond({ sp, acs, request_id: id, now: new Date() });
      return (await own.post(Buffer.from(xml).toString('base64'), relayState)).status;
    };
    expect([await by(old), await by(next), await by(other)]).toEqual([303, 303, 400]);
    expect(await own.refusals()).toMatchObject([{ reason: 'assertion_signature_value' }]);
  });

  it('our metadata has both certificates while one replaces the other, and says what is wanted (SAML Metadata §2.4.4)', async () => {
    const read = async () => {
      const answer = await get(party.addresses.metadata);
      expect(answer.headers.get('content-type')).toContain('application/samlmetadata+xml');
      return answer.text();
    };
    const signing = (xml: string) =>
      [...xml.matchAll(/use="signing">.*?X509Certificate>([^<]+)</g)].map(
        ([, body]) => new X509Certificate(Buffer.from(body ?? '', 'base64')).fingerprint256,
      );
    const before = signing(await read());
    expect(before).toHaveLength(1);
    await server.inside(({ connectionKeys }) => connectionKeys.rotate(null, party.connection));
    const during = signing(await read());
    expect(during).toHaveLength(2);
    expect(during).toEqual(expect.arrayContaining(before));
    expect(await read()).toContain(`entityID="${party.addresses.entity_id}"`);
  });

  describe('is refused: one page, one event, one trace, no session', () => {
    const cases: [what: string, reason: string, how: Parameters<SamlParty['signIn']>[0]][] = [
      ['nothing is signed', 'assertion_signature', { sign: 'neither' }],
      ['another audience', 'audience', { assertion: { audiences: [['https://other.example']] } }],
      ['another recipient', 'recipient', { assertion: { recipient: 'https://other.example/acs' } }],
      ['another destination', 'destination', { response: { destination: 'https://other.example/acs' } }],
      ['another issuer', 'assertion_issuer', { assertion: { issuer: 'https://other.example' } }],
      ['another request', 'in_response_to', { response: { in_response_to: '_other' } }],
      ['no request', 'confirmation_in_response_to', { assertion: { in_response_to: null } }],
      ['too late', 'confirmation_not_on_or_after', { assertion: { confirmed_until: '2020-01-01T00:00:00Z' } }],
      ['a name of another format than asked for', 'name_id_format', { assertion: { name_id_format: UNSPECIFIED } }],
      ['a name of no format', 'name_id_format', { assertion: { name_id_format: null } }],
      ['a name for this time only', 'name_id_lasting', { assertion: { name_id_format: TRANSIENT } }],
      [
        'a status that is no success',
        'status',
        { response: { status: ['urn:oasis:names:tc:SAML:2.0:status:Responder'], assertions: '' } },
      ],
    ];
    it.each(cases)('%s', async (_, reason, how) => {
      const before = await sessions();
      const answer = await party.signIn(how);
      expect(answer).toMatchObject({ status: 400, location: null, cookies: [] });
      const refusals = await party.refusals();
      expect(refusals).toMatchObject([{ reason }]);
      const trace = refusals[0]?.trace_id ?? '';
      expect(answer.html).toContain('Request could not be completed');
      expect(answer.html).toContain(trace);
      expect(answer.html).not.toContain(reason);
      const [kept] = await server.services.db.manager.query(
        'SELECT kind, outcome, connection_id FROM traces WHERE id = $1',
        [trace],
      );
      expect(kept).toMatchObject({ kind: 'sign_in', outcome: 'refused', connection_id: party.connection.id });
      expect(await sessions()).toBe(before);
    });

    it.each([
      ['no XML', 'bm90IHhtbA=='],
      ['nothing', ''],
      ['no base64', '%%%'],
      ['a document type', Buffer.from('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>').toString('base64')],
    ])('%s', async (_, message) => {
      const { relayState } = await party.carried();
      expect(await party.post(message, relayState)).toMatchObject({ status: 400, location: null });
      expect(await party.refusals()).toHaveLength(1);
    });
  });

  describe('once, and of this connection only', () => {
    it('an answer that comes again is refused, whatever it carries (SAML Profiles §4.1.4.5)', async () => {
      const { id, relayState } = await party.carried();
      const response = party.response(id);
      expect(await party.post(response, relayState)).toMatchObject({ status: 303 });
      expect(await party.post(response, relayState)).toMatchObject({ status: 400 });
      const again = await party.carried();
      expect(await party.post(response, again.relayState)).toMatchObject({ status: 400 });
      expect((await party.refusals()).map(({ reason }) => reason)).toEqual(['unsolicited', 'in_response_to']);
    });

    it('of many that bring one answer at once, one gets in', async () => {
      const { id, relayState } = await party.carried();
      const response = party.response(id);
      const answers = await Promise.all(Array.from({ length: 20 }, () => party.post(response, relayState)));
      expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
      expect(await party.refusals()).toHaveLength(19);
    });

    it('an answer for one connection is none at another, by either RelayState', async () => {
      const other = await SamlParty.open(server, {}, { idp: party.idp });
      const [mine, theirs] = [await party.carried(), await other.carried()];
      const there = other.addresses.assertion_consumer_service;
      expect(await party.post(party.response(mine.id), mine.relayState, there)).toMatchObject({ status: 400 });
      expect(await party.post(party.response(mine.id), theirs.relayState, there)).toMatchObject({ status: 400 });
      expect((await other.refusals()).map(({ reason }) => reason)).toEqual(['unsolicited', 'destination']);
      expect(await party.refusals()).toEqual([]);
      expect(await party.post(party.response(mine.id), mine.relayState)).toMatchObject({ status: 303 });
    });

    it('a handle is good once, and for its own connection', async () => {
      const [location, other] = [await party.begin(), await SamlParty.open(server)];
      const elsewhere = location.replace(party.connection.id, other.connection.id);
      expect((await get(elsewhere)).status).toBe(400);
      expect((await get(location)).status).toBe(303);
      expect((await get(location)).status).toBe(400);
      expect((await get(`${party.addresses.entity_id.replace('metadata', 'login')}?handle=made-up`)).status).toBe(400);
    });

    it('what comes back is taken in the browser that asked, and nowhere else', async () => {
      const answer = await party.signIn();
      const elsewhere = { kind: 'interaction' as const, id: 'another browser' };
      await expect(party.redeem(String(answer.location), elsewhere)).rejects.toMatchObject({ code: 'invalid_handle' });
      await expect(party.redeem(String(answer.location))).resolves.toMatchObject({ asked: { purpose: 'sign_in' } });
    });

    it('what was asked is not waited for longer than a quarter of an hour', async () => {
      const { id, relayState } = await party.carried();
      await server.services.db.manager.query(`UPDATE federated_sign_ins SET expires_at = now() - interval '1 second'`);
      expect(await party.post(party.response(id), relayState)).toMatchObject({ status: 400 });
      expect(await party.refusals()).toMatchObject([{ reason: 'unsolicited' }]);
    });
  });

  it('what was refused is looked at again with the settings of today, and used up by nothing', async () => {
    const own = await SamlParty.open(server, { wants: { signed: 'both' } });
    expect(await own.signIn()).toMatchObject({ status: 400 });
    const [refusal] = await own.refusals();
    const again = () =>
      server.inside(async ({ traces, traceValidation }) =>
        traceValidation.of(await traces.find(refusal?.trace_id ?? '')),
      );
    const failed = ({ passed }: { passed: boolean }) => !passed;
    expect((await again()).checks.filter(failed)).toMatchObject([
      { check: refusal?.reason, setting: 'saml.wants.signed' },
    ]);
    await server.inside(({ connections }) =>
      connections.update(null, own.connection, { settings: { saml: { wants: { signed: 'assertion' } } } }),
    );
    for (const _ of [1, 2]) expect(await again()).toMatchObject({ outcome: 'passed' });
    expect(await own.refusals()).toHaveLength(1);
  });

  it('an answer for one tenant is none at another, under its own connection or under the other’s', async () => {
    const tenant = await server.services.tenants.create({ name: 'Other', slug: 'other' });
    const other = await SamlParty.open(at(server, tenant), {}, { idp: party.idp });
    const { id, relayState } = await party.carried();
    const elsewhere = party.addresses.assertion_consumer_service.replace(server.issuer, other.place.issuer);
    expect(await party.post(party.response(id), relayState, elsewhere)).toMatchObject({ status: 404 });
    const theirs = other.addresses.assertion_consumer_service;
    expect(await party.post(party.response(id), relayState, theirs)).toMatchObject({ status: 400 });
    expect(await other.refusals()).toMatchObject([{ reason: 'unsolicited' }]);
    const { relayState: asked } = await other.carried();
    expect(await party.post(party.response(id), asked, theirs)).toMatchObject({ status: 400 });
    expect((await get(party.addresses.metadata.replace(server.issuer, other.place.issuer))).status).toBe(404);
    expect(await party.refusals()).toEqual([]);
    expect(await party.post(party.response(id), relayState)).toMatchObject({ status: 303 });
    expect(await other.signIn()).toMatchObject({ status: 303 });
  });

  describe('a connection that is disabled', () => {
    beforeEach(async () => {
      party = await SamlParty.open(server);
    });
    const disable = () => server.inside(({ connections }) => connections.disable(null, party.connection));

    it('is told of nowhere, and begins nothing', async () => {
      const location = await party.begin();
      await disable();
      expect((await get(location)).status).toBe(400);
      expect((await get(party.addresses.metadata)).status).toBe(404);
    });

    it('between request and answer: refused, and recorded', async () => {
      const { id, relayState } = await party.carried();
      await disable();
      expect(await party.post(party.response(id), relayState)).toMatchObject({ status: 400, location: null });
      expect(await party.refusals()).toMatchObject([{ reason: 'connection_enabled' }]);
    });

    it('between answer and browser: refused', async () => {
      const answer = await party.signIn();
      await disable();
      await expect(party.redeem(String(answer.location))).rejects.toMatchObject({ code: 'invalid_handle' });
    });

    it('that one is unknown where there is none', async () => {
      const nowhere = `${server.issuer}/saml/018f4e2a-7b1c-7e60-9d3e-0123456789ab`;
      expect((await postForm(`${nowhere}/acs`, { SAMLResponse: 'x' })).status).toBe(404);
      expect((await get(`${nowhere}/metadata`)).status).toBe(404);
      expect((await get(`${server.issuer}/saml/none/metadata`)).status).toBe(404);
    });
  });

  it('takes no form that is larger than what is read', async () => {
    expect(await party.post('A'.repeat(800 * 1024), 'x')).toMatchObject({ status: 413 });
    expect(await party.refusals()).toEqual([]);
  });
});
