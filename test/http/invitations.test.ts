import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { listInvitations } from '../../src/features/invitations/invitation.queries.js';
import { type InvitationState, stateAt } from '../../src/features/invitations/invitation-states.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { ask, tokenWith } from '../support/api.js';
import { MovedClock } from '../support/clock.js';
import {
  asPerson,
  eventsOf,
  invitationLink,
  invite,
  makeMember,
  makeOrganization,
  newName,
} from '../support/invitations.js';
import { delivered, lettersTo, letterTo } from '../support/mailbox.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

type Json = Record<string, unknown>;

describe('asking people into an organization', () => {
  const clock = new MovedClock();
  let server: TestServer;
  let token: string;
  let acme: Organization;
  let email: string;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    token = await tokenWith(server, 'organizations:read organizations:write');
    acme = await makeOrganization(server);
    email = `new-${newName()}@example.com`;
  });

  const api = (method: string, path = '', body?: unknown, headers: Record<string, string> = {}) =>
    ask(server, token, method, `/organizations/${acme.slug}/invitations${path}`, body, headers);
  const create = async (more: Json = {}): Promise<Json> => {
    const { status, body } = await api('post', '', { email, ...more });
    expect([status, body.code]).toEqual([201, undefined]);
    return body;
  };
  /** Where the clock has gone on, no token is good any more. */
  const made = (to = email) => invite(server, acme, { email: to });
  const stateOf = async (id: string) => {
    const one = await server.inside(({ invitations }) => invitations.find(acme, id));
    return stateAt(one, clock.now());
  };
  const listed = async (state: InvitationState) => {
    const query = { limit: 50, state };
    const page = await server.inside(({ db }) => listInvitations(db, acme.id, query, clock.now()));
    return page.items.map(({ id }) => id);
  };
  const role = (rank: number, permissions: string[] = [], organizationId: string | null = acme.id) =>
    server.services.db.manager
      .query(
        `INSERT INTO organization_roles (tenant_id, id, organization_id, key, name, rank, permissions, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 'A role', $5, $6, now(), now()) RETURNING id`,
        [acme.tenantId, randomUUID(), organizationId, `role-${newName()}`, rank, permissions],
      )
      .then(([row]) => String(row.id));
  const team = (organization = acme) =>
    server.services.db.manager
      .query(
        `INSERT INTO teams (tenant_id, id, organization_id, slug, name, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 'A team', now(), now()) RETURNING id`,
        [organization.tenantId, randomUUID(), organization.id, `team-${newName()}`],
      )
      .then(([row]) => String(row.id));

  it('keeps what is offered, who asked and until when, and sends one letter', async () => {
    const [roleId, teamId] = [await role(10), await team()];
    const offer = { role: 'admin', roles: [roleId], permissions: ['invoices:read'], teams: [teamId] };
    const made = await create({ ...offer, message: 'Hello\nthere', locale: 'de' });
    expect(made).toMatchObject({
      ...offer,
      email,
      state: 'pending',
      sends: 1,
      invited_by: null,
      message: 'Hello\nthere',
    });
    const days = (Date.parse(String(made.expires_at)) - Date.parse(String(made.sent_at))) / 86_400_000;
    expect(days).toBe(7);
    const letter = await letterTo(server, email, /eingeladen/);
    expect(letter.text).toMatch(/Acme & Söhne[\s\S]*Administrator[\s\S]*\n> Hello\n> there\n/);
    expect(JSON.stringify(made)).not.toContain('token');
    expect((await api('get', `/${made.id}`)).body).toEqual(made);
    expect((await api('get', '?state=pending')).body.items).toEqual([made]);
    expect(await eventsOf(server, String(made.id))).toEqual(['invitation.created']);
  });

  it('keeps no token that opens anything', async () => {
    await create();
    const token = String(new URL(await invitationLink(server, email)).searchParams.get('token'));
    const [row] = await server.services.db.manager.query(
      `SELECT (SELECT json_agg(i) FROM organization_invitations i)::text || (SELECT json_agg(t) FROM one_time_tokens t)::text AS all`,
    );
    expect(row.all).not.toContain(token);
  });

  it('asks an address once at a time, however it is written: 409; and again when that was decided', async () => {
    const made = await create();
    const again = await api('post', '', { email: email.toUpperCase() });
    expect([again.status, again.body.code]).toEqual([409, 'invitation_pending']);
    expect((await api('delete', `/${made.id}`)).status).toBe(204);
    await create();
  });

  it('asks an address once, of twenty at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => api('post', '', { email })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    await delivered(server);
    expect(await lettersTo(server, email)).toHaveLength(1);
  });

  it('refuses a member: 409, by their address and nothing else', async () => {
    const member = await makeMember(server, acme);
    const refused = await api('post', '', { email: member.email });
    expect([refused.status, refused.body.code]).toEqual([409, 'already_member']);
  });

  it('tells nobody whether an address has an account', async () => {
    const known = (await makePerson(server)).email;
    const shape = ({ id, email: _email, ...rest }: Json) => Object.keys({ id, ...rest });
    const answers = [await api('post', '', { email }), await api('post', '', { email: known })];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(shape(answers[0]?.body as Json)).toEqual(shape(answers[1]?.body as Json));
    const texts = await Promise.all([email, known].map(async (to) => (await letterTo(server, to, /invited/)).text));
    const [one, other] = texts.map((text) => text.replace(/token=\S+/g, 'token='));
    expect(one).toBe(other);
  });

  it.each([
    ['no address', { email: 'nobody' }],
    ['two addresses', { email: 'a@example.com, b@example.com' }],
    ['a header', { email: 'a@example.com\r\nBcc: b@example.com' }],
    ['another role', { role: 'root' }],
    ['another member', { state: 'accepted' }],
    ['another organization', { organization_id: randomUUID() }],
    ['a role that is not there', { roles: [randomUUID()] }],
    ['a team that is not there', { teams: [randomUUID()] }],
    ['a template that is not there', { template_id: randomUUID() }],
    ['a message with what nobody sees', { message: 'a\u202eb' }],
    ['a long message', { message: 'x'.repeat(501) }],
    ['no language', { locale: '../../etc' }],
  ])('refuses %s: 422, and sends nothing', async (_what, more) => {
    expect((await api('post', '', { email, ...more })).status).toBe(422);
    expect((await api('get')).body.items).toEqual([]);
  });

  it('offers neither roles nor teams of another organization', async () => {
    const other = await makeOrganization(server);
    expect((await api('post', '', { email, teams: [await team(other)] })).status).toBe(422);
    expect((await api('post', '', { email, roles: [await role(1, [], other.id)] })).status).toBe(422);
    await create({ roles: [await role(1, [], null)] });
  });

  describe('nobody offers what is above themselves', () => {
    const as = async (who: 'owner' | 'admin' | 'member', more: Json) => {
      const person = await makeMember(server, acme, who);
      return asPerson(server, person, ({ invitations }) => invitations.create(acme, { email, ...more } as never)).then(
        ({ invitedBy }) => (invitedBy === person.id ? 'made' : 'made by nobody'),
        (error: { code: string }) => error.code,
      );
    };

    it.each([
      ['owner', { role: 'owner' }, 'made'],
      ['owner', { role: 'member', permissions: ['invoices:write'] }, 'made'],
      ['admin', { role: 'admin' }, 'made'],
      ['admin', { role: 'owner' }, 'rank_too_low'],
      ['admin', { role: 'member', permissions: ['invoices:write'] }, 'permission_not_held'],
      ['member', { role: 'member' }, 'role_too_low'],
    ] as const)('%s: %j → %s', async (who, more, outcome) => {
      expect(await as(who, more)).toBe(outcome);
    });

    it('a custom role above their own is refused, one up to it is not', async () => {
      expect(await as('admin', { roles: [await role(51)] })).toBe('rank_too_low');
      expect(await as('admin', { roles: [await role(50)] })).toBe('made');
    });

    it('outsiders, suspended members and those of a suspended organization find no organization', async () => {
      const outsider = await makePerson(server);
      const suspended = await makeMember(server, acme, 'admin');
      await server.inside(({ memberships }) => memberships.suspend(acme, suspended.id, 'a reason'));
      for (const person of [outsider, suspended])
        await expect(
          asPerson(server, person, ({ invitations }) => invitations.create(acme, { email })),
        ).rejects.toMatchObject({ status: 404 });
    });

    it('nor sends again or takes back what is above themselves', async () => {
      const admin = await makeMember(server, acme, 'admin');
      const owners = await invite(server, acme, { email, role: 'owner' });
      clock.move(100);
      for (const verb of ['resend', 'cancel'] as const)
        await expect(
          asPerson(server, admin, ({ invitations }) => invitations[verb](acme, owners)),
        ).rejects.toMatchObject({ code: 'rank_too_low' });
    });
  });

  it('a suspended organization asks nobody in', async () => {
    await server.inside(({ organizations }) => organizations.suspend(acme, 'a reason'));
    const refused = await api('post', '', { email });
    expect([refused.status, refused.body.code]).toEqual([409, 'organization_suspended']);
  });

  it('asks only addresses of the domains that are allowed, and of none that are denied', async () => {
    acme = await makeOrganization(server, {
      invitations: { allowed_domains: ['acme.example'], denied_domains: ['old.acme.example'] },
    });
    for (const [address, status] of [
      [`a-${newName()}@acme.example`, 201],
      [`a-${newName()}@ACME.example`, 201],
      [`a-${newName()}@sub.acme.example`, 403],
      [`a-${newName()}@old.acme.example`, 403],
      [`a-${newName()}@old.acme.example.`, 422],
      [`a-${newName()}@old.acme.example。`, 422],
      [`a-${newName()}@old.acme。example`, 403],
      [`a-${newName()}@a_b.acme.example`, 403],
      [email, 403],
    ] as const)
      expect([address, (await api('post', '', { email: address })).status]).toEqual([address, status]);
  });

  describe('another letter', () => {
    it('is sent after a minute, then after twice as long each time, and ends the link of the one before', async () => {
      const made = await create();
      const first = await invitationLink(server, email);
      const resend = () => api('post', `/${made.id}/letters`);
      for (const wait of [60, 120, 240]) {
        const early = await resend();
        expect([early.status, early.body.code]).toEqual([429, 'too_soon']);
        expect(Number(early.headers.get('retry-after'))).toBeLessThanOrEqual(wait);
        clock.move(wait - 5);
        expect((await resend()).status).toBe(429);
        clock.move(5);
        expect((await resend()).status).toBe(200);
      }
      expect((await api('get', `/${made.id}`)).body).toMatchObject({ sends: 4, state: 'pending' });
      await delivered(server);
      expect(await lettersTo(server, email)).toHaveLength(4);
      expect((await fetch(first)).status).toBe(400);
      expect((await fetch(await invitationLink(server, email))).status).toBe(200);
    });

    it('is one of twenty that are asked for at once', async () => {
      const made = await create();
      clock.move(60);
      const answers = await Promise.all(Array.from({ length: 20 }, () => api('post', `/${made.id}/letters`)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 429)]);
    });

    it('is refused where the invitation was decided, or has expired', async () => {
      const [expired, decided] = [await made(), await made(`x-${email}`)];
      await server.inside(({ invitations }) => invitations.cancel(acme, decided));
      clock.move(8 * 86_400);
      for (const one of [expired, decided])
        await expect(server.inside(({ invitations }) => invitations.resend(acme, one))).rejects.toMatchObject({
          code: 'invitation_not_pending',
        });
    });
  });

  describe('the end of an invitation', () => {
    it('taken back, its link ends at once, and what was decided stays decided', async () => {
      const made = await create();
      const link = await invitationLink(server, email);
      expect((await api('delete', `/${made.id}`, undefined, { 'if-match': '"7"' })).status).toBe(412);
      expect((await api('delete', `/${made.id}`)).status).toBe(204);
      expect((await fetch(link)).status).toBe(400);
      expect((await api('delete', `/${made.id}`)).status).toBe(409);
      expect((await api('get', `/${made.id}`)).body).toMatchObject({ state: 'cancelled', accepted_by: null });
      expect(await eventsOf(server, String(made.id))).toEqual(['invitation.created', 'invitation.cancelled']);
    });

    it('after its time it has expired: at once for whoever comes, and in the record by the job, once', async () => {
      acme = await makeOrganization(server, { invitations: { expires_days: 1 } });
      const { id } = await made();
      const link = await invitationLink(server, email);
      clock.move(86_400);
      expect((await fetch(link)).status).toBe(400);
      expect([await stateOf(id), await listed('pending'), await listed('expired')]).toEqual(['expired', [], [id]]);
      const run = () => server.services.invitationExpiry.run();
      expect((await Promise.all([run(), run()])).reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(1);
      expect(await run()).toBe(0);
      expect([await stateOf(id), await listed('pending'), await listed('expired')]).toEqual(['expired', [], [id]]);
      expect(await eventsOf(server, id)).toEqual(['invitation.created', 'invitation.expired']);
    });

    it('one that has expired is not in the way of the next, before the job has come', async () => {
      const { id } = await made();
      clock.move(8 * 86_400);
      await made();
      expect(await eventsOf(server, id)).toEqual(['invitation.created', 'invitation.expired']);
    });
  });

  describe('many at once', () => {
    it('says for each what became of it, and none keeps another', async () => {
      const member = await makeMember(server, acme);
      const emails = [`a-${newName()}@example.com`, `b-${newName()}@example.com`];
      const rows = [
        { email: emails[0] },
        { email: emails[0] },
        { email: member.email },
        { email: `c-${newName()}@example.com`, roles: [randomUUID()] },
        { email: emails[1], role: 'owner' },
      ];
      const { status, body } = await api('post', '/bulk', { invitations: rows });
      expect(status).toBe(200);
      const results = body.results as { done: boolean; email: string; error?: Json; invitation?: Json }[];
      expect(results.map((one) => [one.done, one.error?.status, one.error?.code])).toEqual([
        [true, undefined, undefined],
        [false, 409, 'invitation_pending'],
        [false, 409, 'already_member'],
        [false, 422, 'invalid_request'],
        [true, undefined, undefined],
      ]);
      expect(results.map((one) => one.email)).toEqual(rows.map((one) => one.email));
      expect(results[4]?.invitation).toMatchObject({ state: 'pending', role: 'owner' });
    });

    it('for the same people in another order at the same moment: neither waits for the other in vain', async () => {
      const rows = Array.from({ length: 30 }, () => ({ email: `r-${newName()}@example.com` }));
      const both = await Promise.all(
        [rows, [...rows].reverse()].map((invitations) =>
          api('post', '/bulk', { invitations }, { 'idempotency-key': randomUUID() }),
        ),
      );
      expect(both.map(({ status }) => status)).toEqual([200, 200]);
      expect(Number(both[0]?.body.succeeded) + Number(both[1]?.body.succeeded)).toBe(30);
      for (const [index, { body }] of both.entries()) {
        const emails = (body.results as { email: string }[]).map(({ email }) => email);
        expect(index === 0 ? emails : emails.reverse()).toEqual(rows.map(({ email }) => email));
      }
    });

    it('says the same under an Idempotency-Key, and repeated makes nothing more', async () => {
      const [one, other] = [`a-${newName()}@example.com`, `b-${newName()}@example.com`];
      const rows = [{ email: one }, { email: one.toUpperCase() }, { email: other }];
      const headers = { 'idempotency-key': randomUUID() };
      for (const { status, body } of [
        await api('post', '/bulk', { invitations: rows }, headers),
        await api('post', '/bulk', { invitations: rows }, headers),
      ]) {
        const results = body.results as { done: boolean; error?: Json }[];
        expect([status, results.map((row) => row.error?.code ?? row.done)]).toEqual([
          200,
          [true, 'invitation_pending', true],
        ]);
      }
      expect(await listed('pending')).toHaveLength(2);
      await delivered(server);
      expect(await lettersTo(server, one)).toHaveLength(1);
    });

    it('takes 100, and of 101 none: 422', async () => {
      const rows = (n: number) => Array.from({ length: n }, (_, i) => ({ email: `${newName()}-${i}@example.com` }));
      expect((await api('post', '/bulk', { invitations: rows(101) })).status).toBe(422);
      expect((await api('get')).body.items).toEqual([]);
      const { body } = await api('post', '/bulk', { invitations: rows(100) });
      expect(body).toMatchObject({ succeeded: 100, failed: 0 });
      expect((await api('post', '/bulk', { invitations: [] })).status).toBe(422);
    });
  });

  describe('templates', () => {
    const templates = (method: string, path = '', body?: unknown) =>
      ask(server, token, method, `/organizations/${acme.slug}/invitation-templates${path}`, body);

    it('are written, changed and deleted; an invitation has a copy of the words', async () => {
      const { status, body: made } = await templates('post', '', { name: 'Welcome', message: 'Come <b>in</b>' });
      expect(status).toBe(201);
      expect((await templates('post', '', { name: 'Welcome', message: 'x' })).status).toBe(409);
      const invitation = await create({ template_id: made.id });
      expect(invitation).toMatchObject({ message: 'Come <b>in</b>', template_id: made.id });
      expect((await letterTo(server, email, /Come <b>in<\/b>/)).to).toBe(email);
      expect((await templates('patch', `/${made.id}`, { message: 'Other words' })).body.version).toBe(2);
      expect((await templates('get')).body.items).toMatchObject([{ message: 'Other words' }]);
      expect((await api('get', `/${invitation.id}`)).body.message).toBe('Come <b>in</b>');
      expect((await templates('delete', `/${made.id}`)).status).toBe(204);
      expect((await templates('get', `/${made.id}`)).status).toBe(404);
      expect((await api('get', `/${invitation.id}`)).body).toMatchObject({
        message: 'Come <b>in</b>',
        template_id: null,
      });
    });

    it('give way to what is said for one invitation, and are of one organization alone', async () => {
      const { body: made } = await templates('post', '', { name: 'Welcome', message: 'Come in' });
      expect((await create({ template_id: made.id, message: 'For you' })).message).toBe('For you');
      acme = await makeOrganization(server);
      expect((await api('post', '', { email: `x-${email}`, template_id: made.id })).status).toBe(422);
      expect((await templates('get', `/${made.id}`)).status).toBe(404);
    });
  });

  it('is known to its own organization alone: 404', async () => {
    const { id } = await create();
    const { body: template } = await ask(server, token, 'post', `/organizations/${acme.slug}/invitation-templates`, {
      name: 'Welcome',
      message: 'Welcome',
    });
    const other = await makeOrganization(server);
    const owner = await makeMember(server, other, 'owner');
    for (const [method, path, body] of [
      ['get', `invitations/${id}`],
      ['delete', `invitations/${id}`],
      ['post', `invitations/${id}/letters`],
      ['get', `invitation-templates/${template.id}`],
      ['patch', `invitation-templates/${template.id}`, { name: 'Other' }],
      ['delete', `invitation-templates/${template.id}`],
    ] as const)
      expect([path, (await ask(server, token, method, `/organizations/${other.slug}/${path}`, body)).status]).toEqual([
        path,
        404,
      ]);
    // Nor by who names the right one beside the wrong row.
    clock.move(61);
    await asPerson(server, owner, async ({ invitations }) => {
      const row = await invitations.find(acme, String(id));
      for (const verb of ['resend', 'cancel'] as const)
        await expect(invitations[verb](other, row)).rejects.toMatchObject({ status: 404 });
    });
  });

  it('a role stays as long as somebody is invited with it', async () => {
    const roleId = await role(10);
    const made = await create({ roles: [roleId] });
    const remove = () => ask(server, token, 'delete', `/organizations/${acme.slug}/roles/${roleId}`);
    const refused = await remove();
    expect([refused.status, refused.body]).toMatchObject([409, { code: 'role_in_use', invitation_count: 1 }]);
    await api('delete', `/${made.id}`);
    expect((await remove()).status).toBe(204);
  });
});
