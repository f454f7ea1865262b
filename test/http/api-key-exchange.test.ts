import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { AuditEvent } from '../../src/features/audit/audit-event.entity.js';
import type { Resource } from '../../src/features/resources/resource.entity.js';
import { API_KEY } from '../../src/oidc/grants/presented-keys.js';
import { ask, tokenWith } from '../support/api.js';
import { makeAdministrator, makeApiKey, tryKey } from '../support/api-keys.js';
import { MovedClock } from '../support/clock.js';
import { back, exchange, letExchange, makeChain, makeResources, signed } from '../support/exchanging.js';
import { crowd } from '../support/pair.js';
import { makeClient, type Party, post } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

describe('an API key exchanged for a token of another resource (RFC 8693 §2.1)', () => {
  const clock = new MovedClock();
  let server: TestServer;
  let token: string;
  let gateway: Party;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    await makeResources(server);
    token = await tokenWith(server, 'api_keys:read api_keys:write clients:read');
    const chain = await makeChain(server, { scope: 'read write' });
    gateway = chain.service;
    await letExchange(server, gateway, chain.app, {
      subject_api_keys: true,
      subject_clients: [],
      subject_audiences: [],
    });
  }, 180_000);
  afterEach(() => clock.reset());
  afterAll(() => server?.close());

  const access = (identifier: string, ...scopes: string[]) => ({ identifier, scopes });
  const make = (more: object = {}, by = token) =>
    makeApiKey(server, by, { scopes: ['clients:read'], resources: [access(signed, 'read', 'write')], ...more });
  const show = (value: string, more: Record<string, string> = {}, party = gateway) =>
    exchange(server, party, value, { subject_token_type: API_KEY, ...more });

  async function verified(jwt: unknown) {
    const jwks = (await (await fetch(`${server.issuer}/jwks`)).json()) as JSONWebKeySet;
    const { payload } = await jwtVerify(String(jwt), createLocalJWKSet(jwks), {
      issuer: server.issuer,
      audience: signed,
    });
    return payload;
  }

  it('of the tenant is a short JWT that speaks for the key, and says who acts', async () => {
    const { id, value } = await make();
    const { status, body } = await show(value);
    expect([status, body.issued_token_type, body.token_type]).toEqual([
      200,
      'urn:ietf:params:oauth:token-type:access_token',
      'Bearer',
    ]);
    const claims = await verified(body.access_token);
    expect(claims).toMatchObject({
      sub: `api_key:${id}`,
      client_id: gateway.clientId,
      scope: 'read write',
      act: { sub: gateway.clientId, client_id: gateway.clientId },
    });
    expect(Number(claims.exp) - Number(claims.iat)).toBeLessThanOrEqual(300);
    const [event] = await server.inside(async ({ db }) =>
      (await db.repo(AuditEvent).findBy({ name: 'token.exchanged' })).filter(
        ({ data }) => (data as Record<string, unknown>).api_key_id === id,
      ),
    );
    expect(event?.data).toMatchObject({
      user_id: null,
      client_id: gateway.clientId,
      resource: signed,
      scope: 'read write',
    });
  });

  it('of the tenant says no roles of the client that exchanges it', async () => {
    await server.inside(async ({ resources, roles, clients }) => {
      const resource = await resources.findByIdentifier(signed);
      await resources.update(resource as Resource, { role_claims: true });
      const resource_permissions = [{ resource: signed, permissions: ['read', 'admin'] }];
      await roles.create({ key: 'GATEWAY', name: 'Gateway', resource_permissions });
      await clients.changeRoles(await clients.find(gateway.clientId), () => ['GATEWAY']);
    });
    const { body } = await show((await make()).value);
    expect(await verified(body.access_token)).toMatchObject({ scope: 'read write', roles: [], permissions: [] });
    const own = await post(server, '/token', gateway, { grant_type: 'client_credentials', resource: signed });
    expect(await verified(own.body.access_token)).toMatchObject({ sub: gateway.clientId, roles: ['GATEWAY'] });
  });

  it('of a person speaks for the person', async () => {
    const { user, token: own } = await makeAdministrator(server, 'api_keys:write clients:read');
    const { value } = await make({ kind: 'user' }, own);
    const { body } = await show(value, { scope: 'read' });
    expect(await verified(body.access_token)).toMatchObject({
      sub: user.id,
      scope: 'read',
      act: { client_id: gateway.clientId },
    });
    // Somebody administers the tenant when they do not any more.
    await makeAdministrator(server, 'clients:read');
    await server.inside(async ({ users }) => users.disable(await users.find(user.id)));
    expect((await show(value)).body.error).toBe('invalid_request');
    const introspected = await post(server, '/introspect', gateway, { token: String(body.access_token) });
    expect(introspected.body).toEqual({ active: false });
  });

  it('is never more than the key has there, nor than the policy says', async () => {
    const { value } = await make({ resources: [access(signed, 'read')] });
    expect(decodeJwt(String((await show(value)).body.access_token)).scope).toBe('read');
    for (const scope of ['write', 'read admin', 'clients:read'])
      expect([scope, (await show(value, { scope })).body.error]).toEqual([scope, 'invalid_scope']);
  });

  it('is for a resource that both the key and the policy name, and which one is said where there are several', async () => {
    const both = await make({ resources: [access(signed, 'read'), access(back, 'read')] });
    expect((await show(both.value)).body.error).toBe('invalid_target');
    expect((await show(both.value, { resource: signed })).status).toBe(200);
    const one = await make({ resources: [access(back, 'read')] });
    expect((await show(one.value, { resource: signed })).body.error).toBe('invalid_target');
    const none = await make({ resources: [] });
    for (const resource of [signed, `${server.issuer}/api`])
      expect((await show(none.value, { resource })).body.error).toBe('invalid_target');
  });

  it('of the tenant is exchanged for no opaque token, which would speak for the client', async () => {
    const { value } = await make({ resources: [access(back, 'read')] });
    expect((await show(value, { resource: back })).body.error).toBe('invalid_target');
  });

  it('is refused to a client without a policy for keys', async () => {
    const { value } = await make();
    const other = await makeChain(server);
    expect((await show(value, {}, other.service)).body.error).toBe('invalid_request');
    const unlisted = await makeClient(server, {
      grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'],
      response_types: [],
      redirect_uris: [],
    });
    expect((await show(value, {}, unlisted)).body.error).toBe('invalid_request');
  });

  it('that is not good is refused alike: revoked, expired, rotated out, mistyped, of elsewhere, of another network', async () => {
    const revoked = await make();
    await ask(server, token, 'delete', `/api-keys/${revoked.id}`);
    const rotated = await make();
    await ask(server, token, 'post', `/api-keys/${rotated.id}/rotations`, { overlap_seconds: 0 });
    const far = await make({ allowed_networks: ['203.0.113.0/24'] });
    const expired = await make({ expires_in: 60 });
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'elsewhere', name: 'Elsewhere' }));
    const there = at(server, tenant);
    const theirs = await makeApiKey(there, await tokenWith(there, 'api_keys:write clients:read'));
    const mistyped = `${revoked.value.slice(0, -1)}-`;
    clock.move(61);
    const answers = await Promise.all(
      [revoked, rotated, far, expired, theirs, { value: mistyped }].map(({ value }) => show(value)),
    );
    for (const { status, body } of answers) {
      expect([status, body.error, body.error_description]).toEqual([
        400,
        'invalid_request',
        'subject_token is invalid',
      ]);
      expect(JSON.stringify(body)).not.toContain('ost_');
    }
  });

  it('is exchanged no more often than it may be used, here and at the management API together', async () => {
    const { value } = await make({ requests_per_minute: 3 });
    expect((await tryKey(server, value)).status).toBe(200);
    const answers = await crowd(6, () => show(value));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.map(({ status, body }) => [status, body.error])).toEqual(refused.map(() => [400, 'slow_down']));
    expect((await tryKey(server, value)).status).toBe(429);
  });

  it('that is no good costs nothing but its own answer: whoever shows it to a client does not end what the client asks', async () => {
    const strict = await startServer({ overrides: { limits: { protocolFailures: { points: 3, seconds: 60 } } } });
    try {
      await makeResources(strict);
      const chain = await makeChain(strict);
      const more = { subject_api_keys: true, subject_clients: [], subject_audiences: [] };
      await letExchange(strict, chain.service, chain.app, more);
      const by = await tokenWith(strict, 'api_keys:write clients:read');
      const { value } = await makeApiKey(strict, by, { resources: [access(signed, 'read')] });
      const told = (subject: string, rest = {}) =>
        exchange(strict, chain.service, subject, { subject_token_type: API_KEY, ...rest });
      for (const [subject, rest] of [
        ['ost_live_invented', {}],
        [value, { scope: 'admin' }],
        [value, { resource: back }],
        ['invented', { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }],
      ] as const)
        expect([subject, (await told(subject, rest)).status]).toEqual([subject, 400]);
      expect((await told(value)).status).toBe(200);
      const guessing = { ...chain.service, clientSecret: 'guessed' };
      for (let tries = 0; tries < 3; tries += 1)
        await exchange(strict, guessing, value, { subject_token_type: API_KEY });
      expect((await told(value)).status).toBe(429);
    } finally {
      await strict.close();
    }
  }, 180_000);

  it('is no other kind of token: not as an access token, not as an actor', async () => {
    const { value } = await make();
    const others: Record<string, string>[] = [
      { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
      { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
      { actor_token: value, actor_token_type: API_KEY },
    ];
    for (const more of others) expect((await show(value, more)).body.error).toBe('invalid_request');
  });

  it('lives no longer than the key', async () => {
    const { value } = await make({ expires_in: 60 });
    const { body } = await show(value);
    expect(Number(body.expires_in)).toBeLessThanOrEqual(60);
  });

  it('is in no trace of what was refused', async () => {
    const { value } = await make();
    await show(value, { scope: 'admin' });
    const reader = await tokenWith(server, 'traces:read');
    const traces = JSON.stringify((await ask(server, reader, 'get', '/traces?limit=100')).body);
    expect(traces).toContain('token');
    expect(traces).not.toContain(value.slice(0, 20));
    const { rows } = await server.services.db.pool.query('SELECT * FROM traces');
    expect(JSON.stringify(rows)).not.toContain(value.slice(0, 20));
  });
});
