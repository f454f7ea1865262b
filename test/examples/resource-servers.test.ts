// examples/machine calls examples/resource-server-jwt and -introspection, as their readers run them; then everybody who may not.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as oauth from 'oauth4webapi';
import { declare, declareExamples, type Example, runExample } from '../support/examples.js';
import { makeClient, type Party, post } from '../support/party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

const bookings = 'https://bookings.example.com';
const ledger = 'https://ledger.example.com';

describe('the examples of resource servers, and of a machine that calls them', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-example-'));
  const KEY_FILE = path.join(folder, 'key.json');
  let server: TestServer;
  let environment: Record<string, string>;
  let byJwt: Example;
  let byAsking: Example;
  let jwtApi: string;
  let askingApi: string;
  let other: Party;

  beforeAll(async () => {
    server = await startServer();
    const secrets = await declareExamples(server);
    environment = { ISSUER: server.issuer, KEY_FILE };
    const [one, two] = [`http://localhost:${await freePort()}`, `http://localhost:${await freePort()}`];
    [jwtApi, askingApi] = [`${one}/bookings`, `${two}/payments`];
    byJwt = runExample('resource-server-jwt', { ...environment, ORIGIN: one });
    const CLIENT_SECRET = String(secrets.get('example-ledger'));
    byAsking = runExample('resource-server-introspection', { ...environment, ORIGIN: two, CLIENT_SECRET });
    other = await makeClient(server, {
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: 'bookings:read ledger:read',
    });
    await Promise.all([byJwt.said('ready'), byAsking.said('ready')]);
  }, 180_000);
  afterAll(async () => {
    byJwt?.stop();
    byAsking?.stop();
    rmSync(folder, { recursive: true });
    await server?.close();
  });

  const tokenFor = async (resource: string, scope: string) =>
    (await post(server, '/token', other, { grant_type: 'client_credentials', resource, scope })).body;
  const show = async (api: string, authorization?: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(api, { headers: { ...(authorization ? { authorization } : {}), ...headers } });
    return {
      status: answer.status,
      challenge: answer.headers.get('www-authenticate') ?? '',
      body: await answer.json(),
    };
  };

  it('the machine makes a key that nobody else reads, and never writes over it', async () => {
    const example = runExample('machine', environment, '--new-key');
    expect(await example.ended()).toBe(0);
    expect(statSync(KEY_FILE).mode & 0o777).toBe(0o600);
    const printed = example.lines.join('\n');
    expect(printed).not.toMatch(/"d"/);
    await declare(server, printed);
    expect(await runExample('machine', environment, '--new-key').ended()).toBe(1);
  });

  it('the machine calls the API that verifies by itself, once, and ends with 0', async () => {
    const example = runExample('machine', { ...environment, API: jwtApi }, '--once');
    expect([await example.ended(), example.lines.join()]).toEqual([
      0,
      expect.stringContaining('"sub":"example-machine"'),
    ]);
    expect(example.lines.join()).not.toContain('eyJ');
  });

  it('the machine calls the API that asks, once, and ends with 0', async () => {
    const other = { ...environment, API: askingApi, AUDIENCE: ledger, SCOPE: 'ledger:read' };
    const example = runExample('machine', other, '--once');
    expect([await example.ended(), example.lines.join()]).toEqual([0, expect.stringContaining('"payments":[120]')]);
  });

  it('who brings nothing is told how to ask, and of no error (RFC 6750 §3)', async () => {
    expect(await show(jwtApi)).toMatchObject({ status: 401, challenge: 'Bearer, DPoP algs="ES256"' });
    expect(await show(askingApi)).toMatchObject({ status: 401, challenge: 'Bearer' });
  });

  it.each([
    'Bearer',
    'Bearer x',
    'Bearer a.b.c',
    'Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.',
    'Basic eDp5',
    'Bearer x y',
  ])('what is no token is refused: %s', async (authorization) => {
    for (const api of [jwtApi, askingApi]) {
      const { status, challenge } = await show(api, authorization);
      expect([status, challenge]).toEqual([401, expect.stringContaining('error="invalid_token"')]);
    }
  });

  it('a token in the address is none (RFC 9700 §4.3.2)', async () => {
    const { access_token } = await tokenFor(ledger, 'ledger:read');
    expect((await show(`${askingApi}?access_token=${access_token}`)).status).toBe(401);
  });

  it('a token for another API is refused (RFC 8707 §2.2)', async () => {
    const [forBookings, forLedger] = [await tokenFor(bookings, 'bookings:read'), await tokenFor(ledger, 'ledger:read')];
    expect((await show(jwtApi, `Bearer ${forBookings.access_token}`)).status).toBe(200);
    expect((await show(askingApi, `Bearer ${forLedger.access_token}`)).status).toBe(200);
    expect((await show(jwtApi, `Bearer ${forLedger.access_token}`)).status).toBe(401);
    expect((await show(askingApi, `Bearer ${forBookings.access_token}`)).status).toBe(401);
  });

  it('a token without the scope is refused with what is missing (RFC 6750 §3.1)', async () => {
    for (const [api, resource, scope] of [
      [jwtApi, bookings, 'bookings:read'],
      [askingApi, ledger, 'ledger:read'],
    ] as const) {
      const { access_token } = await tokenFor(resource, '');
      const { status, challenge } = await show(api, `Bearer ${access_token}`);
      expect([status, challenge]).toEqual([
        403,
        expect.stringContaining(`error="insufficient_scope", scope="${scope}"`),
      ]);
    }
  });

  it('what was revoked is refused from the next request on where the API asks', async () => {
    const { access_token } = await tokenFor(ledger, 'ledger:read');
    expect((await show(askingApi, `Bearer ${access_token}`)).status).toBe(200);
    await post(server, '/revoke', other, { token: String(access_token) });
    expect((await show(askingApi, `Bearer ${access_token}`)).status).toBe(401);
  });

  describe('a token that is bound to a key (RFC 9449)', () => {
    let pair: oauth.CryptoKeyPair;
    let token: string;
    const asking = { [oauth.allowInsecureRequests]: true };
    const client: oauth.Client = { client_id: '' };

    async function bound(resource: string, scope: string): Promise<string> {
      const issuer = new URL(server.issuer);
      const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, asking));
      client.client_id = other.clientId;
      const answer = await oauth.clientCredentialsGrantRequest(
        as,
        client,
        oauth.ClientSecretBasic(other.clientSecret),
        { resource, scope },
        { ...asking, DPoP: oauth.DPoP(client, pair) },
      );
      return (await oauth.processClientCredentialsResponse(as, client, answer)).access_token;
    }
    /** What a library would send. */
    async function proofFor(key = pair, api = jwtApi): Promise<string> {
      let proof = '';
      await oauth.protectedResourceRequest(token, 'GET', new URL(api), new Headers(), undefined, {
        ...asking,
        DPoP: oauth.DPoP(client, key),
        [oauth.customFetch]: async (_url: string, { headers }: { headers: Record<string, string> }) => {
          proof = String(headers.dpop);
          return new Response('{}');
        },
      });
      return proof;
    }

    beforeAll(async () => {
      pair = await oauth.generateKeyPair('ES256');
      token = await bound(bookings, 'bookings:read');
    });

    it('is taken with its proof, once', async () => {
      const dpop = await proofFor();
      expect((await show(jwtApi, `DPoP ${token}`, { dpop })).status).toBe(200);
      const again = await show(jwtApi, `DPoP ${token}`, { dpop });
      expect([again.status, again.challenge]).toEqual([401, expect.stringContaining('error="invalid_dpop_proof"')]);
    });

    it('is refused without a proof, as a bearer token, with the proof of another key, and with one for another address', async () => {
      const refused = async (scheme: string, dpop?: string) =>
        (await show(jwtApi, `${scheme} ${token}`, dpop ? { dpop } : {})).status;
      expect(await refused('Bearer')).toBe(401);
      expect(await refused('DPoP')).toBe(401);
      expect(await refused('Bearer', await proofFor())).toBe(401);
      expect(await refused('DPoP', await proofFor(await oauth.generateKeyPair('ES256')))).toBe(401);
      expect(await refused('DPoP', await proofFor(pair, 'http://evil.example/bookings'))).toBe(401);
      expect(await refused('DPoP', `${await proofFor()}, ${await proofFor()}`)).toBe(401);
      // A path that begins with a host is no other host.
      const dpop = await proofFor(pair, 'http://evil.example/bookings');
      const there = jwtApi.replace('/bookings', '//evil.example/bookings');
      expect((await show(there, `DPoP ${token}`, { dpop })).status).toBe(404);
    });

    it('is refused by an API that asks for no proof', async () => {
      const forLedger = await bound(ledger, 'ledger:read');
      for (const scheme of ['Bearer', 'DPoP'])
        expect((await show(askingApi, `${scheme} ${forLedger}`)).status).toBe(401);
    });
  });

  it('a path that is none ends nothing', async () => {
    for (const api of [jwtApi, askingApi])
      for (const path of ['//', '//:', '/%', '/constructor'])
        expect([path, (await fetch(new URL(api).origin + path)).status]).toEqual([path, 404]);
  });

  it('nobody is let in while the server cannot be asked', async () => {
    const [origin, stranger] = [`http://localhost:${await freePort()}`, await startServer()];
    const away = runExample('resource-server-introspection', {
      ISSUER: stranger.issuer,
      ORIGIN: origin,
      CLIENT_SECRET: 'x',
    });
    await away.said('ready');
    await stranger.close();
    expect(await show(`${origin}/payments`, 'Bearer x')).toMatchObject({ status: 503 });
    away.stop();
  });

  it('each ends with 0 when it has answered somebody who may, and was told to do so once', async () => {
    const origin = `http://localhost:${await freePort()}`;
    const example = runExample('resource-server-jwt', { ...environment, ORIGIN: origin }, '--once');
    await example.said('ready');
    expect((await show(`${origin}/bookings`)).status).toBe(401);
    const { access_token } = await tokenFor(bookings, 'bookings:read');
    expect((await show(`${origin}/bookings`, `Bearer ${access_token}`)).status).toBe(200);
    expect(await example.ended()).toBe(0);
  });
});
