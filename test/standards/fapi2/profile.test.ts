import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import { Browser } from '../../support/browser.js';
import {
  addressOf,
  answered,
  assertionClaims,
  athOf,
  codeFor,
  type FapiParty,
  jwt,
  makeFapiParty,
  nowSeconds,
  proofClaims,
  push,
  requestOf,
  send,
  userinfo,
} from '../../support/fapi.js';
import { makePerson, pkce } from '../../support/party.js';
import { assertionOf, proofOf } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';

let server: TestServer;
let party: FapiParty;
let email: string;
const browser = new Browser();

beforeAll(async () => {
  server = await startServer();
  party = await makeFapiParty(server);
  ({ email } = await makePerson(server));
}, 180_000);
afterAll(() => server?.close());

const tokens = async () =>
  (await send(server, party, '/token', (await codeFor(server, party, email, browser)).form)).body;

describe('requirements for authorization servers (FAPI 2.0 §5.3.2)', () => {
  it('issues sender-constrained tokens, and signs with what the profile allows (§5.3.2.1 no. 4, §5.4.1)', async () => {
    const body = await tokens();
    expect(body.token_type).toBe('DPoP');
    expect(['PS256', 'ES256', 'EdDSA']).toContain(decodeProtectedHeader(String(body.id_token)).alg);
  });

  it('signs what it tells of a token with what the profile allows (§5.4.1, RFC 9701 §6)', async () => {
    const { access_token } = await tokens();
    const response = await fetch(`${server.issuer}/introspect`, {
      method: 'POST',
      headers: { accept: 'application/token-introspection+jwt' },
      body: new URLSearchParams({
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertionOf(party.key, party.clientId, server.issuer),
        token: String(access_token),
      }),
    });
    const header = decodeProtectedHeader(await response.text());
    expect(header).toMatchObject({ alg: 'ES256', typ: 'token-introspection+jwt' });
  });

  it('gives no token that is signed with another algorithm (§5.4.1)', async () => {
    const [good, bad] = ['https://api.example/es256', 'https://api.example/rs256'];
    await server.inside(async ({ resources }) => {
      const api = { name: 'API', scopes: [{ name: 'read' }], access_token_format: 'jwt' };
      await resources.create({ ...api, identifier: good, signing_alg: 'ES256' } as never);
      await resources.create({ ...api, identifier: bad, signing_alg: 'RS256' } as never);
    });
    const ask = (resource: string) =>
      send(server, party, '/par', { ...requestOf(party, pkce()), scope: 'openid read', resource }, { proof: null });
    expect((await ask(good)).status).toBe(201);
    const { status, body } = await ask(bad);
    expect([status, body.error]).toEqual([400, 'invalid_target']);
  });

  it('takes no proof at /userinfo that the profile forbids, whose token it is (§5.3.2.1 no. 13)', async () => {
    const plain = await makeFapiParty(server, { profile: undefined, dpop_bound_access_tokens: true });
    const statuses: number[] = [];
    for (const one of [party, plain]) {
      const { form } = await codeFor(server, one, email, browser);
      const token = String((await send(server, one, '/token', form)).body.access_token);
      for (const iat of [nowSeconds(), nowSeconds() + 200]) {
        const claims = { htm: 'GET', htu: `${server.issuer}/userinfo`, ath: athOf(token), iat };
        statuses.push((await userinfo(server, token, await proofOf(one.dpop, claims))).status);
      }
    }
    expect(statuses).toEqual([200, 401, 200, 200]);
  });

  it('gives the same refresh token again, which stays good (§5.3.2.1 no. 9)', async () => {
    const { refresh_token } = await tokens();
    const form = { grant_type: 'refresh_token', refresh_token: String(refresh_token) };
    for (let time = 0; time < 3; time += 1) {
      const { status, body } = await send(server, party, '/token', form);
      expect([status, body.refresh_token]).toEqual([200, refresh_token]);
    }
  });

  it('says who it is in the response, success or not (§5.3.2.2 no. 7, RFC 9207 §2)', async () => {
    const { page } = await answered(server, party, browser, email);
    const refused = await answered(server, party, new Browser(), email, { prompt: 'none' });
    for (const { url } of [page, refused.page]) expect(new URL(url).searchParams.get('iss')).toBe(server.issuer);
    expect(new URL(refused.page.url).searchParams.get('error')).toBe('login_required');
  });

  it('redirects with 303, never 307 (§5.3.2.2 no. 10 and 11)', async () => {
    await answered(server, party, browser, email);
    const { body } = await push(server, party, pkce());
    const response = await browser.request(addressOf(server, party, String(body.request_uri)));
    expect([response.status, response.headers.get('location')?.startsWith(party.redirectUri)]).toEqual([303, true]);
  });

  it('issues a request_uri for less than 600 seconds (§5.3.2.2 no. 12)', async () => {
    const { status, body } = await send(server, party, '/par', requestOf(party, pkce()), { proof: null });
    expect([status, Number(body.expires_in) < 600]).toEqual([201, true]);
  });

  it('takes a nonce of 64 characters (§5.3.2.2 no. 14)', async () => {
    const more = { nonce: 'n'.repeat(64), scope: 'openid' };
    const { form } = await codeFor(server, party, email, browser, more);
    expect((await send(server, party, '/token', form)).status).toBe(200);
  });

  it('accepts what was signed 10 seconds ahead (§5.3.2.1 no. 13)', async () => {
    const { form } = await codeFor(server, party, email, browser);
    const iat = nowSeconds() + 10;
    const assertion = await jwt(
      { ...assertionClaims(server, party), iat, nbf: iat },
      { alg: 'ES256' },
      party.key.privateKey,
    );
    const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: party.dpop.jwk };
    const proof = await jwt({ ...proofClaims(server, '/token'), iat }, header, party.dpop.privateKey);
    expect((await send(server, party, '/token', form, { assertion, proof })).status).toBe(200);
  });
});

describe('the profile of a client', () => {
  const change = (patch: object) =>
    server.inside(async ({ clients }) => clients.update(await clients.find(party.clientId), patch as never));

  it.each<[string, object, string]>([
    ['without PAR', { require_pushed_authorization_requests: false }, '/require_pushed_authorization_requests'],
    ['with bearer tokens', { dpop_bound_access_tokens: false }, '/dpop_bound_access_tokens'],
    ['with RS256', { id_token_signed_response_alg: 'RS256' }, '/id_token_signed_response_alg'],
    ['by http', { redirect_uris: ['http://localhost/cb'] }, '/redirect_uris/0'],
    ['as a public client', { token_endpoint_auth_method: 'none' }, '/token_endpoint_auth_method'],
  ])('is not kept by a client %s, and says which member', async (_name, patch, pointer) => {
    await expect(change(patch)).rejects.toMatchObject({
      status: 422,
      details: { issues: expect.arrayContaining([expect.objectContaining({ pointer })]) },
    });
  });

  it('is not lowered by whoever leaves it out', async () => {
    const replaced = server.inside(async ({ clients }) => {
      const client = await clients.find(party.clientId);
      const { profile: _profile, ...said } = client.metadata;
      return clients.replace(client, said as never);
    });
    await expect(replaced).rejects.toMatchObject({ status: 422, details: { issues: [{ pointer: '/profile' }] } });
  });

  it('is lowered by saying so, which is on record', async () => {
    const lowered = await makeFapiParty(server);
    await server.inside(async ({ clients }) =>
      clients.update(await clients.find(lowered.clientId), { profile: null } as never),
    );
    const events = await server.inside(({ db }) =>
      db.manager.query(`SELECT data FROM audit_events WHERE name = 'client.profile_lowered'`),
    );
    expect(events).toEqual([{ data: { client_id: lowered.clientId, from: 'fapi2', to: null } }]);
  });

  it('holds whatever an older row says: such a client is none', async () => {
    const older = await makeFapiParty(server);
    await server.inside(({ db }) =>
      db.manager.query(
        `UPDATE clients SET metadata = metadata || '{"dpop_bound_access_tokens": false}' WHERE client_id = $1`,
        [older.clientId],
      ),
    );
    const { status, body } = await send(server, older, '/par', requestOf(older, pkce()), { proof: null });
    expect([status, body.error]).toEqual([401, 'invalid_client']);
  });
});
