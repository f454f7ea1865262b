import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import { discover, insecure } from '../../support/oauth4webapi.js';
import { until } from '../../support/pair.js';
import { introspect, makeClient, makePerson, type Party, post, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const resource = 'https://api.example/bookings';

describe('JWT access tokens (RFC 9068)', () => {
  let server: TestServer;
  let party: Party;
  let stranger: Party;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, {
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      scope: 'openid profile email bookings:read',
    });
    stranger = await makeClient(server);
    await server.inside(({ resources }) =>
      resources.create({
        identifier: resource,
        name: 'Bookings',
        scopes: [{ name: 'bookings:read', description: 'Read bookings' }],
        access_token_format: 'jwt',
      } as never),
    );
    email = (await makePerson(server)).email;
  }, 180_000);
  afterAll(() => server?.close());

  const machineToken = async () => {
    const { status, body } = await post(server, '/token', party, {
      grant_type: 'client_credentials',
      resource,
      scope: 'bookings:read',
    });
    expect(status).toBe(200);
    return String(body.access_token);
  };

  const personToken = async () => {
    const tokens = await tokensFor(server, party, email, { resource, scope: 'openid bookings:read' });
    const { body } = await post(server, '/token', party, {
      grant_type: 'refresh_token',
      refresh_token: String(tokens.refresh_token),
      resource,
    });
    return { access: String(body.access_token), refresh: String(body.refresh_token) };
  };

  it('carry typ at+jwt, the audience, the client and the scope, signed by a published key (§2.1, §2.2)', async () => {
    const jwks = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
    const { payload } = await jwtVerify(await machineToken(), jwks, {
      issuer: server.issuer,
      audience: resource,
      typ: 'at+jwt',
    });
    expect(payload).toMatchObject({ client_id: party.clientId, scope: 'bookings:read' });
  });

  it('say who signed in, when and how, as it was then: a refresh changes nothing of it (§2.2.1)', async () => {
    const tokens = await tokensFor(server, party, email, { resource, scope: 'openid bookings:read' });
    const { sub, auth_time, acr, amr } = decodeJwt(String(tokens.id_token));
    const first = decodeJwt(String(tokens.access_token));
    expect(first).toMatchObject({ sub, auth_time, acr, amr });
    expect([typeof auth_time, typeof acr, Array.isArray(amr)]).toEqual(['number', 'string', true]);
    const { body } = await post(server, '/token', party, {
      grant_type: 'refresh_token',
      refresh_token: String(tokens.refresh_token),
      resource,
    });
    const later = decodeJwt(String(body.access_token));
    expect(later).toMatchObject({ sub, auth_time, acr, amr });
    expect(later.jti).not.toBe(first.jti);
  });

  it('say nothing of a sign-in where no person takes part, and their subject is the client (§2.2, §2.2.1)', async () => {
    const claims = decodeJwt(await machineToken());
    expect(claims.sub).toBe(party.clientId);
    for (const name of ['auth_time', 'acr', 'amr', 'sid', 'email', 'name']) expect(claims).not.toHaveProperty(name);
  });

  it('are signed with what their resource says, where the tenant has keys of it (§2.1)', async () => {
    const signed = { identifier: 'https://api.example/signed', name: 'Signed', access_token_format: 'jwt' } as const;
    const make = () => server.inside(({ resources }) => resources.create({ ...signed, signing_alg: 'PS256' }));
    await expect(make()).rejects.toMatchObject({ status: 422 });
    const { tenants } = server.services;
    await tenants.update(await tenants.find('default'), {
      settings: { signing_keys: { algorithms: ['ES256', 'RS256', 'PS256'] } },
    } as never);
    await until('there is such a key', async () => {
      const { keys } = (await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: { alg?: string }[] };
      return keys.some(({ alg }) => alg === 'PS256');
    });
    await make();
    const { status, body } = await post(server, '/token', party, {
      grant_type: 'client_credentials',
      resource: signed.identifier,
    });
    expect([status, decodeProtectedHeader(String(body.access_token)).alg]).toEqual([200, 'PS256']);
    expect((await introspect(server, party, String(body.access_token))).body).toMatchObject({ active: true });
  });

  it('have every claim of §2.2, and the scopes of their resource alone (§2.2.3)', async () => {
    const { access } = await personToken();
    const { typ, alg } = decodeProtectedHeader(access);
    expect([typ, alg]).toEqual(['at+jwt', 'ES256']);
    const claims = decodeJwt(access);
    for (const name of ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti']) expect(claims).toHaveProperty(name);
    expect([claims.aud, claims.scope]).toEqual([resource, 'bookings:read']);
  });

  it('are what a library of the standard takes, for their resource alone (§4)', async () => {
    const as = await discover(server, 'oauth2');
    const { access } = await personToken();
    const shown = (token: string) => new Request(resource, { headers: { authorization: `Bearer ${token}` } });
    const claims = await oauth.validateJwtAccessToken(as, shown(access), resource, insecure);
    expect(claims).toMatchObject({ aud: resource, client_id: party.clientId, scope: 'bookings:read' });
    const elsewhere = oauth.validateJwtAccessToken(as, shown(access), 'https://api.example/other', insecure);
    await expect(elsewhere).rejects.toThrow();
    const { id_token } = await tokensFor(server, party, email, { scope: 'openid' });
    await expect(oauth.validateJwtAccessToken(as, shown(String(id_token)), party.clientId, insecure)).rejects.toThrow();
  });

  it('are active at introspection, and inactive once revoked by their client (RFC 7009 §2.1, RFC 7662 §2.2)', async () => {
    const token = await machineToken();
    expect((await introspect(server, stranger, token)).body).toMatchObject({
      active: true,
      client_id: party.clientId,
      aud: resource,
    });
    const refused = await post(server, '/revoke', stranger, { token });
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_request']);
    expect((await introspect(server, party, token)).body).toMatchObject({ active: true });
    expect((await post(server, '/revoke', party, { token })).status).toBe(200);
    expect((await introspect(server, party, token)).body).toEqual({ active: false });
  });

  it('end with their grant: revoking the refresh token ends the access tokens (RFC 7009 §2.1)', async () => {
    const { access, refresh } = await personToken();
    expect(decodeJwt(access).gid).toEqual(expect.any(String));
    expect((await introspect(server, party, access)).body).toMatchObject({ active: true });
    await post(server, '/revoke', party, { token: refresh });
    expect((await introspect(server, party, access)).body).toEqual({ active: false });
  });

  it('end with their account and with their client', async () => {
    const { access } = await personToken();
    const machine = await machineToken();
    await server.inside(async ({ users }) => {
      const user = await users.findByEmail(email);
      if (user) await users.disable(user);
    });
    expect((await introspect(server, stranger, access)).body).toEqual({ active: false });
    await server.inside(async ({ clients }) => clients.disable(await clients.find(party.clientId)));
    expect((await introspect(server, stranger, machine)).body).toEqual({ active: false });
    await server.inside(async ({ clients }) => clients.enable(await clients.find(party.clientId)));
  });

  it('are inactive when forged, whoever signed them (RFC 7662 §4)', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const claims = decodeJwt(await machineToken());
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' }).sign(privateKey);
    expect((await introspect(server, party, forged)).body).toEqual({ active: false });
    expect((await post(server, '/revoke', party, { token: forged })).status).toBe(200);
  });

  it('are refused without client authentication (RFC 7662 §2.1)', async () => {
    const wrong = { ...party, clientSecret: 'wrong' };
    expect((await introspect(server, wrong, await machineToken())).status).toBe(401);
  });
});
