import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CryptoKey, decodeJwt, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { Services } from '../../../src/services.js';
import { ask, tokenWith } from '../../support/api.js';
import { back, front, makeResources, signed } from '../../support/exchanging.js';
import { introspect, makeClient, makePerson, type Party, post, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const partner = 'https://partner.example';
const seconds = () => Math.floor(Date.now() / 1000);

describe('assertions of trusted issuers as authorization grants (RFC 7521 §4.1, RFC 7523 §2.1)', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let key: CryptoKey;
  let issuerId: string;
  let sub: string;

  beforeAll(async () => {
    server = await startServer();
    await makeResources(server);
    party = await makeClient(server, { grant_types: [JWT_BEARER], response_types: [], redirect_uris: [] });
    const pair = await generateKeyPair('ES256', { extractable: true });
    key = pair.privateKey;
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one' };
    issuerId = await trust(partner, jwk);
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    sub = `subject-${person.id}`;
    await link(issuerId, sub, person.id);
  });

  const trust = (issuer: string, jwk: object, more: object = {}) =>
    server.inside(async ({ trustedIssuers }) => {
      const made = await trustedIssuers.create({
        issuer,
        name: 'Partner',
        jwks: { keys: [jwk] },
        clients: [party.clientId],
        resources: [back, signed],
        scopes: ['read', 'write'],
        ...more,
      } as never);
      return made.id;
    });
  const link = (issuer: string, subject: string, user_id: string) =>
    server.inside(async ({ trustedIssuers, externalSubjects }) =>
      externalSubjects.link(await trustedIssuers.find(issuer), { subject, user_id }),
    );

  const assertion = (claims: JWTPayload = {}, by = key, header: object = {}) =>
    new SignJWT({
      iss: partner,
      sub,
      aud: server.issuer,
      iat: seconds(),
      exp: seconds() + 300,
      jti: randomUUID(),
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header })
      .sign(by);
  const redeem = (value: string, more: Record<string, string> = {}, who = party) =>
    post(server, '/token', who, { grant_type: JWT_BEARER, assertion: value, resource: back, ...more });
  const errorOf = async (value: string, more: Record<string, string> = {}, who = party) => {
    const { status, body } = await redeem(value, more, who);
    expect(status).toBe(400);
    return body.error;
  };

  it('are exchanged for an access token of the person, for one resource, and for no refresh token (§2.1)', async () => {
    const { status, body } = await redeem(await assertion(), { scope: 'read' });
    expect([status, Object.keys(body).sort()]).toEqual([200, ['access_token', 'expires_in', 'scope', 'token_type']]);
    expect((await introspect(server, party, String(body.access_token))).body).toMatchObject({
      active: true,
      sub: person.id,
      aud: back,
      client_id: party.clientId,
      scope: 'read',
    });
    const jwt = await redeem(await assertion(), { resource: signed });
    expect(decodeJwt(String(jwt.body.access_token))).toMatchObject({
      sub: person.id,
      aud: signed,
      scope: 'read write',
    });
  });

  it('count once each, by their jti (§3 no. 7)', async () => {
    const value = await assertion();
    expect((await redeem(value)).status).toBe(200);
    expect(await errorOf(value)).toBe('invalid_grant');
    const answers = await assertion().then((again) => Promise.all([1, 2, 3, 4, 5].map(() => redeem(again))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await errorOf(await assertion({ jti: undefined }))).toBe('invalid_grant');
  });

  it('are not burnt by a request that is refused', async () => {
    const value = await assertion();
    expect(await errorOf(value, { scope: 'admin' })).toBe('invalid_scope');
    expect(await errorOf(value, { resource: front })).toBe('invalid_target');
    // It says nothing of an organization.
    expect(await errorOf(value, { organization: 'acme' })).toBe('invalid_grant');
    expect((await redeem(value)).status).toBe(200);
  });

  it.each<[string, JWTPayload]>([
    ['of an issuer that is not trusted (no. 1)', { iss: 'https://stranger.example' }],
    ['without an issuer', { iss: undefined }],
    ['of this server itself', { iss: 'here' }],
    ['about nobody we know (no. 2)', { sub: 'nobody' }],
    ['for another audience (no. 3)', { aud: 'https://other.example' }],
    ['for a list of audiences', { aud: ['here'] }],
    ['that has expired (no. 4)', { exp: 1 }],
    ['that lives a day', { exp: Math.floor(Date.now() / 1000) + 86_400 }],
    ['that is not good yet (no. 5)', { nbf: Math.floor(Date.now() / 1000) + 600 }],
  ])('are refused %s: invalid_grant (RFC 7521 §4.1.1)', async (_case, claims) => {
    const here = (value: unknown) => (value === 'here' ? server.issuer : value);
    const said = Object.fromEntries(
      Object.entries(claims).map(([name, value]) => [name, Array.isArray(value) ? value.map(here) : here(value)]),
    );
    expect(await errorOf(await assertion(said))).toBe('invalid_grant');
  });

  it('are for no authorization details: nobody is asked for them (RFC 9396 §6)', async () => {
    expect(await errorOf(await assertion(), { authorization_details: '[{"type":"payment"}]' })).toBe('invalid_request');
  });

  it('are for the scope that they name themselves (RFC 8693 §4.2)', async () => {
    expect((await redeem(await assertion({ scope: 'read' }))).body.scope).toBe('read');
    expect(await errorOf(await assertion({ scope: 'read' }), { scope: 'read write' })).toBe('invalid_scope');
    for (const scope of ['', 'admin', null, ['read']])
      expect([scope, await errorOf(await assertion({ scope: scope as never }), { scope: 'write' })]).toEqual([
        scope,
        'invalid_scope',
      ]);
    expect(await errorOf(await assertion({ scope: 'admin' }))).toBe('invalid_scope');
  });

  it.each<[string, JWTPayload]>([
    ['are bound to a key, which nobody proves here (RFC 7800 §3)', { cnf: { jkt: 'x' } }],
    ['say who acts, which would be lost (RFC 8693 §4.1)', { act: { sub: 'gateway' } }],
    ['say who may act (RFC 8693 §4.4)', { may_act: { sub: 'another' } }],
    ['say that nobody may (RFC 8693 §4.4)', { may_act: null } as never],
  ])('are refused where they %s', async (_case, claims) => {
    for (const resource of [back, signed])
      expect(await errorOf(await assertion(claims), { resource })).toBe('invalid_grant');
  });

  it('are refused with a signature of another issuer, of nobody, or none (no. 9)', async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    const other = 'https://other-partner.example';
    await trust(other, { ...(await exportJWK(pair.publicKey)), kid: 'one' });
    expect(await errorOf(await assertion({}, pair.privateKey))).toBe('invalid_grant');
    const [, payload] = (await assertion()).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    for (const value of [`${none}.${payload}.`, 'x', 'x.y.z', `${none}.${payload}.AAAA`])
      expect(await errorOf(value)).toBe('invalid_grant');
  });

  it('are refused where the e-mail address is all that is right: people are known by issuer and subject', async () => {
    const claims = { sub: 'unknown', email: person.email, email_verified: true };
    expect(await errorOf(await assertion(claims))).toBe('invalid_grant');
    expect(await errorOf(await assertion({ sub: person.id }))).toBe('invalid_grant');
    expect(await errorOf(await assertion({ sub: person.email }))).toBe('invalid_grant');
  });

  it('are no ID token and no access token of ours', async () => {
    const app = await makeClient(server, { consent_policy: 'implicit' });
    const { id_token } = await tokensFor(server, app, person.email);
    const { access_token } = await tokensFor(server, app, person.email, { resource: signed, scope: 'openid read' });
    for (const token of [id_token, access_token]) expect(await errorOf(String(token))).toBe('invalid_grant');
    await expect(trust(server.issuer, { kty: 'EC' })).rejects.toMatchObject({ status: 409 });
  });

  it('are shown by the clients that the issuer is trusted for, which authenticate', async () => {
    const other = await makeClient(server, { grant_types: [JWT_BEARER], response_types: [], redirect_uris: [] });
    expect(await errorOf(await assertion(), {}, other)).toBe('invalid_grant');
    const open = {
      grant_types: [JWT_BEARER],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'none',
    };
    await expect(makeClient(server, open)).rejects.toMatchObject({ status: 422 });
  });

  it('bring no scope that the issuer is not trusted for, and no token for another resource', async () => {
    expect(await errorOf(await assertion(), { scope: 'read admin' })).toBe('invalid_scope');
    expect(await errorOf(await assertion(), { resource: front })).toBe('invalid_target');
    expect(await errorOf(await assertion(), { resource: `${server.issuer}/api` })).toBe('invalid_target');
  });

  const causes: Record<string, (services: Services) => Promise<unknown>> = {
    'the issuer is disabled': async ({ trustedIssuers }) => {
      const issuer = await trustedIssuers.disable(await trustedIssuers.find(issuerId));
      await trustedIssuers.enable(issuer);
    },
    'its subject is somebody else now': async ({ externalSubjects, db }) => {
      const [row] = await db.manager.query('SELECT id FROM external_subjects WHERE subject = $1', [sub]);
      await externalSubjects.unlink(await externalSubjects.find(issuerId, row.id));
    },
    'the person gets a role': async ({ users }) => users.setRoles(await users.find(person.id), ['SUPPORT']),
    'the account is disabled': async ({ users }) => users.disable(await users.find(person.id)),
    'the client is disabled': async ({ clients }) =>
      clients.enable(await clients.disable(await clients.find(party.clientId))),
  };
  it.each(Object.keys(causes))('what was given for them ends when %s', async (cause) => {
    const tokens = await Promise.all(
      [back, signed].map(async (resource) => (await redeem(await assertion(), { resource })).body.access_token),
    );
    const active = () =>
      Promise.all(tokens.map(async (token) => (await introspect(server, party, String(token))).body.active));
    expect(await active()).toEqual([true, true]);
    await server.inside(async (services) => causes[cause]?.(services));
    expect(await active()).toEqual([false, false]);
  });

  it('say nothing of somebody who was linked first and given a role later, however it meets the gift', async () => {
    const redeemed = Promise.all(Array.from({ length: 8 }, async () => redeem(await assertion())));
    const roles = server.inside(async ({ users }) => users.setRoles(await users.find(person.id), ['SUPPORT']));
    const [answers] = await Promise.all([redeemed, roles]);
    for (const { status, body } of answers) {
      expect([200, 400]).toContain(status);
      if (status === 200) expect((await introspect(server, party, String(body.access_token))).body.active).toBe(false);
    }
    expect(await errorOf(await assertion())).toBe('invalid_grant');
    const recorded = await server.inside(({ db }) =>
      db.manager.query(
        `SELECT name FROM audit_events WHERE name LIKE 'external_subject.%' AND data ->> 'user_id' = $1 ORDER BY id`,
        [person.id],
      ),
    );
    expect(recorded).toEqual([{ name: 'external_subject.linked' }, { name: 'external_subject.unlinked' }]);
    await link(issuerId, sub, person.id);
    expect((await redeem(await assertion())).status).toBe(200);
  });

  it('a link waits for a role that is being given, and is refused then where whoever links may not give roles', async () => {
    const { id } = await makePerson(server);
    const token = await tokenWith(server, 'issuers:write');
    let linked: ReturnType<typeof ask> | undefined;
    await server.inside(({ db, users }) =>
      db.transaction(async () => {
        await users.setRoles(await users.find(id), ['SUPPORT']);
        linked = ask(server, token, 'POST', `/trusted-issuers/${issuerId}/subjects`, { subject: id, user_id: id });
        await new Promise((resolve) => setTimeout(resolve, 500));
      }),
    );
    expect((await linked)?.status).toBe(403);
  });
});
