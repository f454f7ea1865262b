import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { makeOrganization } from '../support/organizations.js';
import { introspect, makeClient, makePerson, type Party, post, refresh, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const trips = 'https://trips.example/api';
const hotels = 'https://hotels.example/api';
const silent = 'https://silent.example/api';

describe('roles and permissions in access tokens (RFC 9068 §2.2.3.1)', () => {
  let server: TestServer;
  let party: Party;
  let machine: Party;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
    const scopes = ['trips:read', 'trips:write', 'trips:delete'].map((name) => ({ name }));
    await server.inside(async ({ resources, roles }) => {
      await resources.create({
        identifier: trips,
        name: 'Trips',
        scopes,
        access_token_format: 'jwt',
        role_claims: true,
      });
      await resources.create({
        identifier: hotels,
        name: 'Hotels',
        scopes: [{ name: 'hotels:read' }],
        role_claims: true,
      });
      await resources.create({ identifier: silent, name: 'Silent', scopes, access_token_format: 'jwt' });
      await roles.create({
        key: 'EDITOR',
        name: 'Editor',
        resource_permissions: [
          { resource: trips, permissions: ['trips:read', 'trips:write'] },
          { resource: silent, permissions: ['trips:read'] },
        ],
      });
      await roles.create({
        key: 'GUEST',
        name: 'Guest',
        permissions: ['users:read'],
        resource_permissions: [{ resource: hotels, permissions: ['hotels:read'] }],
      });
    });
    const scope = 'trips:read trips:write trips:delete hotels:read';
    party = await makeClient(server, {
      scope: `openid offline_access organization ${scope}`,
      consent_policy: 'implicit',
    });
    machine = await makeClient(server, {
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope,
    });
    person = await makePerson(server);
    await give('EDITOR', 'GUEST');
  }, 180_000);
  afterAll(() => server?.close());

  const give = (...roles: string[]) =>
    server.inside(async ({ users }) => users.setRoles(await users.find(person.id), roles));
  const tokensAt = (resource: string, scope: string, more: Record<string, string> = {}) =>
    tokensFor(server, party, person.email, { resource, scope: `openid ${scope}`, ...more });
  const said = async (resource: string, scope: string, more: Record<string, string> = {}) => {
    const { roles, permissions } = decodeJwt(String((await tokensAt(resource, scope, more)).access_token));
    return { roles, permissions };
  };

  it('say the roles that open something at this resource, and nothing of another or of the management API', async () => {
    expect(await said(trips, 'trips:read trips:write trips:delete')).toEqual({
      roles: ['EDITOR'],
      permissions: ['trips:read', 'trips:write'],
    });
  });

  it('no permission that the client was not given, whatever the person has', async () => {
    expect(await said(trips, 'trips:read')).toEqual({ roles: ['EDITOR'], permissions: ['trips:read'] });
    expect(await said(trips, 'trips:delete')).toEqual({ roles: ['EDITOR'], permissions: [] });
  });

  it('at introspection of an opaque token too (RFC 7662 §2.2)', async () => {
    const { access_token } = await tokensAt(hotels, 'hotels:read');
    const { body } = await introspect(server, party, String(access_token));
    expect(body).toMatchObject({ active: true, roles: ['GUEST'], permissions: ['hotels:read'] });
    const jwt = await tokensAt(trips, 'trips:read');
    const told = await introspect(server, party, String(jwt.access_token));
    expect(told.body).toMatchObject({ active: true, roles: ['EDITOR'], permissions: ['trips:read'] });
  });

  it('nothing where the resource does not want it, nor in an ID token', async () => {
    const { access_token, id_token } = await tokensAt(silent, 'trips:read');
    for (const token of [access_token, id_token]) {
      expect(decodeJwt(String(token))).not.toHaveProperty('roles');
      expect(decodeJwt(String(token))).not.toHaveProperty('permissions');
    }
  });

  it('as they are when the token is made: a refresh says what has changed', async () => {
    const { refresh_token } = await tokensAt(trips, 'trips:read trips:write offline_access', { prompt: 'consent' });
    await give('GUEST');
    const next = await refresh(server, party, String(refresh_token), { resource: trips });
    expect(next.status).toBe(200);
    expect(decodeJwt(String(next.body.access_token))).toMatchObject({ roles: [], permissions: [] });
    await give('EDITOR', 'GUEST');
  });

  it('an administrator has every permission that the client was given', async () => {
    const administrator = await makePerson(server);
    await server.inside(async ({ users }) => users.setRoles(await users.find(administrator.id), ['ADMIN']));
    const { access_token } = await tokensFor(server, party, administrator.email, {
      resource: trips,
      scope: 'openid trips:delete',
    });
    expect(decodeJwt(access_token ?? '')).toMatchObject({ roles: ['ADMIN'], permissions: ['trips:delete'] });
  });

  it('for an organization the membership says which roles count, and those of the tenant say nothing', async () => {
    const { slug } = await makeOrganization(server, { members: [person] });
    expect(await said(trips, 'trips:read organization', { organization: slug })).toEqual({
      roles: ['member'],
      permissions: [],
    });
  });

  it('of a client that acts for itself, its own', async () => {
    const tokenOf = async () => {
      const form = { grant_type: 'client_credentials', resource: trips, scope: 'trips:read trips:delete' };
      const { body } = await post(server, '/token', machine, form);
      return decodeJwt(String(body.access_token));
    };
    expect(await tokenOf()).toMatchObject({ roles: [], permissions: [] });
    await server.inside(async ({ clients }) =>
      clients.changeRoles(await clients.find(machine.clientId), () => ['EDITOR']),
    );
    expect(await tokenOf()).toMatchObject({ roles: ['EDITOR'], permissions: ['trips:read'] });
  });

  it('a scope that the resource has no more is no permission', async () => {
    await server.inside(async ({ resources }) => {
      const found = (await resources.all()).find(({ identifier }) => identifier === hotels);
      if (!found) throw new Error('no such resource');
      await resources.update(found, { scopes: [{ name: 'hotels:write' }] });
    });
    const { body } = await post(server, '/token', machine, { grant_type: 'client_credentials', resource: trips });
    expect(decodeJwt(String(body.access_token))).toMatchObject({ roles: ['EDITOR'] });
    expect(
      await server.inside(async ({ roles, resources }) => {
        const resource = await resources.findByIdentifier(hotels);
        return resource && roles.openAt(['GUEST'], resource);
      }),
    ).toEqual({ roles: [], permissions: [] });
  });
});
