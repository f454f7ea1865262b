import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { enter, wordsOf } from '../support/account.js';
import { press } from '../support/account-life.js';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { MovedClock } from '../support/clock.js';
import { everyTable } from '../support/dump.js';
import { organizationOf, signedIn } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const daySeconds = 24 * 3600;

describe('the end of an account of somebody in organizations', () => {
  let server: TestServer;
  let clock: MovedClock;
  let token: string;

  beforeAll(async () => {
    clock = new MovedClock();
    server = await startServer({ overrides: { clock } });
    token = await tokenWith(server, 'organizations:read organizations:write users:write');
  }, 180_000);
  afterAll(() => server?.close());

  const api = (method: string, path: string, body?: unknown): Promise<Answer> => ask(server, token, method, path, body);
  const close = async (email: string) => {
    const { browser, page } = await enter(server, email, '/delete');
    return press(browser, page, 'account-delete');
  };
  const isClosed = async (id: string) => (await server.inside(({ users }) => users.find(id))).deletionAt !== null;
  const there = async (slug: string) => (await api('get', `/organizations/${slug}`)).status === 200;

  it('is refused while others are in an organization that only they own, with words that say so', async () => {
    const [owner, member] = [await makePerson(server), await makePerson(server)];
    const organization = await organizationOf(server, { [owner.id]: 'owner', [member.id]: 'member' });
    const refused = await close(owner.email);
    expect([refused.status, wordsOf(refused)]).toEqual([422, expect.stringContaining('keeps at least one owner')]);
    expect(await isClosed(owner.id)).toBe(false);
    // Whoever is suspended, or closed, owns nothing.
    const other = await makePerson(server);
    await server.inside(async ({ memberships, users }) => {
      await memberships.add(organization, { user_id: other.id, role: 'owner' }, { kind: 'added' });
      await users.close(await users.find(other.id), new Date(Date.now() + daySeconds * 1000));
    });
    expect((await close(owner.email)).status).toBe(422);
    await server.inside(({ memberships }) => memberships.change(organization, member.id, { role: 'owner' }));
    expect((await close(owner.email)).status).toBe(200);
    expect(await isClosed(owner.id)).toBe(true);
  });

  it('of two owners who close at once one stays', async () => {
    for (let round = 0; round < 4; round += 1) {
      const [one, two, member] = [await makePerson(server), await makePerson(server), await makePerson(server)];
      await organizationOf(server, { [one.id]: 'owner', [two.id]: 'owner', [member.id]: 'member' });
      const until = new Date(Date.now() + daySeconds * 1000);
      const outcomes = await Promise.allSettled(
        [one, two].map(({ id }) => server.inside(async ({ users }) => users.close(await users.find(id), until))),
      );
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
      expect(refused).toEqual(['last_owner']);
    }
  });

  it('and a removal of the other owner at once leave one', async () => {
    for (let round = 0; round < 4; round += 1) {
      const [one, two, member] = [await makePerson(server), await makePerson(server), await makePerson(server)];
      const organization = await organizationOf(server, {
        [one.id]: 'owner',
        [two.id]: 'owner',
        [member.id]: 'member',
      });
      const until = new Date(Date.now() + daySeconds * 1000);
      const outcomes = await Promise.allSettled([
        server.inside(async ({ users }) => users.close(await users.find(one.id), until)),
        server.inside(({ memberships }) => memberships.remove(organization, two.id)),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  it('and the other owner who leaves at once leave one', async () => {
    for (let round = 0; round < 4; round += 1) {
      const [one, two, member] = [await makePerson(server), await signedIn(server), await makePerson(server)];
      const organization = await organizationOf(server, {
        [one.id]: 'owner',
        [two.id]: 'owner',
        [member.id]: 'member',
      });
      const until = new Date(Date.now() + daySeconds * 1000);
      const [closed, left] = await Promise.all([
        server
          .inside(async ({ users }) => users.close(await users.find(one.id), until))
          .then(
            () => 'closed',
            ({ code }) => code,
          ),
        two.ask('delete', `/organizations/${organization.slug}/members/${two.id}`),
      ]);
      expect([
        ['closed', 409, 'last_owner'],
        ['last_owner', 204, undefined],
      ]).toContainEqual([closed, left.status, left.body.code]);
    }
  });

  it('takes along what nobody else is in, at its end and not before, and is told in the history of the others', async () => {
    const [person, other] = [await makePerson(server), await makePerson(server)];
    const alone = await organizationOf(server, { [person.id]: 'owner' });
    const shared = await organizationOf(server, { [other.id]: 'owner', [person.id]: 'admin' });
    await server.inside(async ({ organizations, users, memberships }) => {
      await organizations.createPersonal(await users.find(person.id));
      await memberships.suspend(shared, person.id, 'spoke of their divorce');
    });
    const mine = await server.services.db.manager.query('SELECT slug FROM organizations WHERE personal_of = $1', [
      person.id,
    ]);
    expect((await close(person.email)).status).toBe(200);
    for (const slug of [alone.slug, mine[0].slug]) expect(await there(slug)).toBe(true);

    clock.move(31 * daySeconds);
    await server.services.accountDeletion.purge();
    clock.reset();
    for (const slug of [alone.slug, mine[0].slug]) expect(await there(slug)).toBe(false);
    const { body } = await api('get', `/organizations/${shared.slug}/members/${person.id}/history`);
    const told = body.items as { kind: string; data: object }[];
    expect(told.map(({ kind }) => kind)).toEqual(['removed', 'suspended', 'joined']);
    expect(told[0]?.data).toEqual({ why: 'account_deleted' });
    // Why, in somebody's own words, is nobody's to keep.
    expect(told[1]?.data).toEqual({});
    expect(JSON.stringify(await everyTable(server))).not.toContain('divorce');
  });

  it('by an administrator is refused by nobody, and leaves what everybody joins', async () => {
    const person = await makePerson(server);
    const everybodys = await organizationOf(server, { [person.id]: 'owner' }, { slug: 'everybodys' });
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { organizations: { default_organization: 'everybodys' } } }),
    );
    const [owner, member] = [await makePerson(server), await makePerson(server)];
    const shared = await organizationOf(server, { [owner.id]: 'owner', [member.id]: 'member' });
    for (const { id } of [person, owner]) expect((await api('delete', `/users/${id}`)).status).toBe(204);
    for (const { slug } of [everybodys, shared]) expect(await there(slug)).toBe(true);
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { organizations: null } }),
    );
  });

  it('leaves a copy of what they were a member of', async () => {
    const person = await signedIn(server);
    const organization = await organizationOf(server, { [person.id]: 'admin' });
    await server.inside(async ({ teams, organizationRoles, memberships }) => {
      const team = await teams.create(organization, { slug: 'sales', name: 'Sales' });
      const role = await organizationRoles.create(organization, { key: 'clerk', name: 'Clerk', rank: 5 });
      await teams.join(organization, team.id, person.id);
      await memberships.change(organization, person.id, { roles: [role.id], permissions: ['a:b'] });
    });
    const parts: string[] = [];
    await server.inside(async ({ dataExport, users }) => {
      for await (const part of await dataExport.of(await users.find(person.id))) parts.push(part);
    });
    const { memberships, membership_history } = JSON.parse(parts.join(''));
    expect(memberships).toEqual([
      expect.objectContaining({
        organization_id: organization.id,
        organization: organization.slug,
        role: 'admin',
        roles: ['clerk'],
        permissions: ['a:b'],
        teams: ['sales'],
      }),
    ]);
    expect(membership_history.map(({ kind }: { kind: string }) => kind)).toEqual(['joined', 'team_joined', 'changed']);
  });
});
