// Who comes in by an identity provider, and what becomes of them: with rows, in one transaction.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import type { Held } from '../../src/features/connections/federated-sign-in.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { newId } from '../../src/platform/crypto.js';
import type { Services } from '../../src/services.js';
import { comeIn, identity, makeConnection, proveDomain, recorded, signInAt } from '../support/connections.js';
import { makeOrganization, membershipOf, newName } from '../support/invitations.js';
import { makePerson, password } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('coming in by an identity provider', () => {
  let server: TestServer;
  let acme: Organization;
  let domain: string;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    acme = await makeOrganization(server);
    domain = `${newName()}.example`;
    email = `ada@${domain}`;
    await proveDomain(server, acme, domain);
  });

  const inside = <T>(work: (services: Services) => Promise<T>) => server.inside(work);
  const ofTenant = (settings: object = {}) => makeConnection(server, { trust: { email: 'claim' }, ...settings });
  const ofAcme = (settings: object = {}) => makeConnection(server, { organization: acme, ...settings });
  const ada = (more: Record<string, string> = {}) => identity('ada', { email, email_verified: 'true', ...more });
  const find = (address = email) => inside(({ users }) => users.findByEmail(address));
  const hasPassword = (id: string) => inside(async ({ users, passwords }) => passwords.has(await users.find(id)));
  const decide = async (connection: Connection, person = ada(), whose = {}) => {
    const held = await signInAt(server, connection, person);
    return inside(({ provisioning }) => provisioning.decide(held, whose));
  };
  const link = (id: string, connection: Connection, subject = 'ada') =>
    inside(({ identities }) => identities.link({ id }, connection.id, subject));
  const subjectsOf = async (id: string) =>
    (await inside(({ identities }) => identities.of({ id }))).map(({ subject }) => subject);

  describe('for the first time', () => {
    it('makes an account and its identity, with what was said of them; the next time it is theirs', async () => {
      const connection = await ofTenant();
      const first = await comeIn(server, connection, ada({ name: 'Ada L' }));
      expect(first).toMatchObject({
        created: true,
        linked: true,
        user: { email, emailVerified: true, claims: { name: 'Ada L' } },
      });
      const second = await comeIn(server, connection, ada({ name: 'Ada Lovelace', email: 'new@elsewhere.example' }));
      expect(second).toMatchObject({
        created: false,
        linked: false,
        user: { id: first.user.id, email, claims: { name: 'Ada Lovelace' } },
      });
      expect(await recorded(server, 'user.provisioned', connection)).toMatchObject([
        { created: true },
        { created: false, changed: ['claims'] },
      ]);
      expect(await recorded(server, 'identity.linked', connection)).toMatchObject([
        { user_id: first.user.id, by: 'sign_in' },
      ]);
    });

    it('an address that is only claimed is not verified, and who proves it later takes the account from whoever made it', async () => {
      const connection = await ofTenant();
      const { user } = await comeIn(server, connection, ada({ email_verified: 'false' }));
      expect(user.emailVerified).toBe(false);
      await inside(async ({ mailboxProof, users }) =>
        mailboxProof.proved(await users.find(user.id), { flow: 'somewhere else' }),
      );
      expect(await subjectsOf(user.id)).toEqual([]);
      expect(await recorded(server, 'identity.unlinked', connection)).toMatchObject([{ by: 'disowned' }]);
    });

    it('not whoever made it, by proving the address in the same interaction', async () => {
      const connection = await ofTenant();
      const held = await signInAt(server, connection, ada({ email_verified: 'false' }));
      const { user } = await inside(({ provisioning }) => provisioning.complete(held, { flow: 'interaction' }));
      await inside(async ({ mailboxProof, users }) =>
        mailboxProof.proved(await users.find(user.id), { flow: 'interaction' }),
      );
      expect(await subjectsOf(user.id)).toEqual(['ada']);
    });

    it('not whoever made it, by an answer that says later that the address is proved', async () => {
      const connection = await ofTenant();
      await comeIn(server, connection, ada({ email_verified: 'false' }));
      const { user } = await comeIn(server, connection, ada());
      expect(user.emailVerified).toBe(true);
      expect(await subjectsOf(user.id)).toEqual(['ada']);
    });

    it('of twenty at once one makes an account, one identity and one membership', async () => {
      const connection = await ofAcme();
      const all = await Promise.all(Array.from({ length: 20 }, () => comeIn(server, connection, ada())));
      expect(new Set(all.map(({ user }) => user.id)).size).toBe(1);
      expect(all.filter(({ created }) => created)).toHaveLength(1);
      expect(await recorded(server, 'identity.linked', connection)).toHaveLength(1);
      const joined = await server.services.db.manager.query(
        `SELECT 1 FROM membership_events WHERE organization_id = $1 AND kind = 'joined'`,
        [acme.id],
      );
      expect(joined).toHaveLength(1);
    });

    it('of two people with one address, at two connections, one has the account', async () => {
      const [one, two] = [await ofTenant(), await ofTenant()];
      const results = await Promise.allSettled([comeIn(server, one, ada()), comeIn(server, two, ada())]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const [failed] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      expect(failed).toMatchObject({ status: 409, code: 'proof_needed' });
    });
  });

  describe('whose address an account has already', () => {
    it('the same address at another connection has to be proved: nothing is linked, and the sign-in goes on', async () => {
      const person = await makePerson(server, email);
      const connection = await ofTenant();
      const held = await signInAt(server, connection, ada());
      const decision = await inside(({ provisioning }) => provisioning.decide(held));
      expect(decision).toMatchObject({ kind: 'prove', userId: person.id });
      await expect(inside(({ provisioning }) => provisioning.complete(held))).rejects.toMatchObject({
        code: 'proof_needed',
      });
      expect(await subjectsOf(person.id)).toEqual([]);
      const { user, linked } = await inside(({ provisioning }) => provisioning.complete(held, { proved: person.id }));
      expect([user.id, linked]).toEqual([person.id, true]);
    });

    it('whoever proves another account is not linked', async () => {
      const person = await makePerson(server, email);
      const other = await makePerson(server);
      const held = await signInAt(server, await ofTenant(), ada());
      await expect(
        inside(({ provisioning }) => provisioning.complete(held, { proved: other.id })),
      ).rejects.toMatchObject({ code: 'proof_needed' });
      expect([...(await subjectsOf(person.id)), ...(await subjectsOf(other.id))]).toEqual([]);
    });

    it('the directory of an organization speaks for addresses of its domain', async () => {
      const person = await makePerson(server, email);
      const connection = await ofAcme();
      const { user, linked } = await comeIn(server, connection, ada());
      expect([user.id, linked]).toEqual([person.id, true]);
      expect(await hasPassword(person.id)).toBe(true);
    });

    it.each<[string, object, Record<string, string>]>([
      ['that nobody says is proved', {}, {}],
      ['that is said not to be', { trust: { email: 'always' } }, { email_verified: 'false' }],
      ['of which something else is said', {}, { email_verified: 'False' }],
      ['where it is not to be believed', { trust: { email: 'never' } }, { email_verified: 'true' }],
    ])(
      'not for one %s: its account is proved first, and a new one has no proved address',
      async (_what, settings, said) => {
        const connection = await ofAcme(settings);
        const fresh = await comeIn(server, connection, identity('new', { email: `new@${domain}`, ...said }));
        expect(fresh.user.emailVerified).toBe(false);
        const person = await makePerson(server, email);
        const typed = identity('mallory', { email, ...said });
        expect(await decide(connection, typed)).toMatchObject({ kind: 'prove', userId: person.id });
      },
    );

    it('for one of which nothing is said where it gives out the addresses itself: trust.email always', async () => {
      const person = await makePerson(server, email);
      const connection = await ofAcme({ trust: { email: 'always' } });
      expect((await comeIn(server, connection, identity('ada', { email }))).user.id).toBe(person.id);
    });

    it('and for no others, whatever it says', async () => {
      const elsewhere = `ada@${newName()}.example`;
      const person = await makePerson(server, elsewhere);
      const connection = await ofAcme({ trust: { email: 'always' } });
      expect(await decide(connection, ada({ email: elsewhere }))).toMatchObject({
        kind: 'refused',
        reason: 'foreign_domain',
      });
      await inside(({ memberships }) => memberships.add(acme, { user_id: person.id } as never, { kind: 'added' }));
      expect(await decide(connection, ada({ email: elsewhere }))).toMatchObject({ kind: 'prove', userId: person.id });
    });

    it('not once the domain is not its own any more', async () => {
      await makePerson(server, email);
      const connection = await ofAcme();
      await server.services.db.manager.query(
        'UPDATE organization_domains SET verified_at = NULL WHERE organization_id = $1',
        [acme.id],
      );
      expect(await decide(connection)).toMatchObject({ kind: 'refused', reason: 'foreign_domain' });
    });

    it('another subject of the same directory is somebody else', async () => {
      await makePerson(server, email);
      const connection = await ofAcme();
      await comeIn(server, connection, ada());
      const another = identity('another-ada', { email, email_verified: 'true' });
      expect(await decide(connection, another)).toMatchObject({ kind: 'prove' });
    });

    it('pre-registered by a stranger: whoever proves the address has the account, without the stranger’s way in', async () => {
      await inside(async ({ users, passwords, registrations }) => {
        const user = await users.create({ email } as never);
        await passwords.set(user, password);
        await registrations.remember(user.id, 'the interaction of a stranger');
      });
      const before = await find();
      if (!before) throw new Error('nobody has registered');
      expect(await hasPassword(before.id)).toBe(true);
      const connection = await ofTenant();
      expect(await decide(connection)).toMatchObject({ kind: 'take_over', userId: before.id });
      const { user } = await comeIn(server, connection, ada({ name: 'Ada' }));
      expect(user).toMatchObject({ id: before.id, emailVerified: true, claims: { name: 'Ada' } });
      expect(await hasPassword(before.id)).toBe(false);
    });

    it('pre-registered by a stranger with an identity: that one goes', async () => {
      const connection = await ofTenant();
      const { user } = await comeIn(server, connection, identity('mallory', { email }));
      const theirs = await comeIn(server, connection, ada());
      expect(theirs.user.id).toBe(user.id);
      expect(await subjectsOf(user.id)).toEqual(['ada']);
    });

    it('with a role of the tenant: linked by no address', async () => {
      const person = await makePerson(server, email);
      await inside(async ({ users }) => users.setRoles(await users.find(person.id), ['ADMIN', 'SUPPORT']));
      expect(await decide(await ofAcme())).toMatchObject({ kind: 'refused', reason: 'privileged' });
      expect(await decide(await ofTenant())).toMatchObject({ kind: 'prove' });
    });

    it('disabled: refused, and nothing is made', async () => {
      const person = await makePerson(server, email);
      await inside(({ users }) => users.disable(person));
      const connection = await ofAcme();
      expect(await decide(connection)).toMatchObject({ kind: 'refused', reason: 'account_disabled' });
      await expect(comeIn(server, connection, ada())).rejects.toMatchObject({
        status: 400,
        code: 'federation_refused',
      });
      expect((await recorded(server, 'federation.refused', connection)).map(({ reason }) => reason)).toEqual([
        'account_disabled',
        'account_disabled',
      ]);
    });
  });

  describe('somebody who is known', () => {
    it('is refused once the account, or the connection, is disabled', async () => {
      const connection = await ofTenant();
      const { user } = await comeIn(server, connection, ada());
      await inside(({ users }) => users.disable(user));
      await expect(comeIn(server, connection, ada())).rejects.toMatchObject({ code: 'federation_refused' });
      await inside(({ users }) => users.enable(user));
      const held = await signInAt(server, connection, ada());
      await server.services.db.manager.query('UPDATE connections SET enabled_at = NULL WHERE id = $1', [connection.id]);
      await expect(inside(({ provisioning }) => provisioning.complete(held))).rejects.toMatchObject({
        code: 'invalid_handle',
      });
    });

    it('who gets a role of the tenant is spoken for by nobody any more, until an administrator says so', async () => {
      const connection = await ofAcme();
      const { user } = await comeIn(server, connection, ada());
      await inside(async ({ users }) => users.setRoles(await users.find(user.id), ['SUPPORT']));
      expect(await subjectsOf(user.id)).toEqual([]);
      expect(await decide(connection)).toMatchObject({ kind: 'refused', reason: 'privileged' });
      await link(user.id, connection);
      expect((await comeIn(server, connection, ada())).user.id).toBe(user.id);
    });

    it('as an administrator has said before they ever came', async () => {
      const person = await makePerson(server);
      const connection = await ofTenant();
      await link(person.id, connection, 'jonas');
      expect((await comeIn(server, connection, identity('jonas'))).user.id).toBe(person.id);
      await expect(link((await makePerson(server)).id, connection, 'jonas')).rejects.toThrow();
    });

    it('keeps their claims where nothing follows the identity provider', async () => {
      const connection = await ofTenant({ provisioning: { sync: false } });
      await comeIn(server, connection, ada({ name: 'Ada' }));
      expect((await comeIn(server, connection, ada({ name: 'Another' }))).user.claims.name).toBe('Ada');
    });
  });

  describe('a member of the organization', () => {
    const groups = (...names: string[]) => ada({ groups: names.join(',') });
    const member = async (id: string) => {
      const [row] = await server.services.db.manager.query(
        `SELECT m.role, m.suspended_at IS NOT NULL AS suspended,
                ARRAY(SELECT r.key FROM membership_roles mr JOIN organization_roles r ON r.id = mr.role_id WHERE mr.organization_id = m.organization_id AND mr.user_id = m.user_id ORDER BY 1) AS roles,
                ARRAY(SELECT t.slug FROM team_members tm JOIN teams t ON t.id = tm.team_id WHERE tm.organization_id = m.organization_id AND tm.user_id = m.user_id ORDER BY 1) AS teams
           FROM memberships m WHERE m.organization_id = $1 AND m.user_id = $2`,
        [acme.id, id],
      );
      return row && [row.role, row.suspended ? 'suspended' : 'active', ...row.roles, ...row.teams];
    };
    const role = (key: string, at: Organization | null = acme) =>
      inside(({ organizationRoles }) =>
        organizationRoles.create(at, { key, name: key, rank: 10, permissions: [] } as never),
      );
    const team = (slug: string, at = acme) => inside(({ teams }) => teams.create(at, { slug, name: slug } as never));

    it('with the role of the connection, told in the history', async () => {
      const connection = await ofAcme();
      const { user } = await comeIn(server, connection, ada());
      expect(await member(user.id)).toEqual(['member', 'active']);
      const [event] = await server.services.db.manager.query(
        'SELECT data, actor_type, actor_id FROM membership_events WHERE user_id = $1',
        [user.id],
      );
      expect(event).toMatchObject({
        data: { how: 'connection', by: connection.id },
        actor_type: 'system',
        actor_id: `connection:${connection.id}`,
      });
    });

    it('not where nothing says so, and never by a connection of the tenant', async () => {
      const { user } = await comeIn(server, await ofAcme({ provisioning: { role: null } }), ada());
      expect(await member(user.id)).toBeUndefined();
      const other = await comeIn(
        server,
        await ofTenant({ provisioning: { role: 'admin' } }),
        identity('g', { email: `g@${newName()}.example` }),
      );
      expect(await member(other.user.id)).toBeUndefined();
    });

    it('what groups give goes with them, and nothing else', async () => {
      const [dev, ops, byHand] = [await role('dev'), await role('ops'), await role('by-hand')];
      const [red, blue] = [await team('red'), await team('blue')];
      const connection = await ofAcme({
        provisioning: {
          role: 'member',
          groups: [
            { group: 'dev', roles: [dev.id], teams: [red.id] },
            { group: 'ops', role: 'admin', roles: [ops.id], teams: [blue.id] },
          ],
        },
      });
      const { user } = await comeIn(server, connection, groups('dev'));
      expect(await member(user.id)).toEqual(['member', 'active', 'dev', 'red']);
      await inside(({ memberships }) => memberships.change(acme, user.id, { roles: [dev.id, byHand.id] }));
      await comeIn(server, connection, groups('dev', 'ops'));
      expect(await member(user.id)).toEqual(['admin', 'active', 'by-hand', 'dev', 'ops', 'blue', 'red']);
      await comeIn(server, connection, groups('else'));
      expect(await member(user.id)).toEqual(['member', 'active', 'by-hand']);
    });

    it('roles and teams of another organization, and those that are gone, are given to nobody', async () => {
      const other = await makeOrganization(server);
      const foreign = [await role('foreign', other), await team('foreign', other)];
      const connection = await ofAcme({
        provisioning: {
          role: 'member',
          roles: [foreign[0]?.id, newId()],
          groups: [{ group: 'a', teams: [foreign[1]?.id, newId()] }],
        },
      });
      const { user } = await comeIn(server, connection, groups('a'));
      expect(await member(user.id)).toEqual(['member', 'active']);
    });

    it('many people at once, each of them once, also where their domain joins by itself; those who come back too', async () => {
      const red = await team('red');
      await server.services.db.manager.query(
        `UPDATE organization_domains SET auto_join = 'member' WHERE organization_id = $1`,
        [acme.id],
      );
      const connection = await ofAcme({
        provisioning: { role: 'member', groups: [{ group: 'dev', teams: [red.id] }] },
      });
      const person = (at: number, group: string) => identity(`p${at}`, { email: `p${at}@${domain}`, groups: group });
      for (const group of ['dev', 'else', 'dev']) {
        const all = await Promise.all(
          Array.from({ length: 20 }, (_, at) => comeIn(server, connection, person(at, group))),
        );
        const members = await Promise.all(all.map(({ user }) => member(user.id)));
        expect(members).toEqual(members.map(() => ['member', 'active', ...(group === 'dev' ? ['red'] : [])]));
      }
      const joined = await server.services.db.manager.query(
        `SELECT 1 FROM membership_events WHERE organization_id = $1 AND kind = 'joined'`,
        [acme.id],
      );
      expect(joined).toHaveLength(20);
    });

    it('nobody comes in after the connection was disabled, however many are on their way', async () => {
      const connection = await ofAcme();
      const held = await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          signInAt(server, connection, identity(`q${at}`, { email: `q${at}@${domain}` })),
        ),
      );
      const [disabled, ...results] = await Promise.allSettled([
        inside(async ({ connections }) => connections.disable(acme, await connections.find(acme, connection.id))),
        ...held.map((one) =>
          inside(async ({ provisioning, upstreamSessions }) => {
            await provisioning.complete(one);
            return upstreamSessions.remember(`session of ${one.id}`, one);
          }),
        ),
      ]);
      expect(disabled?.status).toBe('fulfilled');
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ status: 400, code: 'invalid_handle' });
      expect(await inside(({ upstreamSessions }) => upstreamSessions.remember('later', held[0] as Held))).toBe(false);
    });

    it('an owner stays one, and an admin by somebody else’s word too', async () => {
      const connection = await ofAcme({ provisioning: { role: 'member' } });
      const person = await makePerson(server, email);
      await inside(({ memberships }) =>
        memberships.add(acme, { user_id: person.id, role: 'owner' }, { kind: 'added' }),
      );
      await comeIn(server, connection, ada());
      expect(await member(person.id)).toEqual(['owner', 'active']);
    });

    it('who was taken out by somebody here does not come back by signing in', async () => {
      const connection = await ofAcme();
      const { user } = await comeIn(server, connection, ada());
      await inside(({ memberships }) => memberships.remove(acme, user.id));
      await comeIn(server, connection, ada());
      expect(await member(user.id)).toBeUndefined();
    });

    it('who was suspended by somebody here stays so', async () => {
      const connection = await ofAcme();
      const { user } = await comeIn(server, connection, ada());
      await inside(({ memberships }) => memberships.suspend(acme, user.id, 'why'));
      await comeIn(server, connection, ada());
      expect(await member(user.id)).toEqual(['member', 'suspended']);
    });

    it.each([
      ['keep', ['member', 'active']],
      ['suspend', ['member', 'suspended']],
      ['remove', undefined],
    ] as const)('in no required group any more: %s; in one again, it is as it was', async (deprovision, then) => {
      const connection = await ofAcme({
        provisioning: { role: 'member', required_groups: ['staff', 'guests'], deprovision },
      });
      expect(await decide(connection, groups('else'))).toMatchObject({ kind: 'refused', reason: 'group_required' });
      const { user } = await comeIn(server, connection, groups('staff'));
      expect(await decide(connection, groups('else'))).toMatchObject({ kind: 'refused', reason: 'group_required' });
      expect(await member(user.id)).toEqual(then);
      await comeIn(server, connection, groups('guests'));
      expect(await member(user.id)).toEqual(['member', 'active']);
    });

    it('the last owner stays, whatever the groups say', async () => {
      const connection = await ofAcme({
        provisioning: { role: 'member', required_groups: ['staff'], deprovision: 'remove' },
      });
      const { user } = await comeIn(server, connection, groups('staff'));
      await inside(({ memberships }) => memberships.change(acme, user.id, { role: 'owner' }));
      await decide(connection, groups('else'));
      expect(await member(user.id)).toEqual(['owner', 'active']);
    });
  });

  it('a person links it in their own account, whatever its address', async () => {
    const person = await makePerson(server);
    const connection = await ofTenant();
    const held = await signInAt(server, connection, ada(), { purpose: 'link' });
    await inside(({ provisioning }) => provisioning.complete(held, { proved: person.id }));
    expect(await subjectsOf(person.id)).toEqual(['ada']);
    expect(await recorded(server, 'identity.linked', connection)).toMatchObject([{ by: 'owner' }]);
    const again = await signInAt(server, connection, ada(), { purpose: 'link' });
    const other = await makePerson(server);
    await expect(
      inside(({ provisioning }) => provisioning.complete(again, { proved: other.id })),
    ).rejects.toMatchObject({ code: 'federation_refused' });
  });

  it('tokens are sealed', async () => {
    const connection = await ofTenant();
    const person = identity(
      'ada',
      { email, name: 'Ada' },
      { tokens: { access_token: 'very-secret', refresh_token: 'more-secret' } },
    );
    const { user } = await comeIn(server, connection, person);
    const rows = JSON.stringify(
      await server.services.db.manager.query('SELECT * FROM identities WHERE user_id = $1', [user.id]),
    );
    for (const secret of ['very-secret', 'more-secret', email]) expect(rows).not.toContain(secret);
    const [one] = await inside(({ identities }) => identities.of(user));
    if (!one) throw new Error('nothing is linked');
    expect(await inside(async ({ identities }) => identities.tokensOf(one))).toEqual(person.tokens);
  });

  it('a membership that cannot be is a refusal, and nothing of it stays', async () => {
    const roles: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      const permissions = Array.from({ length: 100 }, (_, n) => `p${at}:${n}`);
      const made = await inside(({ organizationRoles }) =>
        organizationRoles.create(acme, { key: `r${at}`, name: 'r', rank: 1, permissions } as never),
      );
      roles.push(made.id);
    }
    const connection = await ofAcme({ provisioning: { role: 'member', roles } });
    await expect(comeIn(server, connection, ada())).rejects.toMatchObject({ code: 'federation_refused' });
    expect(await find()).toBeUndefined();
    expect(await recorded(server, 'federation.refused', connection)).toMatchObject([
      { reason: 'too_many_permissions' },
    ]);
  });

  it('is of its own tenant and connection: the same subject elsewhere is somebody else', async () => {
    const first = await comeIn(server, await ofTenant(), identity('7', { email }));
    const second = await comeIn(server, await ofTenant(), identity('7', { email: `b@${domain}` }));
    expect(first.user.id).not.toBe(second.user.id);
    expect(await membershipOf(server, acme, first.user.id)).toBeUndefined();
  });
});
