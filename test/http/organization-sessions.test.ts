import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer } from '../support/api.js';
import { behindRows } from '../support/held.js';
import { organizationOf, type Signed, signedIn } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';

describe('organizations, by those who belong to them, with the session of their account', () => {
  let server: TestServer;
  let owner: Signed;
  let second: Signed;
  let admin: Signed;
  let member: Signed;

  beforeAll(async () => {
    server = await startServer();
    [owner, second, admin, member] = [
      await signedIn(server),
      await signedIn(server),
      await signedIn(server),
      await signedIn(server),
    ];
  }, 180_000);
  afterAll(() => server?.close());

  const everybody = () => organizationOf(server, { [owner.id]: 'owner', [admin.id]: 'admin', [member.id]: 'member' });
  const said = ({ status, body }: Answer) => [status, body.code];
  const opened = (creation: 'open' | 'closed') =>
    server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { organizations: { creation } } }),
    );

  it('are one’s own, of those there are', async () => {
    const mine = await everybody();
    await organizationOf(server, { [second.id]: 'owner' });
    const suspended = await organizationOf(server, { [member.id]: 'member' });
    await server.inside(({ organizations }) => organizations.suspend(suspended, 'x'));
    const { body } = await member.ask('get', '/organizations');
    expect((body.items as { id: string }[]).map(({ id }) => id)).toEqual([mine.id]);
  });

  it('are made by people where the tenant lets them, who own them, twenty at most', async () => {
    const person = await signedIn(server);
    const make = (slug: string, more: object = {}) =>
      person.ask('post', '/organizations', { slug, name: slug, ...more });
    expect(said(await make('closed'))).toEqual([403, 'creation_closed']);
    await opened('open');
    expect((await make('theirs', { owner_id: owner.id })).status).toBe(422);
    const many = await Promise.all(Array.from({ length: 23 }, (_one, n) => make(`mine-${n}`)));
    expect(many.filter(({ status }) => status === 201)).toHaveLength(20);
    expect(said(await make('mine-24'))).toEqual([409, 'too_many_organizations']);
    const [first] = many.flatMap(({ status, body }) => (status === 201 ? [String(body.slug)] : []));
    const { body } = await person.ask('get', `/organizations/${first}/members`);
    expect(body.items).toEqual([expect.objectContaining({ user_id: person.id, role: 'owner' })]);
    await opened('closed');
  });

  it('tell members who belongs to them, and only who manages them who is suspended and who does not come', async () => {
    const { id, slug } = await everybody();
    const gone = await makePerson(server);
    await server.inside(({ memberships }) => memberships.add({ id }, { user_id: gone.id }, { kind: 'added' }));
    await owner.ask('put', `/organizations/${slug}/members/${gone.id}/suspension`, { reason: 'unpaid' });
    const listed = async (who: Signed) =>
      ((await who.ask('get', `/organizations/${slug}/members`)).body.items as { user_id: string }[]).length;
    expect([await listed(member), await listed(admin)]).toEqual([3, 4]);
    expect((await member.ask('get', `/organizations/${slug}/members/${gone.id}`)).status).toBe(404);
    const told = await admin.ask('get', `/organizations/${slug}/members/${gone.id}`);
    expect(told.body.suspension_reason).toBe('unpaid');
  });

  it('tell how they look to every member, and what they ask of whom to those who manage them', async () => {
    const { slug } = await everybody();
    const settings = {
      branding: { company_name: 'Acme' },
      policy: { acr: 'urn:ostiary:acr:mfa', trusted_networks: ['192.0.2.0/24'] },
    };
    expect((await owner.ask('patch', `/organizations/${slug}`, { settings })).status).toBe(200);
    const seen = (await member.ask('get', `/organizations/${slug}`)).body;
    expect([seen.settings, seen.policy_since]).toEqual([{ branding: { company_name: 'Acme' } }, null]);
    expect(JSON.stringify((await owner.ask('get', '/organizations')).body)).not.toContain('192.0.2.0');
    expect((await admin.ask('get', `/organizations/${slug}`)).body.settings).toMatchObject(settings);
  });

  it('make nobody a member who was not asked, be they a stranger or somebody who has left', async () => {
    const { slug } = await everybody();
    const stranger = await makePerson(server);
    expect((await member.ask('delete', `/organizations/${slug}/members/${member.id}`)).status).toBe(204);
    for (const who of [owner, admin])
      for (const user_id of [stranger.id, member.id, randomUUID()]) {
        const answer = await who.ask('post', `/organizations/${slug}/members`, { user_id });
        // As for every address that takes a token, whoever it is about.
        expect([...said(answer), JSON.stringify(answer.body).includes('@')]).toEqual([401, 'unauthorized', false]);
      }
    const listed = (await owner.ask('get', `/organizations/${slug}/members`)).body.items as object[];
    expect(listed).toHaveLength(2);
  });

  describe('nobody climbs', () => {
    it('an admin neither makes an owner nor touches one, and does not raise themselves', async () => {
      const { slug } = await everybody();
      const path = (id: string) => `/organizations/${slug}/members/${id}`;
      const refused: [string, string, unknown, string][] = [
        ['put', path(owner.id), { role: 'member' }, 'rank_too_low'],
        ['put', `${path(owner.id)}/suspension`, { reason: 'x' }, 'rank_too_low'],
        ['delete', path(owner.id), undefined, 'rank_too_low'],
        ['put', path(admin.id), { role: 'owner' }, 'rank_too_low'],
        ['put', path(admin.id), { permissions: ['any:thing'] }, 'permission_not_held'],
        ['put', path(member.id), { role: 'owner' }, 'rank_too_low'],
        ['put', path(member.id), { permissions: ['any:thing'] }, 'permission_not_held'],
      ];
      for (const [method, address, body, code] of refused)
        expect([method, address, ...said(await admin.ask(method, address, body))]).toEqual([
          method,
          address,
          403,
          code,
        ]);
      expect((await admin.ask('put', path(member.id), { role: 'admin' })).status).toBe(200);
      expect((await owner.ask('put', path(member.id), { permissions: ['any:thing'] })).status).toBe(200);
    });

    // The embedded database has one session: nobody waits there.
    if (defaultKind === 'postgres')
      it('whoever was removed, or lowered, while their change waited changes nothing', async () => {
        const ends = [
          `DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2`,
          `UPDATE memberships SET role = 'member' WHERE organization_id = $1 AND user_id = $2`,
        ];
        const answers: unknown[] = [];
        for (const end of ends)
          for (const [method, body] of [
            ['patch', { name: 'Taken over' }],
            ['put', { slug: 'taken-over', name: 'Taken over', settings: {} }],
          ] as const) {
            const { id, slug } = await everybody();
            const change = () => admin.ask(method, `/organizations/${slug}`, body);
            const [late] = await behindRows(server, `organizations WHERE id = '${id}'`, change, (runner) =>
              runner.query(end, [id, admin.id]),
            );
            answers.push(said(late));
          }
        const gone = [404, 'not_found'];
        const low = [403, 'role_too_low'];
        expect(answers).toEqual([gone, gone, low, low]);
      });

    it('a policy that asks for less proof than before takes an owner', async () => {
      const { slug } = await everybody();
      const change = (who: Signed, policy: object) =>
        who.ask('patch', `/organizations/${slug}`, { settings: { policy } });
      const acr = 'urn:ostiary:acr:mfa';
      expect((await change(admin, { acr })).status).toBe(200);
      for (const weaker of [{}, { acr, grace_days: 30 }, { acr, trusted_networks: ['192.0.2.0/24'] }])
        expect(said(await change(admin, weaker))).toEqual([403, 'role_too_low']);
      const whole = { slug, name: 'Other', settings: {} };
      expect(said(await admin.ask('put', `/organizations/${slug}`, whole))).toEqual([403, 'role_too_low']);
      const none = await admin.ask('patch', `/organizations/${slug}`, { settings: { policy: null } });
      expect(said(none)).toEqual([403, 'role_too_low']);
      expect((await change(owner, {})).status).toBe(200);
    });
  });

  describe('leaving', () => {
    it('is for everybody but the last owner, and told as such', async () => {
      const { id, slug } = await everybody();
      const leave = (who: Signed) => who.ask('delete', `/organizations/${slug}/members/${who.id}`);
      for (const who of [member, admin]) expect((await leave(who)).status).toBe(204);
      expect(said(await leave(owner))).toEqual([409, 'last_owner']);
      expect((await leave(member)).status).toBe(404);
      const rows = await server.services.db.manager.query(
        `SELECT kind, actor_id FROM membership_events WHERE organization_id = $1 AND kind <> 'joined' ORDER BY id`,
        [id],
      );
      expect(rows).toEqual([member, admin].map((who) => ({ kind: 'left', actor_id: who.id })));
    });

    it('of two owners who remove each other, or leave, at once one stays', async () => {
      for (let round = 0; round < 4; round += 1) {
        const { slug } = await organizationOf(server, { [owner.id]: 'owner', [second.id]: 'owner' });
        const removes = (who: Signed, whom: Signed) => who.ask('delete', `/organizations/${slug}/members/${whom.id}`);
        const answers = await Promise.all(
          round % 2 === 0
            ? [removes(owner, second), removes(second, owner)]
            : [removes(owner, owner), removes(second, second)],
        );
        // Who was removed meanwhile knows of no such organization any more.
        expect(answers.map(({ status }) => status).sort()).toEqual([204, round % 2 === 0 ? 404 : 409]);
        const left = await server.services.db.manager.query(
          `SELECT m.role FROM memberships m JOIN organizations o ON o.id = m.organization_id WHERE o.slug = $1`,
          [slug],
        );
        expect(left).toEqual([{ role: 'owner' }]);
      }
    });
  });
});
