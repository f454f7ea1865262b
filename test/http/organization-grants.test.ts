import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { acrValues, limits } from '../../config/protocol.js';
import { Browser } from '../support/browser.js';
import { CIBA_GRANT, makeBank, press } from '../support/ciba.js';
import { approve, askForCodes, makeDeviceClient, poll, typeCode } from '../support/device.js';
import { back, exchange, letExchange, makeResources, received, signed, TOKEN_EXCHANGE } from '../support/exchanging.js';
import { changePolicy, makeOrganization, type TestOrganization } from '../support/organizations.js';
import { introspect, makeClient, makePerson, type Party, post, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const [, mfa] = acrValues;
const scope = 'openid organization';

describe('tokens for an organization that no redirect brought', () => {
  let server: TestServer;
  let person: { id: string; email: string };
  let acme: TestOrganization;
  let other: TestOrganization;

  beforeAll(async () => {
    const roomy = Object.fromEntries(Object.keys(limits).map((name) => [name, { points: 100_000, seconds: 60 }]));
    server = await startServer({ overrides: { limits: roomy } });
    await makeResources(server);
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    acme = await makeOrganization(server, { members: [person] });
    other = await makeOrganization(server, { members: [person], name: 'Other' });
  });

  const suspend = () =>
    server.inside(async ({ organizations, memberships }) =>
      memberships.suspend(await organizations.find(acme.id), person.id, 'x'),
    );
  const active = async (party: Party, token: unknown) =>
    (await introspect(server, party, String(token))).body.active as unknown;

  describe('a device (RFC 8628)', () => {
    let tv: Party;
    beforeAll(async () => {
      tv = await makeDeviceClient(server, { scope: `${scope} email` });
    });
    const begin = async (form: Record<string, string>) => {
      const { body, status } = await askForCodes(server, tv, { scope, ...form });
      expect([status, body.error]).toEqual([200, undefined]);
      const browser = new Browser();
      const page = await approve(browser, await typeCode(browser, server, String(body.user_code)), person.email);
      return { browser, page, answer: () => poll(server, tv, String(body.device_code)) };
    };

    it('is given those of the organization that it asked for, and they end with the membership', async () => {
      const { answer } = await begin({ organization: acme.slug });
      const { body } = await answer();
      expect(decodeJwt(String(body.id_token))).toMatchObject({ org_id: acme.id, roles: ['member'] });
      expect(await active(tv, body.access_token)).toBe(true);
      await suspend();
      expect([await active(tv, body.access_token), await active(tv, body.refresh_token)]).toEqual([false, false]);
    });

    it('is given those of the one that the person chose', async () => {
      const { browser, page, answer } = await begin({});
      expect(page.html).toContain('id="organization-submit"');
      const consent = await browser.submit(page, { organization: other.id });
      await browser.submit(consent, { decision: 'allow' });
      expect(decodeJwt(String((await answer()).body.id_token))).toMatchObject({ org_id: other.id });
    });

    it('is told access_denied where the person is no member', async () => {
      const { browser, page, answer } = await begin({ organization: 'unknown' });
      await browser.submit(page, { decision: 'deny' });
      expect((await answer()).body.error).toBe('access_denied');
    });

    it('is refused the scope that it is not registered for', async () => {
      const plain = await makeDeviceClient(server, { scope: 'openid' });
      const { body } = await askForCodes(server, plain, { scope: 'openid', organization: acme.slug });
      expect(body.error).toBe('invalid_scope');
    });

    it('is given nothing where the membership ended between the page and the poll', async () => {
      const { answer } = await begin({ organization: acme.slug });
      await suspend();
      expect((await answer()).body.error).toBe('invalid_grant');
    });
  });

  describe('an application that asks behind the scenes (OpenID Connect CIBA)', () => {
    let bank: Party;
    let phone: Browser;
    beforeAll(async () => {
      bank = await makeBank(server, { scope: `${scope} email` });
    });
    beforeEach(async () => {
      phone = new Browser();
      await signIn(phone, `${server.issuer}/account`, person.email);
    });
    const ask = (form: Record<string, string> = {}) =>
      post(server, '/backchannel', bank, { scope, login_hint: person.email, ...form });
    const decided = async (form: Record<string, string>) => {
      const { body, status } = await ask(form);
      expect([status, body.error_description]).toEqual([200, undefined]);
      const page = await press(phone, await phone.open(`${server.issuer}/account/requests`), 'approve');
      const answer = await post(server, '/token', bank, {
        grant_type: CIBA_GRANT,
        auth_req_id: String(body.auth_req_id),
      });
      return { page, answer: answer.body };
    };

    it('is given those of the organization that it named, and they end with the membership', async () => {
      const { answer } = await decided({ organization: acme.id });
      expect(decodeJwt(String(answer.id_token))).toMatchObject({ org_id: acme.id, org_slug: acme.slug });
      await suspend();
      expect([await active(bank, answer.access_token), await active(bank, answer.refresh_token)]).toEqual([
        false,
        false,
      ]);
    });

    /** To an app that shows requests itself. */
    const shownAs = async () => {
      const answer = await phone.request(`${server.issuer}/api/v1/backchannel-requests`);
      return ((await answer.json()) as { items: { organization?: unknown }[] }).items[0]?.organization;
    };

    it('names it, whatever the person belongs to: nobody could choose', async () => {
      const [one, none] = [await makePerson(server), await makePerson(server)];
      await makeOrganization(server, { members: [one] });
      for (const { email } of [person, one, none])
        expect((await ask({ login_hint: email })).body).toMatchObject({
          error: 'invalid_request',
          error_description: 'organization must be named: there is no page on which anybody could choose',
        });
    });

    it('is not told who is a member of what before they have said so: it waits, and they can only say no', async () => {
      const foreign = await makeOrganization(server);
      await suspend();
      const member = await ask({ organization: other.slug });
      const forms = (html: string) => [...html.matchAll(/action="[^"]*requests\/(\w+)"/g)].map(([, verb]) => verb);
      const page = await phone.open(`${server.issuer}/account/requests`);
      expect([forms(page.html), page.html]).toEqual([['deny', 'approve'], expect.stringContaining(other.name)]);
      expect(await shownAs()).toEqual({ id: other.id, slug: other.slug, name: other.name });
      await press(phone, page, 'deny');
      for (const organization of ['unknown', foreign.slug, foreign.id, acme.slug]) {
        const asked = await ask({ organization });
        expect([asked.status, Object.keys(asked.body)]).toEqual([200, Object.keys(member.body)]);
        const poll = () =>
          post(server, '/token', bank, { grant_type: CIBA_GRANT, auth_req_id: String(asked.body.auth_req_id) });
        expect((await poll()).body.error).toBe('authorization_pending');
        const requests = await phone.open(`${server.issuer}/account/requests`);
        expect([forms(requests.html), await shownAs()]).toEqual([['deny'], null]);
        expect(requests.html).not.toContain(foreign.name);
        await press(phone, requests, 'deny');
        expect((await poll()).body.error).toBe('access_denied');
      }
    });

    it('puts as many of either to one person, and no more', async () => {
      for (const organization of [acme.slug, 'unknown']) {
        const asked = [];
        for (let n = 0; n < 6; n += 1) asked.push((await ask({ organization })).status);
        expect(asked).toEqual([200, 200, 200, 200, 200, 400]);
        for (let n = 0; n < 5; n += 1)
          await press(phone, await phone.open(`${server.issuer}/account/requests`), 'deny');
      }
    });

    it('is given nothing while the password is shorter than the organization takes, which is changed first', async () => {
      await changePolicy(server, acme, { password: { min_length: 60 } });
      const { page, answer } = await decided({ organization: acme.slug });
      expect([page.status, answer.error]).toEqual([403, 'authorization_pending']);
    });

    it('is given nothing where the session does not stand on what the organization takes', async () => {
      for (const policy of [{ acr: mfa }, { ways_in: ['passkey'] }, { ip_allow_list: ['198.51.100.0/24'] }]) {
        const strict = await makeOrganization(server, { policy, members: [person] });
        const { page, answer } = await decided({ organization: strict.slug });
        expect([page.status, answer.error]).toEqual([403, 'authorization_pending']);
        await press(phone, await phone.open(`${server.issuer}/account/requests`), 'deny');
      }
    });

    it('is given nothing where the membership ended before the decision', async () => {
      await ask({ organization: acme.slug });
      const page = await phone.open(`${server.issuer}/account/requests`);
      await suspend();
      expect((await press(phone, page, 'approve')).status).toBe(403);
    });
  });

  describe('a client that acts for itself (RFC 6749 §4.4)', () => {
    const form = { grant_type: 'client_credentials', scope: 'read' };
    const machine = (organizations?: string[]) =>
      makeClient(server, {
        ...{ redirect_uris: [], response_types: [], grant_types: ['client_credentials'], scope: 'read' },
        ...(organizations ? { organizations } : {}),
      });
    const end = () =>
      server.inside(async ({ organizations }) => organizations.suspend(await organizations.find(acme.id), 'x'));

    it.each([back, signed])(
      'is given those it is registered for, which end with the organization, at %s',
      async (resource) => {
        const party = await machine([acme.id]);
        for (const organization of [acme.id, acme.slug]) {
          const { body, status } = await post(server, '/token', party, { ...form, resource, organization });
          expect([status, body.error_description]).toEqual([200, undefined]);
          const told = (await introspect(server, party, String(body.access_token))).body;
          expect(told).toMatchObject({ active: true, org_id: acme.id, org_name: acme.name, org_slug: acme.slug });
          expect(told).not.toHaveProperty('roles');
        }
        const [mine, plain] = [
          await post(server, '/token', party, { ...form, resource, organization: acme.id }),
          await post(server, '/token', party, { ...form, resource }),
        ];
        await end();
        expect([await active(party, mine.body.access_token), await active(party, plain.body.access_token)]).toEqual([
          false,
          true,
        ]);
        const again = await post(server, '/token', party, { ...form, resource, organization: acme.id });
        expect(again.body.error).toBe('unauthorized_client');
      },
    );

    it('is refused all others, all alike: unauthorized_client', async () => {
      for (const party of [await machine(), await machine([acme.id])])
        for (const organization of [other.id, other.slug, 'unknown']) {
          const { body } = await post(server, '/token', party, { ...form, resource: back, organization });
          expect([body.error, body.error_description]).toEqual([
            'unauthorized_client',
            'the client may not have a token for this organization',
          ]);
        }
    });
  });

  describe('an exchanged token (RFC 8693)', () => {
    let app: Party;
    let service: Party;
    beforeAll(async () => {
      app = await makeClient(server, { consent_policy: 'implicit' });
      service = await makeClient(server, {
        ...{ client_name: 'Service', grant_types: [TOKEN_EXCHANGE], response_types: [], redirect_uris: [] },
      });
      await letExchange(server, service, app);
    });

    it.each([back, signed])(
      'stays in the organization of the subject token, and ends with it, at %s',
      async (target) => {
        const more = { organization: acme.slug, scope: `${scope} read write` };
        const { access_token } = await received(server, app, person.email, signed, more);
        const { body, status } = await exchange(server, service, access_token, { resource: target });
        expect([status, body.error_description]).toEqual([200, undefined]);
        expect((await introspect(server, service, String(body.access_token))).body).toMatchObject({
          active: true,
          org_id: acme.id,
          roles: ['member'],
        });
        await suspend();
        expect(await active(service, body.access_token)).toBe(false);
      },
    );

    it('is for none where the subject token is for none', async () => {
      const { access_token } = await received(server, app, person.email, signed);
      const { body } = await exchange(server, service, access_token, { resource: back });
      expect((await introspect(server, service, String(body.access_token))).body).not.toHaveProperty('org_id');
    });

    it('is for no other: invalid_grant', async () => {
      const more = { organization: acme.slug, scope: `${scope} read write` };
      const { access_token } = await received(server, app, person.email, signed, more);
      const { body } = await exchange(server, service, access_token, { resource: back, organization: other.slug });
      expect(body.error).toBe('invalid_grant');
      const given = await server.services.db.manager.query(
        `SELECT 1 FROM grants WHERE account_id = $1 AND origin = 'exchange'`,
        [person.id],
      );
      expect(given).toEqual([]);
      for (const organization of [acme.slug, acme.id])
        expect((await exchange(server, service, access_token, { resource: back, organization })).status).toBe(200);
    });
  });
});
