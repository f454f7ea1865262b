import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import type { Tenant } from '../../../src/features/tenants/tenant.entity.js';
import { withContext } from '../../../src/platform/context.js';
import { tokenWith } from '../../support/api.js';
import { makeApiKey } from '../../support/api-keys.js';
import { Browser } from '../../support/browser.js';
import { CertificateMaker, type ClientCertificate, showing } from '../../support/client-certificates.js';
import { until } from '../../support/pair.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, signIn } from '../../support/party.js';
import { freePort, startServer, type TestServer } from '../../support/server.js';
import { type Certificate, selfSigned, trusting } from '../../support/tls.js';

const maker = new CertificateMaker();
const { fetch: plain } = globalThis;

let tls: Certificate;
let server: TestServer;
let origin: string;
let authority: string;

beforeAll(async () => {
  tls = selfSigned();
  // Pages and the code are asked for as everybody does, without a certificate.
  globalThis.fetch = trusting(tls);
  authority = maker.authority('clients');
  const [port, listener] = [await freePort(), await freePort()];
  origin = `https://localhost:${listener}`;
  server = await startServer({
    environment: {
      ISSUER: `https://localhost:${port}`,
      TLS_CERT: tls.certFile,
      TLS_KEY: tls.keyFile,
      MTLS_ORIGIN: origin,
      MTLS_PORT: String(listener),
      MTLS_CA: authority,
    },
  });
  await server.inside(({ tenants }) => tenants.create({ slug: 'acme', name: 'Acme' }));
}, 180_000);
afterAll(async () => {
  await server?.close();
  globalThis.fetch = plain;
  tls?.remove();
  maker.remove();
});

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function ask(url: string, shown: ClientCertificate | undefined, init: RequestInit = {}): Promise<Answer> {
  const answer = await showing(tls.cert, shown)(url, init);
  const text = await answer.text();
  return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

const post = (path: string, shown: ClientCertificate | undefined, form: Record<string, string>, at = origin) =>
  ask(`${at}${path}`, shown, { method: 'POST', body: new URLSearchParams(form) });

const machine = (metadata: Record<string, unknown>): Promise<Party> =>
  makeClient(server, {
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: undefined,
    ...metadata,
  });

const credentials = ({ clientId: client_id }: Party, shown?: ClientCertificate, at = origin) =>
  post('/token', shown, { grant_type: 'client_credentials', client_id }, at);

const refused = { status: 401, body: expect.objectContaining({ error: 'invalid_client' }) };

describe('metadata (RFC 8705 §2.1.1, §2.2.1, §3.3, §5)', () => {
  const discovery = (at: string) => ask(`${at}/.well-known/openid-configuration`, undefined);

  it('names both methods, bound tokens, and an alias for each endpoint where a certificate may be shown', async () => {
    const { body } = await discovery(server.issuer);
    expect(body.issuer).toBe(server.issuer);
    expect(body.tls_client_certificate_bound_access_tokens).toBe(true);
    expect(body.token_endpoint_auth_methods_supported).toEqual(
      expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']),
    );
    expect(body.mtls_endpoint_aliases).toMatchObject({
      token_endpoint: `${origin}/token`,
      revocation_endpoint: `${origin}/revoke`,
      introspection_endpoint: `${origin}/introspect`,
      pushed_authorization_request_endpoint: `${origin}/par`,
      userinfo_endpoint: `${origin}/userinfo`,
      device_authorization_endpoint: `${origin}/device_authorization`,
      backchannel_authentication_endpoint: `${origin}/backchannel`,
    });
    const acme = await discovery(`${server.issuer}/t/acme`);
    expect(acme.body.mtls_endpoint_aliases).toMatchObject({ token_endpoint: `${origin}/t/acme/token` });
  });

  it('names no alias of what the tenant has turned off (§5)', async () => {
    const turn = (device_flow: 'on' | 'off') =>
      server.inside(async ({ tenants }) =>
        tenants.update(
          (await tenants.findBySlug('acme')) as Tenant,
          { settings: { protocol: { device_flow } } } as never,
        ),
      );
    await turn('off');
    const aliases = async () =>
      Object.keys((await discovery(`${server.issuer}/t/acme`)).body.mtls_endpoint_aliases as object);
    const name = 'device_authorization_endpoint';
    await until('the engine was built anew', async () => !(await aliases()).includes(name));
    expect(await aliases()).toContain('token_endpoint');
    await turn('on');
  });

  it('the aliases and the management API are all there is at that address: no pages, no metadata, nothing of people (§5)', async () => {
    for (const path of ['/', '/authorize', '/account', '/.well-known/openid-configuration', '/jwks', '/api/v1/auth/me'])
      expect([path, (await ask(`${origin}${path}`, undefined)).status]).toEqual([path, 404]);
    for (const path of ['/api/v1/users', '/t/acme/api/v1/users'])
      expect([path, (await ask(`${origin}${path}`, undefined)).status]).toEqual([path, 401]);
  });
});

describe('the management API (RFC 8705 §3)', () => {
  const mine = maker.selfSigned();
  const other = maker.selfSigned();
  const scope = 'clients:read api_keys:write tenants:read tenants:write';
  const resource = () => `${server.issuer}/api`;
  let bound: string;
  let unbound: string;

  beforeAll(async () => {
    const party = await machine({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      tls_client_certificate_bound_access_tokens: true,
      jwks: { keys: [mine.jwk] },
      scope,
    });
    const form = { grant_type: 'client_credentials', client_id: party.clientId, resource: resource(), scope };
    bound = String((await post('/token', mine, form)).body.access_token);
    unbound = await tokenWith(server, scope);
  });
  afterAll(() => require(null));

  const require = (certificate_bound_only: true | null) =>
    server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), {
        settings: { api: certificate_bound_only && { certificate_bound_only } },
      } as never),
    );
  const clients = async (token: string, shown: ClientCertificate | undefined, at = origin, init: RequestInit = {}) =>
    (await ask(`${at}/api/v1/clients`, shown, { headers: { authorization: `Bearer ${token}` }, ...init })).status;
  const change = (token: string, shown: ClientCertificate | undefined) =>
    ask(`${origin}/api/v1/tenants/default`, shown, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ settings: { api: { certificate_bound_only: true } } }),
    });

  it('takes a token that is bound to a certificate with that one, and nowhere else', async () => {
    expect(await clients(bound, mine)).toBe(200);
    expect([await clients(bound, other), await clients(bound, undefined)]).toEqual([401, 401]);
    expect(await clients(bound, mine, server.issuer)).toBe(401);
    expect([await clients(unbound, mine), await clients(unbound, undefined, server.issuer)]).toEqual([200, 200]);
  });

  it('is not closed by whoever would be shut out', async () => {
    const refused = await change(unbound, mine);
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([
      422,
      expect.stringContaining('certificate_bound_only'),
    ]);
    expect((await change(bound, mine)).status).toBe(200);
  });

  it('takes nothing else where the tenant says so: no token that is bound to nothing, no API key', async () => {
    await require(null);
    const { value } = await makeApiKey(server, unbound);
    expect(await clients(value, mine)).toBe(200);
    await require(true);
    for (const token of [unbound, value])
      expect([await clients(token, mine), await clients(token, undefined, server.issuer)]).toEqual([401, 401]);
    expect(await clients(bound, mine)).toBe(200);
  });
});

describe('self-signed certificates (RFC 8705 §2.2)', () => {
  const mine = maker.selfSigned();
  const other = maker.selfSigned();
  let party: Party;

  beforeAll(async () => {
    party = await machine({ token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [mine.jwk] } });
  });

  it('a client is whoever shows the certificate that it has registered in x5c (§2.2.2)', async () => {
    expect(await credentials(party, mine)).toMatchObject({ status: 200, body: { token_type: 'Bearer' } });
  });

  it('is nobody with another certificate, or without one', async () => {
    expect(await credentials(party, other)).toEqual(refused);
    expect(await credentials(party)).toEqual(refused);
  });

  it('is nobody at the address of people, where nobody is asked for a certificate', async () => {
    expect(await credentials(party, mine, server.issuer)).toEqual(refused);
  });

  it('believes no header where this server asks for certificates itself', async () => {
    const init = {
      method: 'POST',
      headers: { 'client-cert': mine.header, 'x-client-verify': 'SUCCESS' },
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: party.clientId }),
    };
    expect(await ask(`${origin}/token`, other, init)).toEqual(refused);
    expect(await ask(`${server.issuer}/token`, undefined, init)).toEqual(refused);
  });
});

describe('certificates of an authority (RFC 8705 §2.1)', () => {
  const subject = '/C=DE/O=Example, Ltd./CN=client';
  const names = 'DNS:client.example,URI:urn:example:client,IP:203.0.113.5,IP:2001:db8::5,email:Client@Example.com';
  let right: ClientCertificate;
  beforeAll(() => {
    right = maker.signedBy(authority, { subject, names });
  });

  const known = (member: string, value: string) =>
    machine({ token_endpoint_auth_method: 'tls_client_auth', [member]: value });

  it.each([
    ['tls_client_auth_subject_dn', 'CN=client,O=Example\\, Ltd.,C=DE'],
    ['tls_client_auth_san_dns', 'client.example'],
    ['tls_client_auth_san_uri', 'urn:example:client'],
    ['tls_client_auth_san_ip', '203.0.113.5'],
    ['tls_client_auth_san_ip', '2001:DB8:0::5'],
    ['tls_client_auth_san_email', 'Client@example.com'],
  ])('knows a client by %s: %s (§2.1.2)', async (member, value) => {
    expect((await credentials(await known(member, value), right)).status).toBe(200);
  });

  it.each([
    ['tls_client_auth_subject_dn', 'C=DE,O=Example\\, Ltd.,CN=client'],
    ['tls_client_auth_subject_dn', 'CN=client'],
    ['tls_client_auth_san_dns', 'other.example'],
    ['tls_client_auth_san_uri', 'urn:example:client2'],
    ['tls_client_auth_san_ip', '203.0.113.6'],
    ['tls_client_auth_san_email', 'client@example.com'],
  ])('refuses another %s: %s (§2.1)', async (member, value) => {
    expect(await credentials(await known(member, value), right)).toEqual(refused);
  });

  it('refuses the right subject of another authority, of none, and of the past', async () => {
    const party = await known('tls_client_auth_san_dns', 'client.example');
    const wrong = [
      maker.signedBy(maker.authority('strangers'), { subject, names }),
      maker.selfSigned({ subject, names }),
      maker.signedBy(authority, { subject, names, days: -1 }),
    ];
    for (const shown of wrong) expect(await credentials(party, shown)).toEqual(refused);
    expect(await credentials(party)).toEqual(refused);
  });

  it.each([
    [{}],
    [{ tls_client_auth_san_dns: 'a.example', tls_client_auth_san_uri: 'urn:a' }],
    [{ tls_client_auth_subject_dn: 'nobody' }],
    [{ tls_client_auth_san_ip: '010.1.1.1' }],
  ])('a client has exactly one subject, which can be read (§2.1.2): %j', async (members) => {
    await expect(machine({ token_endpoint_auth_method: 'tls_client_auth', ...members })).rejects.toThrow();
  });
});

describe('tokens bound to a certificate (RFC 8705 §3)', () => {
  const mine = maker.selfSigned();
  const other = maker.selfSigned();
  const cnf = { 'x5t#S256': mine.thumbprint };
  let party: Party;
  let tokens: Record<string, string>;

  beforeAll(async () => {
    party = await makeClient(server, {
      token_endpoint_auth_method: 'none',
      tls_client_certificate_bound_access_tokens: true,
      scope: 'openid offline_access profile email',
    });
    const person = await makePerson(server);
    const proof = pkce();
    const url = authorizationUrl(server, party, proof, { scope: 'openid offline_access', prompt: 'consent' });
    const code = codeOf(await signIn(new Browser(), url, String(person.email)));
    const form = {
      grant_type: 'authorization_code',
      client_id: party.clientId,
      redirect_uri: party.redirectUri,
      code,
      code_verifier: proof.verifier,
    };
    expect(await post('/token', undefined, form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const answer = await post('/token', mine, form);
    expect(answer.status).toBe(200);
    tokens = answer.body as Record<string, string>;
  }, 60_000);

  const userinfo = (shown: ClientCertificate | undefined, at = origin) =>
    ask(`${at}/userinfo`, shown, { headers: { authorization: `Bearer ${tokens.access_token}` } });

  const refresh = (shown: ClientCertificate | undefined) =>
    post('/token', shown, {
      grant_type: 'refresh_token',
      client_id: party.clientId,
      refresh_token: String(tokens.refresh_token),
    });

  it('are good with their certificate and with no other (§3)', async () => {
    expect((await userinfo(mine)).status).toBe(200);
    const invalid = { status: 401, body: expect.objectContaining({ error: 'invalid_token' }) };
    expect(await userinfo(other)).toEqual(invalid);
    expect(await userinfo(undefined)).toEqual(invalid);
    expect(await userinfo(mine, server.issuer)).toEqual(invalid);
  });

  it('are told with the thumbprint at introspection (§3.2)', async () => {
    const form = { token: String(tokens.access_token), client_id: party.clientId };
    const { body } = await post('/introspect', undefined, form);
    expect(body).toMatchObject({ active: true, token_type: 'Bearer', cnf });
  });

  it('say the thumbprint as JWTs (§3.1)', async () => {
    const resource = 'https://orders.example';
    await server.inside(({ resources }) =>
      resources.create({
        identifier: resource,
        name: 'Orders',
        scopes: [{ name: 'read' }],
        access_token_format: 'jwt',
      } as never),
    );
    const bound = await machine({ tls_client_certificate_bound_access_tokens: true, scope: 'read' });
    const form = {
      grant_type: 'client_credentials',
      client_id: bound.clientId,
      client_secret: bound.clientSecret,
      resource,
      scope: 'read',
    };
    const { body, status } = await post('/token', mine, form);
    expect([status, body.error_description]).toEqual([200, undefined]);
    const [, payload = ''] = String(body.access_token).split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ cnf });
  });

  it('a refresh token of a public client is bound too: with another certificate nothing is answered and nothing burnt (§4)', async () => {
    const invalid = { status: 400, body: expect.objectContaining({ error: 'invalid_grant' }) };
    expect(await refresh(other)).toEqual(invalid);
    expect(await refresh(undefined)).toEqual(invalid);
    const first = await refresh(mine);
    expect(first.status).toBe(200);
    // Once more within the time of grace: the same answer for the same certificate only.
    expect(await refresh(other)).toEqual(invalid);
    expect((await refresh(mine)).body).toEqual(first.body);
  });

  it('a confidential client that repeats a refresh with another certificate does not get the tokens of the first', async () => {
    const secretive = await makeClient(server, { tls_client_certificate_bound_access_tokens: true });
    const person = await makePerson(server);
    const proof = pkce();
    const url = authorizationUrl(server, secretive, proof, { scope: 'openid' });
    const who = { client_id: secretive.clientId, client_secret: secretive.clientSecret };
    const redeemed = await post('/token', mine, {
      ...who,
      grant_type: 'authorization_code',
      redirect_uri: secretive.redirectUri,
      code: codeOf(await signIn(new Browser(), url, String(person.email))),
      code_verifier: proof.verifier,
    });
    const again = (shown: ClientCertificate) =>
      post('/token', shown, {
        ...who,
        grant_type: 'refresh_token',
        refresh_token: String(redeemed.body.refresh_token),
      });
    const first = await again(mine);
    expect(first.status).toBe(200);
    expect(await again(other)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await again(mine)).body).toEqual(first.body);
  });
});

describe('tenants at the address of certificates (RFC 8705 §5)', () => {
  const mine = maker.selfSigned();
  const host = 'login.customer.example';

  const machineOf = (slug: string) =>
    server.inside(async ({ tenants, clients }) => {
      const tenant = await tenants.findBySlug(slug);
      const metadata = {
        grant_types: ['client_credentials'],
        response_types: [],
        token_endpoint_auth_method: 'self_signed_tls_client_auth',
        jwks: { keys: [mine.jwk] },
      };
      const work = () => clients.create(metadata as never);
      return (await withContext({ tenantId: String(tenant?.id) }, work)).client.clientId;
    });
  const tokenAt = (prefix: string, client_id: string) =>
    post(`${prefix}/token`, mine, { grant_type: 'client_credentials', client_id });

  it('a client of one is nobody at another', async () => {
    const client = await machineOf('acme');
    expect((await tokenAt('/t/acme', client)).status).toBe(200);
    expect(await tokenAt('', client)).toEqual(refused);
  });

  it('one with a host of its own is a path here, the same issuer as there', async () => {
    await server.inside(({ tenants }) => tenants.create({ slug: 'hosted', name: 'Hosted', host }));
    expect((await tokenAt('/t/hosted', await machineOf('hosted'))).status).toBe(200);
    expect((await tokenAt('/t/default', 'x')).status).toBe(404);
    expect((await tokenAt('/t/nobody', 'x')).status).toBe(404);
  });

  it('nobody’s own host is that address', async () => {
    const create = server.inside(({ tenants }) =>
      tenants.create({ slug: 'thief', name: 'Thief', host: new URL(origin).host }),
    );
    await expect(create).rejects.toMatchObject({ status: 422 });
  });
});

describe('a certificate beside DPoP (RFC 9449 §4.3)', () => {
  const mine = maker.selfSigned();

  it('who authenticates by a certificate may bind tokens to a key; the proof names the address that was asked', async () => {
    const { clientId: client_id } = await machine({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [mine.jwk] },
      dpop_bound_access_tokens: true,
    });
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const proof = (htu: string) =>
      new SignJWT({ htm: 'POST', htu, jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(privateKey);
    const tokens = async (htu: string) =>
      ask(`${origin}/token`, mine, {
        method: 'POST',
        headers: { dpop: await proof(htu) },
        body: new URLSearchParams({ grant_type: 'client_credentials', client_id }),
      });
    expect(await tokens(`${origin}/token`)).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
    expect(await tokens(`${server.issuer}/token`)).toMatchObject({
      status: 400,
      body: { error: 'invalid_dpop_proof' },
    });
  });
});

describe('a client of somebody else’s making', () => {
  let mine: ClientCertificate;
  let clientId: string;
  const bound = () => ({ active: true, client_id: clientId, cnf: { 'x5t#S256': mine.thumbprint } });
  beforeAll(async () => {
    mine = maker.selfSigned();
    ({ clientId } = await machine({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [mine.jwk] },
      tls_client_certificate_bound_access_tokens: true,
    }));
  });

  it('openid-client finds the alias, authenticates by its self-signed certificate and gets a bound token (§2.2, §3, §5)', async () => {
    const configuration = await client.discovery(
      new URL(server.issuer),
      clientId,
      { use_mtls_endpoint_aliases: true },
      client.TlsClientAuth(),
      { [client.customFetch]: showing(tls.cert, mine) as never },
    );
    const tokens = await client.clientCredentialsGrant(configuration);
    expect(await client.tokenIntrospection(configuration, tokens.access_token)).toMatchObject(bound());
  });

  it('oauth4webapi does, too', async () => {
    const options = { [oauth.customFetch]: showing(tls.cert, mine) as never };
    const issuer = new URL(server.issuer);
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
    const party = { client_id: clientId, use_mtls_endpoint_aliases: true };
    const authentication = oauth.TlsClientAuth();
    const answer = await oauth.clientCredentialsGrantRequest(as, party, authentication, {}, options);
    const { access_token } = await oauth.processClientCredentialsResponse(as, party, answer);
    const told = await oauth.introspectionRequest(as, party, authentication, access_token, options);
    expect(await oauth.processIntrospectionResponse(as, party, told)).toMatchObject(bound());
  });
});
