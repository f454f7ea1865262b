import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { until } from '../../support/pair.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { startServer, type TestServer } from '../../support/server.js';

type Json = Record<string, unknown>;
type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

const vouching = 'https://vouching.example';
const redirect_uris = ['https://rp.example/cb'];

describe('software statements (RFC 7591 §2.3)', () => {
  let server: TestServer;
  let token: string;
  let trusted: Pair;
  let stranger: Pair;

  const allow = async (software_statements: Json) => {
    const issuers = [{ issuer: vouching, jwks: { keys: [{ ...(await exportJWK(trusted.publicKey)), kid: 'one' }] } }];
    const tenant = await server.services.tenants.find('default');
    await server.services.tenants.update(tenant, {
      settings: { protocol: { software_statements: { issuers, ...software_statements } } },
    } as never);
  };

  beforeAll(async () => {
    server = await startServer();
    token = await initialAccessTokenFor(server);
    trusted = await generateKeyPair('ES256', { extractable: true });
    stranger = await generateKeyPair('ES256', { extractable: true });
    await allow({});
  }, 180_000);
  afterAll(() => server?.close());

  const sign = (claims: Json = {}, { key = trusted.privateKey, header = {} as Json } = {}) =>
    new SignJWT({ iss: vouching, client_name: 'Vouched', redirect_uris, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header })
      .sign(key);
  const send = async (method: string, url: string, bearer: string, body?: Json) => {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${bearer}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: (await response.json()) as Json };
  };
  const register = (body: Json) => send('POST', `${server.issuer}/register`, token, body);

  it('count for more than what the client says beside them, and are returned as they were sent (§3.2.1)', async () => {
    const software_statement = await sign();
    const { status, body } = await register({
      software_statement,
      client_name: 'Your Bank',
      redirect_uris: ['https://evil.example/cb'],
      client_uri: 'https://rp.example/',
    });
    expect([status, body.error_description]).toEqual([201, undefined]);
    expect(body).toMatchObject({
      client_name: 'Vouched',
      redirect_uris,
      client_uri: 'https://rp.example/',
      software_statement,
    });
  });

  it('hold when the client changes its registration, too (RFC 7592 §2.2)', async () => {
    const software_statement = await sign();
    const { body: client } = await register({ software_statement });
    const at = String(client.registration_client_uri);
    const changed = await send('PUT', at, String(client.registration_access_token), {
      client_id: client.client_id,
      client_name: 'Your Bank',
      redirect_uris: ['https://evil.example/cb'],
      contacts: ['ops@rp.example'],
    });
    expect(changed.status).toBe(200);
    const wanted = { client_name: 'Vouched', redirect_uris, contacts: ['ops@rp.example'], software_statement };
    expect(changed.body).toMatchObject(wanted);
    const read = await send('GET', at, String(changed.body.registration_access_token));
    expect(read.body).toMatchObject(wanted);
    const stored = await server.inside(({ clients }) => clients.find(String(client.client_id)));
    expect(stored.metadata).toMatchObject({ client_name: 'Vouched', redirect_uris });
  });

  it('of other software do not replace the one a client has registered with (RFC 7592 §2.2)', async () => {
    const { body: client } = await register({ software_statement: await sign({ software_id: 'one' }) });
    const [at, bearer] = [String(client.registration_client_uri), String(client.registration_access_token)];
    const evil = ['https://evil.example/cb'];
    const change = async (statement: Json) =>
      send('PUT', at, bearer, { client_id: client.client_id, software_statement: await sign(statement) });
    for (const software_id of ['two', undefined]) {
      const { status, body } = await change({ software_id, redirect_uris: evil });
      expect([status, body.error]).toEqual([400, 'unapproved_software_statement']);
    }
    expect((await change({ software_id: 'one', client_name: 'Newer' })).body.client_name).toBe('Newer');
  });

  it('of software without a name nobody can say that they are of the same: only the same one is shown again (§2.3)', async () => {
    const statement = await sign({ client_name: 'Nameless' });
    const { body: client } = await register({ software_statement: statement });
    const change = (software_statement: string, bearer: unknown) =>
      send('PUT', String(client.registration_client_uri), String(bearer), {
        client_id: client.client_id,
        software_statement,
      });
    const evil = await sign({ redirect_uris: ['https://evil.example/cb'] });
    const refused = await change(evil, client.registration_access_token);
    expect([refused.status, refused.body.error]).toEqual([400, 'unapproved_software_statement']);
    const again = await change(statement, client.registration_access_token);
    expect([again.status, again.body.client_name]).toEqual([200, 'Nameless']);
  });

  it('say how the client authenticates, and it gets a secret where that needs one', async () => {
    for (const [stated, said] of [
      ['none', 'client_secret_basic'],
      ['client_secret_basic', 'none'],
    ] as const) {
      const software_statement = await sign({ token_endpoint_auth_method: stated });
      const { status, body } = await register({ software_statement, token_endpoint_auth_method: said });
      expect([status, body.token_endpoint_auth_method]).toEqual([201, stated]);
      expect(body.client_secret !== undefined).toBe(stated !== 'none');
    }
  });

  it('state nothing that only an administrator says', async () => {
    const { status, body } = await register({
      software_statement: await sign({
        access_token_ttl: 86_400,
        consent_policy: 'implicit',
        dynamic: false,
        client_id: 'mine',
      }),
    });
    expect(status).toBe(201);
    expect(body.client_id).not.toBe('mine');
    const stored = await server.inside(({ clients }) => clients.find(String(body.client_id)));
    expect([stored.dynamic, stored.consentPolicy]).toEqual([true, 'explicit']);
    expect(stored.metadata).not.toHaveProperty('access_token_ttl');
  });

  it('are bound by the policy of the initial access token', async () => {
    const narrow = await initialAccessTokenFor(server, { policy: { redirect_hosts: ['other.example'] } });
    const refused = await send('POST', `${server.issuer}/register`, narrow, { software_statement: await sign() });
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_redirect_uri']);
  });

  const now = () => Math.floor(Date.now() / 1000);
  it.each<[string, string, () => unknown]>([
    ['of nobody', 'unapproved_software_statement', () => sign({ iss: undefined })],
    [
      'of a stranger',
      'unapproved_software_statement',
      () => sign({ iss: 'https://evil.example' }, { key: stranger.privateKey }),
    ],
    ['of an issuer that is written otherwise', 'unapproved_software_statement', () => sign({ iss: `${vouching}/` })],
    [
      'of a stranger in the name of another',
      'invalid_software_statement',
      () => sign({}, { key: stranger.privateKey }),
    ],
    [
      'with its key in its header',
      'invalid_software_statement',
      async () =>
        sign({}, { key: stranger.privateKey, header: { kid: undefined, jwk: await exportJWK(stranger.publicKey) } }),
    ],
    [
      'without signature',
      'invalid_software_statement',
      () => new UnsecuredJWT({ redirect_uris }).setIssuer(vouching).encode(),
    ],
    [
      'with the public key as a secret',
      'invalid_software_statement',
      async () =>
        new SignJWT({ iss: vouching })
          .setProtectedHeader({ alg: 'HS256', kid: 'one' })
          .sign(Buffer.from(JSON.stringify(await exportJWK(trusted.publicKey)))),
    ],
    ['that is over', 'invalid_software_statement', () => sign({ exp: now() - 600 })],
    ['that is not yet', 'invalid_software_statement', () => sign({ nbf: now() + 600 })],
    ['for another server', 'invalid_software_statement', () => sign({ aud: 'https://other.example' })],
    [
      'with what nobody understands',
      'invalid_software_statement',
      async () => {
        const [, ...rest] = (await sign()).split('.');
        const header = { alg: 'ES256', kid: 'one', crit: ['x'], x: true };
        return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
      },
    ],
    ['that is an access token', 'invalid_software_statement', () => sign({}, { header: { typ: 'at+jwt' } })],
    ['that is no JWT', 'invalid_software_statement', () => 'nonsense'],
    ['that is no text', 'invalid_software_statement', () => ({})],
  ])('are not believed: %s (§3.2.2)', async (_what, error, statement) => {
    const { status, body } = await register({ redirect_uris, software_statement: await statement() });
    expect([status, body.error]).toEqual([400, error]);
  });

  it('are needed where the tenant says so', async () => {
    await allow({ required: true });
    let refused = await register({ redirect_uris });
    await until('the tenant is known anew', async () => {
      refused = await register({ redirect_uris });
      return refused.status === 400;
    });
    expect(refused.body.error).toBe('invalid_client_metadata');
    expect((await register({ software_statement: await sign({ aud: server.issuer }) })).status).toBe(201);
  });
});
