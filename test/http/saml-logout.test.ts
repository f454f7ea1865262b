import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Identity } from '../../src/features/connections/identity.entity.js';
import { UpstreamSessions } from '../../src/features/connections/upstream-sessions.js';
import { newId } from '../../src/platform/crypto.js';
import { Browser } from '../support/browser.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, signIn } from '../support/party.js';
import { postForm, SamlParty } from '../support/saml/house.js';
import { samlKey } from '../support/saml/keys.js';
import { type LogoutSaid, logoutRequestXml, logoutResponseXml } from '../support/saml/messages.js';
import { posted, redirected, signed } from '../support/saml/sign.js';
import { startServer, type TestServer } from '../support/server.js';

describe('single logout with a SAML identity provider (SAML Profiles §4.4)', () => {
  let server: TestServer;
  let party: SamlParty;
  let client: Party;
  let browser: Browser;
  let person: { id: string; email: string };
  let subject: string;
  const bye = 'https://rp.example/bye';

  beforeAll(async () => {
    server = await startServer();
    party = await SamlParty.open(server);
    client = await makeClient(server, { consent_policy: 'implicit', post_logout_redirect_uris: [bye] });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    party = await party.again();
    browser = new Browser();
    person = await makePerson(server);
    subject = `subject-${person.id}`;
    await signIn(browser, authorizationUrl(server, client, pkce()), person.email);
    await standOn(party, '_session1');
  });

  const sessionOf = async (): Promise<{ uid: string; ended_at: Date | null }> =>
    (
      await server.services.db.manager.query(
        'SELECT uid, ended_at FROM sessions WHERE account_id = $1 ORDER BY created_at LIMIT 1',
        [person.id],
      )
    )[0];
  const lives = async () => (await sessionOf()).ended_at === null;

  /** As though this person had come in by it. */
  async function standOn(at: SamlParty, index: string | null): Promise<void> {
    const answer = await at.signIn({ assertion: { name_id: subject, session_index: index } });
    const held = await at.redeem(String(answer.location));
    const { uid } = await sessionOf();
    await server.inside(async ({ db, upstreamSessions }) => {
      const known = { connectionId: at.connection.id, subject, id: newId(), userId: person.id, createdAt: new Date() };
      await db.repo(Identity).insert(Object.assign(new Identity(), known));
      expect(await upstreamSessions.remember(uid, held)).toBe(true);
    });
  }

  const between = (at = party) => ({
    idp: at.idp.entityId,
    sp: at.addresses.entity_id,
    acs: at.addresses.single_logout_service,
    request_id: null,
    now: new Date(),
  });
  const request = (changed: Partial<LogoutSaid> = {}, at = party) =>
    logoutRequestXml(between(at), { name_id: subject, ...changed });
  const get = (query: string, at = party) =>
    browser.request(`${at.addresses.single_logout_service}?${query}`, { headers: { accept: 'text/html' } });
  const sentIn = (address: string, name: string) => {
    const value = new URL(address).searchParams.get(name) ?? '';
    return inflateRawSync(Buffer.from(value, 'base64')).toString();
  };

  describe('that begins over there', () => {
    it('redirect: the session here ends, and a signed answer goes back with the RelayState', async () => {
      const xml = request();
      const answer = await get(redirected('SAMLRequest', xml, { key: party.idp.key, relay_state: 'of theirs & more' }));
      expect(answer.status).toBe(303);
      const address = String(answer.headers.get('location'));
      expect(address.startsWith(`${party.idp.locations.slo}?SAMLResponse=`)).toBe(true);
      expect(new URL(address).searchParams.get('RelayState')).toBe('of theirs & more');
      expect(new URL(address).searchParams.has('Signature')).toBe(true);
      const response = sentIn(address, 'SAMLResponse');
      expect(response).toContain(`InResponseTo="${/ ID="([^"]+)"/.exec(xml)?.[1]}"`);
      expect(response).toContain('Value="urn:oasis:names:tc:SAML:2.0:status:Success"');
      expect(await lives()).toBe(false);
      expect(await party.refusals()).toEqual([]);
    });

    it('POST: the same', async () => {
      const message = posted(signed(request(), 'LogoutRequest', party.idp.key));
      const answer = await postForm(party.addresses.single_logout_service, { SAMLRequest: message, RelayState: 'r' });
      expect(answer.status).toBe(303);
      expect(await lives()).toBe(false);
    });

    it('POST, and answered by POST, where that is all they take', async () => {
      const own = await SamlParty.open(
        server,
        {},
        {
          idp: party.idp,
          idpSettings: {
            slo: [
              { binding: 'post', location: 'https://idp.example/slo', response_location: 'https://idp.example/done' },
            ],
          },
        },
      );
      await standOn(own, '_own');
      const message = posted(signed(request({ session_index: ['_own'] }, own), 'LogoutRequest', own.idp.key));
      const answer = await postForm(own.addresses.single_logout_service, { SAMLRequest: message });
      expect(answer.status).toBe(200);
      expect(answer.html).toContain('action="https://idp.example/done"');
      expect(answer.html).toContain('name="SAMLResponse"');
      expect(await lives()).toBe(false);
    });

    it('that names no session ends all of the person (SAML Core §3.7.1), one that names another ends none', async () => {
      await get(redirected('SAMLRequest', request({ session_index: ['_other'] }), { key: party.idp.key }));
      expect(await lives()).toBe(true);
      await get(
        redirected('SAMLRequest', request({ name_id: 'somebody else', session_index: [] }), { key: party.idp.key }),
      );
      expect(await lives()).toBe(true);
      await get(redirected('SAMLRequest', request({ session_index: [] }), { key: party.idp.key }));
      expect(await lives()).toBe(false);
    });

    it('whose end fails is not used up: brought again it ends all that it names', async () => {
      const query = redirected('SAMLRequest', request({ session_index: ['_first', '_session1'] }), {
        key: party.idp.key,
      });
      const ended = jest.spyOn(UpstreamSessions.prototype, 'endedUpstream');
      try {
        ended.mockResolvedValueOnce(0).mockRejectedValueOnce(new Error('the database is away'));
        expect((await get(query)).status).toBe(500);
      } finally {
        ended.mockRestore();
      }
      expect(await lives()).toBe(true);
      expect((await get(query)).status).toBe(303);
      expect(await lives()).toBe(false);
    });

    it('of which it is not known which one it is ends as well: the assertion named none', async () => {
      const own = await SamlParty.open(server, {}, { idp: party.idp });
      await standOn(own, null);
      await get(redirected('SAMLRequest', request({ name_id: 'somebody else' }, own), { key: own.idp.key }), own);
      expect(await lives()).toBe(true);
      await get(redirected('SAMLRequest', request({ session_index: ['_theirs'] }, own), { key: own.idp.key }), own);
      expect(await lives()).toBe(false);
    });

    it('the end is told to the applications (OpenID Connect Back-Channel Logout 1.0)', async () => {
      const told = await makeClient(server, {
        consent_policy: 'implicit',
        backchannel_logout_uri: 'https://rp.example/logout',
      });
      await signIn(browser, authorizationUrl(server, told, pkce()), person.email);
      await get(redirected('SAMLRequest', request(), { key: party.idp.key }));
      const notices = await server.services.db.manager.query('SELECT 1 FROM logout_notices WHERE client_id = $1', [
        told.clientId,
      ]);
      expect(notices).toHaveLength(1);
    });

    const stranger = samlKey();
    it.each<[string, string, () => Promise<number>]>([
      [
        'that nobody has signed',
        'message_signature',
        async () => (await get(redirected('SAMLRequest', request()))).status,
      ],
      [
        'that somebody else has signed',
        'message_signature_value',
        async () => (await get(redirected('SAMLRequest', request(), { key: stranger }))).status,
      ],
      [
        'that was meant for somebody else',
        'destination',
        async () =>
          (
            await get(
              redirected('SAMLRequest', request({ destination: 'https://other.example' }), { key: party.idp.key }),
            )
          ).status,
      ],
      [
        'that is too old',
        'not_on_or_after',
        async () =>
          (
            await get(
              redirected('SAMLRequest', request({ not_on_or_after: '2020-01-01T00:00:00Z' }), { key: party.idp.key }),
            )
          ).status,
      ],
      [
        'of which the signature was taken away',
        'message_signature',
        async () => (await postForm(party.addresses.single_logout_service, { SAMLRequest: posted(request()) })).status,
      ],
    ])('a request %s ends nothing: one event', async (_, reason, send) => {
      expect(await send()).toBe(400);
      expect(await lives()).toBe(true);
      expect(await party.refusals()).toMatchObject([{ reason }]);
    });

    it('a request is good once: a new session does not end by an old one', async () => {
      const query = redirected('SAMLRequest', request(), { key: party.idp.key });
      expect((await get(query)).status).toBe(303);
      expect((await get(query)).status).toBe(400);
      expect(await party.refusals()).toMatchObject([{ reason: 'request_once' }]);
    });

    it('a request of one connection ends nothing of another', async () => {
      const other = await SamlParty.open(server);
      const answer = await get(redirected('SAMLRequest', request({}, other), { key: other.idp.key }), other);
      expect(answer.status).toBe(303);
      expect(await lives()).toBe(true);
    });
  });

  describe('that begins here', () => {
    /** @returns the page in between, and where it leads. */
    const signOut = async (params: Record<string, string> = {}) => {
      const asked = await browser.open(`${server.issuer}/logout?${new URLSearchParams(params)}`);
      const page = await browser.submit(asked, { logout: 'yes' });
      return { page, address: page.headers.get('refresh')?.replace('0; url=', '') ?? '' };
    };

    it('the session ends first; then the identity provider is told, signed, and the browser goes on where it was sent', async () => {
      const { page, address } = await signOut({
        client_id: client.clientId,
        post_logout_redirect_uri: bye,
        state: 's&1',
      });
      expect(await lives()).toBe(false);
      expect(page.status).toBe(200);
      expect(page.html).toContain('id="saml-logout"');
      expect(address.startsWith(`${party.idp.locations.slo}?SAMLRequest=`)).toBe(true);
      const xml = sentIn(address, 'SAMLRequest');
      expect(xml).toMatch(
        new RegExp(`<saml:NameID Format="[^"]+">${subject}</saml:NameID><samlp:SessionIndex>_session1<`),
      );
      expect(new URL(address).searchParams.has('Signature')).toBe(true);
      const relayState = new URL(address).searchParams.get('RelayState') ?? '';
      expect(relayState.length).toBeLessThanOrEqual(80);

      const requestId = / ID="([^"]+)"/.exec(xml)?.[1] ?? '';
      const response = logoutResponseXml({ ...between(), request_id: requestId });
      const back = await browser.open(
        `${party.addresses.single_logout_service}?${redirected('SAMLResponse', response, { key: party.idp.key, relay_state: relayState })}`,
      );
      expect(back.url).toBe(`${bye}?state=${encodeURIComponent('s&1')}`);
      expect(await party.refusals()).toEqual([]);
    });

    it('an answer that was posted goes on there, too: its page brings no cookie', async () => {
      const { address } = await signOut({ client_id: client.clientId, post_logout_redirect_uri: bye });
      const xml = sentIn(address, 'SAMLRequest');
      const response = logoutResponseXml({ ...between(), request_id: / ID="([^"]+)"/.exec(xml)?.[1] ?? '' });
      const answer = await postForm(party.addresses.single_logout_service, {
        SAMLResponse: posted(signed(response, 'LogoutResponse', party.idp.key)),
        RelayState: new URL(address).searchParams.get('RelayState') ?? '',
      });
      expect(answer).toMatchObject({ status: 303, location: expect.stringMatching(/\/signed-out$/) });
      expect((await browser.open(String(answer.location))).url).toBe(bye);
      // Once.
      expect((await browser.open(String(answer.location))).html).toContain('You are signed out');
    });

    it.each([
      ['to another request', { request_id: '_other' }, undefined, 'in_response_to'],
      ['to a request that was not ours', {}, 'made-up', 'relay_state'],
      ['that is no success', { status: ['urn:oasis:names:tc:SAML:2.0:status:Responder'] }, undefined, 'status'],
    ])('an answer %s is refused: one event', async (_, changed, state, reason) => {
      const { address } = await signOut();
      const { request_id, ...said } = changed as { request_id?: string; status?: string[] };
      const id = / ID="([^"]+)"/.exec(sentIn(address, 'SAMLRequest'))?.[1] ?? '';
      const response = logoutResponseXml({ ...between(), request_id: request_id ?? id }, said);
      const relay_state = state ?? new URL(address).searchParams.get('RelayState') ?? '';
      const answer = await get(redirected('SAMLResponse', response, { key: party.idp.key, relay_state }));
      expect(answer.status).toBe(400);
      expect(await party.refusals()).toMatchObject([{ reason }]);
    });

    it.each([
      ['the connection does not want it', { single_logout: false }, {}],
      ['the identity provider has no place for it', {}, { slo: [] }],
    ])('nobody is told where %s', async (_, settings, idpSettings) => {
      const own = await SamlParty.open(server, settings, { idpSettings });
      browser = new Browser();
      person = await makePerson(server);
      subject = `subject-${person.id}`;
      await signIn(browser, authorizationUrl(server, client, pkce()), person.email);
      await standOn(own, '_session1');
      const { page } = await signOut({ client_id: client.clientId, post_logout_redirect_uri: bye });
      expect(page.url).toBe(bye);
      expect(await lives()).toBe(false);
    });

    it('a ticket is good at its own connection, unchanged, and for ten minutes', async () => {
      const asked = await browser.open(`${server.issuer}/logout`);
      const form = await browser.submit(asked, { logout: 'yes' });
      const ticket = new URL(form.url);
      expect((await new Browser().open(ticket.href)).status).toBe(200);
      const other = await SamlParty.open(server);
      const elsewhere = ticket.href.replace(party.connection.id, other.connection.id);
      expect((await new Browser().open(elsewhere)).status).toBe(400);
      const changed = `${ticket.href.slice(0, -3)}AAA`;
      expect((await new Browser().open(changed)).status).toBe(400);
    });

    it('what goes back by a planted cookie leads nowhere', async () => {
      const address = party.addresses.single_logout_service.replace('/slo', '/signed-out');
      const tenant = await server.inside(({ tenants }) => tenants.current());
      const answer = await fetch(address, {
        redirect: 'manual',
        headers: { accept: 'text/html', cookie: `ostiary_sign_out_${tenant.id}=https://evil.example/` },
      });
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('You are signed out');
    });
  });
});
