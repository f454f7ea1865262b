import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encodeCursor } from '../../src/platform/pagination.js';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { organizationOf, type Signed, signedIn } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('custom roles and teams', () => {
  let server: TestServer;
  let token: string;
  let owner: Signed;
  let admin: Signed;
  let member: Signed;
  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    ask(server, token, method, path, body, headers);
  const said = ({ status, body }: Answer) => [status, body.code];

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'organizations:read organizations:write');
    [owner, admin, member] = [await signedIn(server), await signedIn(server), await signedIn(server)];
  }, 180_000);
  afterAll(() => server?.close());

  const everybody = () => organizationOf(server, { [owner.id]: 'owner', [admin.id]: 'admin', [member.id]: 'member' });
  const role = (key: string, rank: number, ...permissions: string[]) => ({ key, name: key, rank, permissions });
  const claimsOf = (userId: string, slug: string) =>
    server.inside(async ({ db }) => {
      const { membershipIn } = await import('../../src/features/organizations/membership.queries.js');
      return membershipIn(db, userId, slug);
    });
  const kindsOf = async (slug: string) =>
    ((await api('get', `/organizations/${slug}/history?limit=100`)).body.items as { kind: string }[])
      .map(({ kind }) => kind)
      .reverse();

  describe('a custom role', () => {
    it('is said by tokens, with what it carries, beside the role that everybody has', async () => {
      const { slug } = await everybody();
      const made = await owner.ask('post', `/organizations/${slug}/roles`, role('clerk', 10, 'invoices:write'));
      expect([made.status, made.body]).toEqual([201, expect.objectContaining({ key: 'clerk', rank: 10, version: 1 })]);
      const path = `/organizations/${slug}/members/${member.id}`;
      const changed = await owner.ask('put', path, { roles: [made.body.id], permissions: ['reports:read'] });
      expect(changed.body.roles).toEqual([{ id: made.body.id, key: 'clerk' }]);
      expect(await claimsOf(member.id, slug)).toMatchObject({
        roles: ['member', 'clerk'],
        permissions: ['invoices:write', 'reports:read'],
      });
      await owner.ask('patch', `/organizations/${slug}/roles/${made.body.id}`, { permissions: null });
      expect(await claimsOf(member.id, slug)).toMatchObject({ permissions: ['reports:read'] });
      await owner.ask('put', path, { roles: [] });
      expect(await claimsOf(member.id, slug)).toMatchObject({ roles: ['member'], permissions: ['reports:read'] });
    });

    it('is deleted by nobody while somebody has it: 409 with how many', async () => {
      const { slug } = await everybody();
      const { body } = await api('post', `/organizations/${slug}/roles`, role('busy', 10));
      const path = `/organizations/${slug}/roles/${body.id}`;
      for (const { id } of [admin, member])
        await api('put', `/organizations/${slug}/members/${id}`, { roles: [body.id] });
      const refused = await api('delete', path);
      expect([...said(refused), refused.body.member_count]).toEqual([409, 'role_in_use', 2]);
      for (const { id } of [admin, member]) await api('put', `/organizations/${slug}/members/${id}`, { roles: [] });
      expect((await api('delete', path)).status).toBe(204);
      expect((await api('get', path)).status).toBe(404);
    });

    it('given and deleted at once is either given or gone', async () => {
      const { slug } = await everybody();
      for (let round = 0; round < 5; round += 1) {
        const { body } = await api('post', `/organizations/${slug}/roles`, role(`race-${round}`, 10));
        const path = `/organizations/${slug}/members/${member.id}`;
        const [given, gone] = await Promise.all([
          api('put', path, { roles: [body.id] }),
          api('delete', `/organizations/${slug}/roles/${body.id}`),
        ]);
        expect([
          [200, 409],
          [422, 204],
        ]).toContainEqual([given.status, gone.status]);
        await api('put', path, { roles: [] });
      }
    });

    it('goes with its organization, whoever has it, and one of every organization stays', async () => {
      const { id, slug } = await everybody();
      const own = await api('post', `/organizations/${slug}/roles`, role('own', 10));
      const shared = await api('post', '/organization-roles', role('everywhere', 10));
      const roles = [own.body.id, shared.body.id];
      await api('put', `/organizations/${slug}/members/${member.id}`, { roles });
      expect((await claimsOf(member.id, slug))?.roles).toEqual(['member', 'everywhere', 'own']);
      expect(said(await api('delete', `/organization-roles/${shared.body.id}`))).toEqual([409, 'role_in_use']);
      expect((await api('delete', `/organizations/${slug}`)).status).toBe(204);
      expect((await api('delete', `/organization-roles/${shared.body.id}`)).status).toBe(204);
      const left = await server.services.db.manager.query(
        'SELECT 1 FROM organization_roles WHERE organization_id = $1',
        [id],
      );
      expect(left).toEqual([]);
    });

    it('has a key of its own in the organization, and in every one where it is the tenant’s, of two made at once too', async () => {
      const [one, other] = [await everybody(), await everybody()];
      const make = (slug: string | undefined, key: string) =>
        api('post', slug ? `/organizations/${slug}/roles` : '/organization-roles', role(key, 10));
      for (const key of ['owner', 'admin', 'member', 'Upper', '']) expect((await make(one.slug, key)).status).toBe(422);
      expect((await make(one.slug, 'same')).status).toBe(201);
      expect((await make(other.slug, 'same')).status).toBe(201);
      expect(said(await make(one.slug, 'same'))).toEqual([409, 'role_key_taken']);
      expect(said(await make(undefined, 'same'))).toEqual([409, 'role_key_taken']);
      expect((await make(undefined, 'tenants')).status).toBe(201);
      expect(said(await make(one.slug, 'tenants'))).toEqual([409, 'role_key_taken']);
      const answers = await Promise.all([make(one.slug, 'at-once'), make(undefined, 'at-once')]);
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    });

    it('of every organization is seen by each, and changed by the tenant alone', async () => {
      const { slug } = await everybody();
      const { body } = await api('post', '/organization-roles', role('auditor', 20, 'audit:read'));
      const path = `/organizations/${slug}/roles/${body.id}`;
      expect((await member.ask('get', path)).body).toMatchObject({ key: 'auditor', organization_id: null });
      const listed = (await member.ask('get', `/organizations/${slug}/roles`)).body.items as { key: string }[];
      expect(listed.map(({ key }) => key)).toContain('auditor');
      expect(said(await owner.ask('patch', path, { rank: 1 }))).toEqual([403, 'role_of_tenant']);
      expect(said(await owner.ask('delete', path))).toEqual([403, 'role_of_tenant']);
      const changed = await api('patch', `/organization-roles/${body.id}`, { rank: 30 }, { 'if-match': '"1"' });
      expect(changed.body).toMatchObject({ rank: 30, version: 2 });
      expect((await api('patch', `/organization-roles/${body.id}`, { rank: 40 }, { 'if-match': '"1"' })).status).toBe(
        412,
      );
    });

    it('of another organization is none here', async () => {
      const [one, other] = [await everybody(), await everybody()];
      const { body } = await api('post', `/organizations/${other.slug}/roles`, role('there', 10));
      for (const [method, given] of [['get'], ['patch', { rank: 1 }], ['delete']] as const)
        expect((await api(method, `/organizations/${one.slug}/roles/${body.id}`, given)).status).toBe(404);
      const answer = await api('put', `/organizations/${one.slug}/members/${member.id}`, { roles: [body.id] });
      expect([answer.status, answer.body.errors]).toEqual([422, [expect.objectContaining({ pointer: '/roles/0' })]]);
    });

    it('is made, changed and given by an admin up to their own rank, with what they may give', async () => {
      const { slug } = await everybody();
      const roles = `/organizations/${slug}/roles`;
      expect(said(await admin.ask('post', roles, role('boss', 51)))).toEqual([403, 'rank_too_low']);
      expect(said(await admin.ask('post', roles, role('secret', 10, 'secrets:read')))).toEqual([
        403,
        'permission_not_held',
      ]);
      const high = await owner.ask('post', roles, role('high', 80, 'vault:open'));
      const low = await owner.ask('post', roles, role('low', 10, 'invoices:read'));
      const path = `/organizations/${slug}/members/${member.id}`;
      expect(said(await admin.ask('put', path, { roles: [high.body.id] }))).toEqual([403, 'rank_too_low']);
      expect(said(await admin.ask('patch', `${roles}/${high.body.id}`, { name: 'Mine' }))).toEqual([
        403,
        'rank_too_low',
      ]);
      expect(said(await admin.ask('delete', `${roles}/${high.body.id}`))).toEqual([403, 'rank_too_low']);
      expect(said(await admin.ask('patch', `${roles}/${low.body.id}`, { rank: 60 }))).toEqual([403, 'rank_too_low']);
      expect(said(await admin.ask('patch', `${roles}/${low.body.id}`, { permissions: ['vault:open'] }))).toEqual([
        403,
        'permission_not_held',
      ]);
      expect((await admin.ask('put', path, { roles: [low.body.id], permissions: ['invoices:read'] })).status).toBe(200);
      expect((await admin.ask('post', roles, role('reader', 50, 'invoices:read'))).status).toBe(201);

      // Whoever has one that is above an admin is not theirs to touch.
      await owner.ask('put', path, { roles: [high.body.id] });
      expect(said(await admin.ask('put', path, { roles: [] }))).toEqual([403, 'rank_too_low']);
      expect(said(await admin.ask('delete', path))).toEqual([403, 'rank_too_low']);
      // And it manages nothing by itself.
      expect(said(await member.ask('post', roles, role('mine', 1)))).toEqual([403, 'role_too_low']);
    });

    it('that somebody above an admin has too loses nothing, and keeps its rank, by them', async () => {
      const { slug } = await everybody();
      const made = await owner.ask(
        'post',
        `/organizations/${slug}/roles`,
        role('treasurer', 10, 'pay:all', 'pay:some'),
      );
      const path = `/organizations/${slug}/roles/${made.body.id}`;
      const taking = [{ permissions: ['pay:some'] }, { permissions: null }, { rank: 50 }, { rank: 9 }];
      const holders = [owner.id, member.id];
      const high = await owner.ask('post', `/organizations/${slug}/roles`, role('high', 80));
      await owner.ask('put', `/organizations/${slug}/members/${member.id}`, { roles: [high.body.id] });
      for (const id of holders) {
        const at = `/organizations/${slug}/members/${id}`;
        const others = id === member.id ? [high.body.id] : [];
        await owner.ask('put', at, { roles: [made.body.id, ...others] });
        for (const change of taking)
          expect(said(await admin.ask('patch', path, change))).toEqual([403, 'rank_too_low']);
        expect((await admin.ask('patch', path, { name: 'Treasury' })).status).toBe(200);
        await owner.ask('put', at, { roles: others });
      }
      // Of whoever is no higher than themselves an admin takes it.
      await owner.ask('put', `/organizations/${slug}/members/${member.id}`, { roles: [made.body.id] });
      for (const change of taking) expect((await admin.ask('patch', path, change)).status).toBe(200);
      for (const { id } of [owner, member])
        await owner.ask('put', `/organizations/${slug}/members/${id}`, { roles: [] });
    });

    it('is no way for an admin to raise themselves', async () => {
      const { slug } = await everybody();
      const roles = `/organizations/${slug}/roles`;
      const own = await owner.ask('post', roles, role('own', 10, 'a:read'));
      const other = await owner.ask('post', roles, role('other', 10, 'b:read'));
      const me = `/organizations/${slug}/members/${admin.id}`;
      await owner.ask('put', me, { roles: [own.body.id] });
      expect(said(await admin.ask('put', me, { roles: [own.body.id, other.body.id] }))).toEqual([
        403,
        'raises_oneself',
      ]);
      expect(said(await admin.ask('put', me, { permissions: ['b:read'] }))).toEqual([403, 'raises_oneself']);
      const path = `${roles}/${own.body.id}`;
      expect(said(await admin.ask('patch', path, { permissions: ['a:read', 'b:read'] }))).toEqual([
        403,
        'raises_oneself',
      ]);
      expect(said(await admin.ask('patch', path, { rank: 50 }))).toEqual([403, 'raises_oneself']);
      expect((await admin.ask('patch', path, { name: 'Renamed' })).status).toBe(200);
      expect((await admin.ask('put', me, { roles: [], permissions: ['a:read'] })).status).toBe(200);
    });
  });

  describe('a team', () => {
    it('is made, changed and deleted; its members are told by tokens, and stay in the organization', async () => {
      const { id, slug } = await everybody();
      const teams = `/organizations/${slug}/teams`;
      const made = await admin.ask('post', teams, { slug: 'sales', name: 'Sales' });
      expect(made.status).toBe(201);
      const path = `${teams}/${made.body.id}`;
      for (const _twice of [1, 2]) expect((await admin.ask('put', `${path}/members/${member.id}`)).status).toBe(204);
      expect((await claimsOf(member.id, slug))?.teams).toEqual(['sales']);
      const listed = await member.ask('get', `${path}/members`);
      expect(listed.body.items).toEqual([
        expect.objectContaining({ user_id: member.id, teams: [{ id: made.body.id, slug: 'sales' }] }),
      ]);
      expect((await admin.ask('patch', path, { slug: 'trade', description: 'Abroad' })).body).toMatchObject({
        version: 2,
      });
      expect((await claimsOf(member.id, slug))?.teams).toEqual(['trade']);
      for (const _twice of [1, 2]) expect((await admin.ask('delete', `${path}/members/${member.id}`)).status).toBe(204);
      expect((await claimsOf(member.id, slug))?.teams).toEqual([]);
      await admin.ask('put', `${path}/members/${member.id}`);
      expect((await admin.ask('delete', path)).status).toBe(204);
      expect((await claimsOf(member.id, slug))?.role).toBe('member');
      expect((await kindsOf(slug)).slice(3)).toEqual(['team_joined', 'team_left', 'team_joined', 'team_left']);
      const audited = await server.services.db.manager.query(
        `SELECT name FROM audit_events WHERE name LIKE 'team.%' AND data ->> 'organization_id' = $1 ORDER BY id`,
        [id],
      );
      expect(audited.map(({ name }: { name: string }) => name)).toEqual([
        'team.created',
        'team.member_added',
        'team.updated',
        'team.member_removed',
        'team.member_added',
        'team.deleted',
      ]);
    });

    it('is listed after what could be one: any other cursor is refused', async () => {
      const { slug } = await everybody();
      await admin.ask('post', `/organizations/${slug}/teams`, { slug: 'sales', name: 'Sales' });
      const listedAfter = (key: string) =>
        member.ask('get', `/organizations/${slug}/teams?cursor=${encodeCursor(key)}`);
      expect((await listedAfter('a')).body.items).toHaveLength(1);
      for (const key of ['\u0000', '\ud800', 'Sales', ''])
        expect(said(await listedAfter(key))).toEqual([400, 'invalid_cursor']);
    });

    it('has a slug of its own, and members of its organization alone', async () => {
      const [one, other] = [await everybody(), await everybody()];
      const make = (slug: string, team: string) =>
        api('post', `/organizations/${slug}/teams`, { slug: team, name: team });
      const { body } = await make(one.slug, 'sales');
      expect((await make(one.slug, 'sales')).status).toBe(409);
      expect((await make(other.slug, 'sales')).status).toBe(201);
      const outsider = await makePerson(server);
      const path = `/organizations/${one.slug}/teams/${body.id}`;
      for (const id of [outsider.id, randomUUID()])
        expect((await api('put', `${path}/members/${id}`)).status).toBe(404);
      expect((await api('get', `/organizations/${other.slug}/teams/${body.id}`)).status).toBe(404);
      const foreign = await api('post', `/organizations/${other.slug}/members`, {
        user_id: outsider.id,
        teams: [body.id],
      });
      expect(foreign.status).toBe(422);
      await api('post', `/organizations/${one.slug}/members`, { user_id: outsider.id, teams: [body.id] });
      expect((await claimsOf(outsider.id, one.slug))?.teams).toEqual(['sales']);
      await api('delete', `/organizations/${one.slug}/members/${outsider.id}`);
      expect((await api('get', `${path}/members`)).body.items).toEqual([]);
    });

    it('is not for an admin to put an owner into', async () => {
      const { slug } = await everybody();
      const { body } = await admin.ask('post', `/organizations/${slug}/teams`, { slug: 'sales', name: 'Sales' });
      const path = `/organizations/${slug}/teams/${body.id}/members/${owner.id}`;
      expect(said(await admin.ask('put', path))).toEqual([403, 'rank_too_low']);
      expect((await owner.ask('put', path)).status).toBe(204);
      expect(said(await admin.ask('delete', path))).toEqual([403, 'rank_too_low']);
    });
  });
});
