import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser } from '../../support/browser.js';
import { CIBA_GRANT, makeBank, press } from '../../support/ciba.js';
import { approve, askForCodes, makeDeviceClient, poll, typeCode } from '../../support/device.js';
import { jwt, makeFapiParty, requestObjectClaims } from '../../support/fapi.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  redeem,
  refresh,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const asked = { userinfo: { email: { essential: true }, address: null, name: null }, id_token: { email: null } };
const claims = JSON.stringify(asked);

describe('the claims parameter (OpenID Connect Core §5.5)', () => {
  let server: TestServer;
  let email: string;
  const browser = new Browser();
  /** What an administrator lets it know of people: their names. */
  const few = { scope: 'openid profile offline_access' };

  beforeAll(async () => {
    server = await startServer();
    ({ email } = await makePerson(server));
    await signIn(browser, `${server.issuer}/account`, email);
  }, 180_000);
  afterAll(() => server?.close());

  /** The claims by name in the last grant of the client. */
  const granted = (clientId: string): Promise<string[]> =>
    server.inside(async ({ db }) => {
      const [row] = await db.manager.query(
        `SELECT payload #> '{openid,claims}' AS claims FROM grants WHERE client_id = $1 ORDER BY created_at DESC`,
        [clientId],
      );
      return (row?.claims ?? []).sort();
    });
  const userinfo = async (token: unknown) => {
    const answer = await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    return (await answer.json()) as Record<string, unknown>;
  };
  const pushed = async (party: Party) => {
    const proof = pkce();
    const request = Object.fromEntries(
      new URL(authorizationUrl(server, party, proof, { scope: 'openid', claims })).searchParams,
    );
    const { status, body } = await post(server, '/par', party, request);
    expect([status, body.error_description]).toEqual([201, undefined]);
    const { request_uri = '' } = body;
    const url = `${server.issuer}/authorize?${new URLSearchParams({ client_id: party.clientId, request_uri })}`;
    return redeem(server, party, codeOf(await signIn(browser, url, email)), proof);
  };

  describe('asks for no claim whose scope the client is not registered for, and is no error for it (§5.5.1)', () => {
    it('by the address of a browser: what is left is told, by UserInfo and ID token', async () => {
      const party = await makeClient(server, { ...few, consent_policy: 'implicit' });
      const given = await tokensFor(server, party, email, { scope: 'openid', claims }, browser);
      expect(await userinfo(given.access_token)).toEqual({ sub: expect.any(String), name: 'Maria Muster' });
      expect(decodeJwt(String(given.id_token))).not.toHaveProperty('email');
      expect(await granted(party.clientId)).toEqual(['name']);
    });

    it('by the page of consent: what is not asked for is not shown', async () => {
      const party = await makeClient(server, few);
      const page = await browser.open(authorizationUrl(server, party, pkce(), { scope: 'openid', claims }));
      expect(page.html).toContain('consent-allow');
      for (const words of ['See your e-mail address', 'See your postal address'])
        expect(page.html).not.toContain(words);
      codeOf(await browser.submit(page, { decision: 'allow' }));
      expect(await granted(party.clientId)).toEqual(['name']);
    });

    it('by a pushed request (RFC 9126)', async () => {
      const party = await makeClient(server, { ...few, consent_policy: 'implicit' });
      const { body } = await pushed(party);
      expect(await userinfo(body.access_token)).toEqual({ sub: expect.any(String), name: 'Maria Muster' });
    });

    it('by a request object (RFC 9101)', async () => {
      const party = await makeFapiParty(server, { ...few, profile: undefined, require_signed_request_object: true });
      const object = { ...requestObjectClaims(server, party), scope: 'openid', claims: asked };
      const request = await jwt(object, { alg: 'ES256' }, party.key.privateKey);
      const url = `${server.issuer}/authorize?${new URLSearchParams({ client_id: party.clientId, request })}`;
      codeOf(await signIn(browser, url, email));
      expect(await granted(party.clientId)).toEqual(['name']);
    });

    it('by a device (RFC 8628)', async () => {
      const tv = await makeDeviceClient(server, few);
      const { body } = await askForCodes(server, tv, { scope: 'openid', claims });
      await approve(browser, await typeCode(browser, server, String(body.user_code)), email);
      const { access_token } = (await poll(server, tv, String(body.device_code))).body;
      expect(await userinfo(access_token)).toEqual({ sub: expect.any(String), name: 'Maria Muster' });
    });

    it('by CIBA', async () => {
      const bank = await makeBank(server, few);
      const { body } = await post(server, '/backchannel', bank, { scope: 'openid', login_hint: email, claims });
      const page = await browser.open(`${server.issuer}/account/requests`);
      expect(page.html).not.toContain('See your e-mail address');
      await press(browser, page, 'approve');
      const { auth_req_id = '' } = body;
      const given = await post(server, '/token', bank, { grant_type: CIBA_GRANT, auth_req_id });
      expect(await userinfo(given.body.access_token)).toEqual({ sub: expect.any(String), name: 'Maria Muster' });
    });
  });

  it('a scope that is taken back is gone as claims, too, however they were asked for', async () => {
    const party = await makeClient(server, {
      scope: 'openid profile email offline_access',
      consent_policy: 'implicit',
    });
    const given = await tokensFor(server, party, email, { scope: 'openid offline_access', claims }, browser);
    expect(await userinfo(given.access_token)).toMatchObject({ name: 'Maria Muster', email });
    expect(decodeJwt(String(given.id_token))).toMatchObject({ email });
    await server.inside(async ({ clients }) =>
      clients.update(await clients.find(party.clientId), { scope: 'openid profile offline_access' }),
    );
    const left = { sub: expect.any(String), name: 'Maria Muster' };
    expect(await userinfo(given.access_token)).toEqual(left);
    const { body } = await refresh(server, party, String(given.refresh_token));
    expect(await userinfo(body.access_token)).toEqual(left);
    expect(decodeJwt(String(body.id_token))).not.toHaveProperty('email');
  });

  it('goes on for a client to which nothing is forbidden', async () => {
    const party = await makeClient(server, { consent_policy: 'implicit' });
    const { body } = await pushed(party);
    expect(await userinfo(body.access_token)).toMatchObject({ name: 'Maria Muster', email });
  });
});
