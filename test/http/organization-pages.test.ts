import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { enter, formAt, wordsOf } from '../support/account.js';
import { Browser, type Page } from '../support/browser.js';
import { nameOf } from '../support/journey.js';
import { NameServer } from '../support/name-server.js';
import { organizationOf } from '../support/organization-house.js';
import { organizationForms, organizationPages } from '../support/organization-pages.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

interface Person {
  id: string;
  email: string;
  browser: Browser;
}
type Who = 'member' | 'admin' | 'owner' | 'second' | 'suspended' | 'outsider' | 'elsewhere';

const ranks = ['member', 'admin', 'owner'] as const;

describe('the pages of organizations', () => {
  let server: TestServer;
  const dns = new NameServer();
  let offset = 0;
  const people = {} as Record<Who, Person>;

  beforeAll(async () => {
    server = await startServer({
      overrides: { clock: { now: () => new Date(Date.now() + offset) }, dns: { resolveTxt: dns.resolveTxt } },
    });
    const other = await server.inside(({ tenants }) => tenants.create({ slug: 'elsewhere', name: 'Elsewhere' }));
    for (const who of ['member', 'admin', 'owner', 'second', 'suspended', 'outsider'] as const)
      people[who] = await signIn(server);
    people.elsewhere = await signIn(at(server, other));
  }, 180_000);
  afterAll(() => server?.close());

  async function signIn(where: TestServer): Promise<Person> {
    const person = await makePerson(where);
    return { ...person, browser: (await enter(where, person.email)).browser };
  }

  async function furnished(more: object = {}) {
    const { member, admin, owner, suspended } = people;
    const target = await makePerson(server);
    const roles = { [member.id]: 'member', [admin.id]: 'admin', [owner.id]: 'owner', [suspended.id]: 'admin' } as const;
    const organization = await organizationOf(server, { ...roles, [target.id]: 'member' }, more);
    await server.inside(({ memberships }) => memberships.suspend(organization, suspended.id, 'x'));
    const address = `${server.issuer}/account/organizations/${organization.slug}`;
    const ids: Record<string, string> = await server.inside(
      async ({ teams, organizationRoles, invitations, domains }) => ({
        user_id: target.id,
        team_id: (await teams.create(organization, { slug: 'sales', name: 'Sales' })).id,
        role_id: (await organizationRoles.create(organization, { key: 'billing', name: 'Billing', rank: 10 })).id,
        invitation_id: (await invitations.create(organization, { email: `asked-${target.id}@example.com` })).id,
        domain_id: (await domains.create(organization, { domain: `${organization.slug}.example` })).id,
      }),
    );
    const path = (page: string) => `${address}${page.replace(/:(\w+)/g, (_all, name: string) => ids[name] ?? '')}`;
    return { organization, target, path, ids };
  }
  type House = Awaited<ReturnType<typeof furnished>>;

  const open = (who: Who, url: string) => people[who].browser.open(url);
  async function csrfOf(who: Who): Promise<string> {
    const { html } = await open(who, `${server.issuer}/account/profile`);
    return /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
  }
  async function send(who: Who, url: string, fields: Record<string, string> = {}, csrf?: string): Promise<Page> {
    const body = new URLSearchParams({ ...fields, csrf: csrf ?? (await csrfOf(who)) });
    const { origin } = new URL(server.issuer);
    return people[who].browser.open(url, { method: 'POST', body, headers: { origin } });
  }
  const submit = (who: Who, page: Page, action: string, fields: Record<string, string | string[]> = {}) =>
    people[who].browser.submit(page, fields, formAt(page, action));
  const roleOf = ({ organization }: House, id: string) =>
    server.inside(async ({ memberships }) => (await memberships.find(organization, id)).role);
  const stored = ({ organization }: House) => server.inside(({ organizations }) => organizations.find(organization.id));
  const opened = (creation: 'open' | 'closed') =>
    server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { organizations: { creation } } }),
    );

  describe('who may open and send what', () => {
    it.each(organizationPages)('%s: whoever is %s, and nobody below', async (page, lowest) => {
      const { path } = await furnished();
      for (const role of ranks) {
        const may = ranks.indexOf(role) >= ranks.indexOf(lowest);
        expect([role, (await open(role, path(page))).status]).toEqual([role, may ? 200 : 403]);
      }
    });

    it.each(organizationPages)(
      '%s: for outsiders, suspended members and other tenants as for none at all',
      async (page) => {
        const { path } = await furnished();
        const none = await open('outsider', path(page).replace(/organizations\/[^/]+/, 'organizations/nothing'));
        expect(none.status).toBe(404);
        for (const who of ['outsider', 'suspended'] as const) {
          const answer = await open(who, path(page));
          expect([who, answer.status, wordsOf(answer).replace(/reference .*/, '')]).toEqual([
            who,
            404,
            wordsOf(none).replace(/reference .*/, ''),
          ]);
        }
        const elsewhere = path(page).replace('/account/', '/t/elsewhere/account/');
        expect((await open('elsewhere', elsewhere)).status).toBe(404);
      },
    );

    it.each(organizationForms)('%s: is not taken from who is less than %s', async (form, lowest) => {
      const house = await furnished();
      for (const role of ranks.filter((one) => ranks.indexOf(one) < ranks.indexOf(lowest)))
        expect([role, (await send(role, house.path(form))).status]).toEqual([role, 403]);
      for (const who of ['outsider', 'suspended'] as const)
        expect([who, (await send(who, house.path(form))).status]).toEqual([who, 404]);
      expect(await roleOf(house, house.target.id)).toBe('member');
    });

    it.each(organizationForms)('%s: changes nothing without the CSRF token of the session', async (form) => {
      const house = await furnished();
      expect((await send('owner', house.path(form), {}, 'wrong')).status).toBe(403);
      expect(await roleOf(house, house.target.id)).toBe('member');
    });

    it('nobody is signed in: the sign-in comes first', async () => {
      const { path } = await furnished();
      expect(nameOf(await new Browser().open(path('/members')))).toBe('identifier');
    });

    it('what a role may not do is not offered to it', async () => {
      const { path } = await furnished();
      const tabs = async (who: Who) => [
        ...(await open(who, path(''))).html.matchAll(/<li><a href="[^"]*house-\d+\/(\w+)/g),
      ];
      expect((await tabs('member')).map(([, name]) => name)).toEqual(['members', 'teams']);
      const all = ['members', 'invitations', 'teams', 'roles', 'domains', 'policy', 'settings'];
      expect((await tabs('admin')).map(([, name]) => name)).toEqual(all);
      expect((await open('member', path('/teams/:team_id'))).html).not.toContain('<form');
      expect((await open('admin', path('/settings'))).html).not.toContain('organization-delete');
      expect((await open('member', path('/members'))).html).not.toContain('/members/');
    });
  });

  describe('one’s own', () => {
    it('are listed by name, with what one is there', async () => {
      const person = await signIn(server);
      await organizationOf(server, { [person.id]: 'admin' });
      const gone = await organizationOf(server, { [person.id]: 'member' });
      await server.inside(({ organizations }) => organizations.suspend(gone, 'x'));
      const words = wordsOf(await person.browser.open(`${server.issuer}/account/organizations`));
      expect(words).toContain('Administrator · since');
      expect(words).not.toContain(gone.name);
    });

    it('are made where the tenant lets people, by whoever owns them then', async () => {
      const url = `${server.issuer}/account/organizations`;
      expect((await open('outsider', url)).html).not.toContain('organization-new');
      expect((await open('outsider', `${url}/new`)).status).toBe(403);
      expect((await send('outsider', `${url}/new`, { name: 'Ours' })).status).toBe(403);
      await opened('open');
      const form = await open('outsider', `${url}/new`);
      const wrong = await submit('outsider', form, '/new', { name: 'Ours', slug: 'No Good' });
      expect([wrong.status, wrong.html.includes('value="No Good"')]).toEqual([422, true]);
      const made = await submit('outsider', form, '/new', { name: 'Über uns & Söhne', slug: '' });
      expect(made.url).toBe(`${url}/uber-uns-sohne?done=organization_created`);
      expect(wordsOf(made)).toContain('Owner');
      const again = await submit('outsider', form, '/new', { name: 'Über uns & Söhne', slug: '' });
      expect([again.status, wordsOf(again)]).toEqual([422, expect.stringContaining('has this short name')]);
      await opened('closed');
    });

    it('are left, but not by the last owner', async () => {
      const house = await furnished();
      const page = await open('owner', house.path('/leave'));
      const refused = await submit('owner', page, '/leave');
      expect([refused.status, wordsOf(refused)]).toEqual([409, expect.stringContaining('at least one owner')]);
      const left = await submit('member', await open('member', house.path('/leave')), '/leave');
      expect(left.url).toContain('done=organization_left');
      expect((await open('member', house.path(''))).status).toBe(404);
    });
  });

  describe('members', () => {
    it('are found by name and address, and shown some at a time', async () => {
      const house = await furnished();
      const { email } = house.target;
      for (let n = 0; n < 24; n += 1) {
        const { id } = await makePerson(server);
        await server.inside(({ memberships }) =>
          memberships.add(house.organization, { user_id: id }, { kind: 'added' }),
        );
      }
      const first = await open('member', house.path('/members'));
      const next = /href="([^"]*cursor=[^"]*)"/.exec(first.html)?.[1]?.replaceAll('&amp;', '&') ?? '';
      const second = await open('member', new URL(next, server.issuer).href);
      const listed = ({ html }: Page) => [...html.matchAll(/id="member-\d+"/g)].length;
      expect([listed(first), listed(second)]).toEqual([25, 3]);
      const found = await open('member', `${house.path('/members')}?q=${encodeURIComponent(email.toUpperCase())}`);
      expect([listed(found), found.html.includes(email)]).toEqual([1, true]);
      const none = await open('member', `${house.path('/members')}?q=${encodeURIComponent('%_"><b>')}`);
      expect([listed(none), none.html.includes('"><b>')]).toEqual([0, false]);
      expect((await open('member', `${house.path('/members')}?cursor=wrong`)).status).toBe(400);
    });

    it('are given another role and permissions, by who may give them', async () => {
      const house = await furnished();
      const page = await open('admin', house.path('/members/:user_id'));
      expect(page.html).not.toContain('value="owner"');
      const action = `/members/${house.target.id}`;
      const saved = await submit('admin', page, action, { role: 'admin', permissions: '' });
      expect(saved.url).toContain('done=member_changed');
      expect(await roleOf(house, house.target.id)).toBe('admin');
      for (const [fields, words] of [
        [{ role: 'owner' }, 'above your own role'],
        [{ role: 'member', permissions: 'any:thing' }, 'permissions that you have'],
      ] as const) {
        const refused = await submit('admin', page, action, fields);
        expect([refused.status, wordsOf(refused)]).toEqual([403, expect.stringContaining(words)]);
      }
      const wrong = await submit('admin', page, action, { role: 'member', permissions: 'no word' });
      expect([wrong.status, wrong.html.includes('no word')]).toEqual([422, true]);
      expect(await roleOf(house, house.target.id)).toBe('admin');
      const own = await open('admin', house.path(`/members/${people.admin.id}`));
      expect(own.html).not.toContain('member-remove');
      expect((await open('admin', house.path(`/members/${people.owner.id}`))).html).not.toContain('member-save');
      expect((await open('admin', house.path('/members/nobody'))).status).toBe(404);
    });

    it('have the custom roles and teams that are ticked, and lose what is not', async () => {
      const house = await furnished();
      const address = house.path('/members/:user_id');
      const action = `/members/${house.target.id}`;
      const holds = async () => {
        const { html } = await open('member', house.path('/members'));
        const line = html.slice(html.indexOf(house.target.email));
        return ['billing', 'sales'].filter((one) => line.slice(0, line.indexOf('</li>')).includes(one));
      };
      const { role_id = '', team_id = '' } = house.ids;
      const given = await submit('admin', await open('admin', address), action, { role: 'member', 'roles[]': role_id });
      expect([given.url.includes('done=member_changed'), await holds()]).toEqual([true, ['billing']]);
      await submit('admin', given, `${action}/teams`, { 'teams[]': [team_id] });
      expect(await holds()).toEqual(['billing', 'sales']);
      await submit('admin', await open('admin', address), action, { role: 'member', 'roles[]': [] });
      await submit('admin', await open('admin', address), `${action}/teams`, { 'teams[]': [] });
      expect(await holds()).toEqual([]);
    });

    it('are suspended with a reason, let in again, and removed', async () => {
      const house = await furnished();
      const address = house.path('/members/:user_id');
      const action = `/members/${house.target.id}`;
      const page = await open('admin', address);
      const missing = await submit('admin', page, `${action}/suspend`, { reason: ' ' });
      expect([missing.status, wordsOf(missing)]).toEqual([422, expect.stringContaining('The reason is missing')]);
      const suspended = await submit('admin', page, `${action}/suspend`, { reason: 'Unpaid <b>' });
      expect([suspended.url.includes('done=member_suspended'), wordsOf(suspended)]).toEqual([
        true,
        expect.stringContaining('Unpaid &lt;b'),
      ]);
      expect((await open('member', house.path('/members'))).html).not.toContain(house.target.email);
      const resumed = await submit('admin', suspended, `${action}/resume`);
      expect(resumed.url).toContain('done=member_resumed');
      const removed = await submit('admin', resumed, `${action}/remove`);
      expect(removed.url).toContain('/members?done=member_removed');
      expect((await open('admin', address)).status).toBe(404);
    });

    it('ownership is given and taken away on a new proof only', async () => {
      const house = await furnished();
      const address = house.path('/members/:user_id');
      offset += 11 * 60_000;
      const page = await open('owner', address);
      expect(nameOf(await submit('owner', page, house.target.id, { role: 'owner' }))).toBe('identifier');
      expect((await submit('owner', page, house.target.id, { role: 'admin' })).url).toContain('done=member_changed');
      expect(await roleOf(house, house.target.id)).toBe('admin');
      const own = await open('owner', house.path(`/members/${people.owner.id}`));
      expect(nameOf(await submit('owner', own, people.owner.id, { role: 'member' }))).toBe('identifier');
      expect(await roleOf(house, people.owner.id)).toBe('owner');
      people.owner.browser = (await enter(server, people.owner.email)).browser;
      people.admin.browser = (await enter(server, people.admin.email)).browser;
      expect((await send('owner', address, { role: 'owner' })).url).toContain('done=member_changed');
    });
  });

  describe('invitations', () => {
    const states = ({ organization }: House) =>
      server.inside(
        async ({ db }) =>
          (await db.manager.query(
            'SELECT email, role, state FROM organization_invitations WHERE organization_id = $1',
            [organization.id],
          )) as { email: string; role: string; state: string }[],
      );

    it('are sent to several at once, and who could not be invited is named with the reason', async () => {
      const house = await furnished();
      const page = await open('admin', house.path('/invitations'));
      const { email } = house.target;
      const emails = `one-${house.organization.slug}@example.com\r\n${email}; not an address`;
      const answer = await submit('admin', page, '/invitations', { emails, role: 'admin' });
      expect(answer.status).toBe(422);
      const words = wordsOf(answer);
      expect(words).toContain(`${email} : Whoever has this address is a member already.`);
      expect(words).toContain('not an address : This cannot be invited like this.');
      expect(answer.html).not.toContain(`one-${house.organization.slug}@example.com :`);
      expect(await states(house)).toContainEqual({
        email: `one-${house.organization.slug}@example.com`,
        role: 'admin',
        state: 'pending',
      });
      const sent = await submit('admin', page, '/invitations', { emails: `two-${email}`, role: 'member' });
      expect(sent.url).toContain('done=invitations_sent');
    });

    it.each([
      ['', 'The addresses are missing'],
      [Array.from({ length: 101 }, (_, n) => `${n}@example.com`).join('\n'), 'more than a hundred'],
    ])('nobody is invited where the addresses are %#', async (emails, words) => {
      const house = await furnished();
      const before = await states(house);
      const page = await open('admin', house.path('/invitations'));
      const answer = await submit('admin', page, '/invitations', { emails, role: 'member' });
      expect([answer.status, wordsOf(answer)]).toEqual([422, expect.stringContaining(words)]);
      expect(await states(house)).toEqual(before);
    });

    it('offer nothing above the role of who asks', async () => {
      const house = await furnished();
      const page = await open('admin', house.path('/invitations'));
      expect(page.html).not.toContain('<option value="owner"');
      const emails = `owner-${house.target.email}`;
      const answer = await submit('admin', page, '/invitations', { emails, role: 'owner' });
      expect([answer.status, wordsOf(answer)]).toEqual([422, expect.stringContaining('above your own')]);
      expect((await states(house)).map(({ role }) => role)).toEqual(['member']);
    });

    it('are sent again after a while, and taken back', async () => {
      const house = await furnished();
      const page = await open('admin', house.path('/invitations'));
      const soon = await submit('admin', page, '/resend');
      expect([soon.status, soon.headers.has('retry-after')]).toEqual([429, true]);
      offset += 61_000;
      expect((await submit('admin', page, '/resend')).url).toContain('done=invitation_resent');
      expect((await submit('admin', page, '/cancel')).url).toContain('done=invitation_cancelled');
      expect((await states(house)).map(({ state }) => state)).toEqual(['cancelled']);
      expect((await submit('admin', page, '/cancel')).status).toBe(409);
      expect(wordsOf(await open('admin', house.path('/invitations?state=cancelled')))).toContain('asked-');
      expect((await open('admin', house.path('/invitations?state=nothing'))).status).toBe(400);
    });

    it('of another organization are none', async () => {
      const [house, other] = [await furnished(), await furnished()];
      const path = house.path('/invitations/:invitation_id/cancel');
      const theirs = path.replace(house.ids.invitation_id ?? '', other.ids.invitation_id ?? '');
      expect((await send('admin', theirs)).status).toBe(404);
      expect((await states(other)).map(({ state }) => state)).toEqual(['pending']);
    });
  });

  describe('teams and roles', () => {
    it('teams are made, named and deleted; a name that tokens say is taken once', async () => {
      const house = await furnished();
      const page = await open('admin', house.path('/teams'));
      expect((await submit('admin', page, '/teams', { name: 'Lisbon Office' })).url).toContain('done=team_created');
      const again = await submit('admin', page, '/teams', { name: 'Lisbon Office' });
      expect([again.status, again.html.includes('value="Lisbon Office"')]).toEqual([422, true]);
      const team = await open('admin', house.path('/teams/:team_id'));
      const action = `/teams/${house.ids.team_id}`;
      expect((await submit('admin', team, action, { slug: 'A B' })).status).toBe(422);
      const saved = await submit('admin', team, action, { name: 'Selling', description: 'Who sells' });
      expect(wordsOf(saved)).toContain('Who sells');
      expect((await submit('admin', saved, `${action}/delete`)).url).toContain('done=team_deleted');
      expect((await open('admin', house.path('/teams/:team_id'))).status).toBe(404);
    });

    it('roles are made up to one’s own rank, changed, and deleted where nobody has them', async () => {
      const house = await furnished();
      const page = await open('admin', house.path('/roles'));
      const form = { key: 'clerk', name: 'Clerk', rank: '20', permissions: '' };
      expect((await submit('admin', page, '/roles', form)).url).toContain('done=role_created');
      for (const [fields, status] of [
        [form, 409],
        [{ ...form, key: 'boss', rank: '60' }, 403],
        [{ ...form, key: 'seer', permissions: 'any:thing' }, 403],
        [{ ...form, key: 'Big', rank: '0' }, 422],
      ] as const) {
        const refused = await submit('admin', page, '/roles', fields);
        expect([fields.key, refused.status, refused.html.includes(`value="${fields.key}"`)]).toEqual([
          fields.key,
          status,
          true,
        ]);
      }
      const action = `/roles/${house.ids.role_id}`;
      const role = await open('owner', house.path('/roles/:role_id'));
      const saved = await submit('owner', role, action, { permissions: 'invoices:read\r\ninvoices:write' });
      expect(saved.html).toContain('invoices:read\ninvoices:write');
      const who = { 'roles[]': house.ids.role_id ?? '' };
      const member = await open('owner', house.path('/members/:user_id'));
      await submit('owner', member, `/members/${house.target.id}`, { role: 'member', ...who });
      const used = await submit('owner', saved, `${action}/delete`);
      expect([used.status, wordsOf(used)]).toEqual([409, expect.stringContaining('Somebody has this role')]);
      await submit('owner', member, `/members/${house.target.id}`, { role: 'member', 'roles[]': [] });
      expect((await submit('owner', used, `${action}/delete`)).url).toContain('done=role_deleted');
    });

    it('a role of the tenant is seen and not changed', async () => {
      const house = await furnished();
      const { id } = await server.inside(({ organizationRoles }) =>
        organizationRoles.create(null, { key: 'auditor', name: 'Auditor', rank: 5 }),
      );
      const page = await open('owner', house.path(`/roles/${id}`));
      expect([page.status, page.html.includes('<form')]).toEqual([200, false]);
      expect((await send('owner', house.path(`/roles/${id}/delete`))).status).toBe(403);
    });
  });

  describe('domains', () => {
    it('are claimed, shown with the record that proves them, opened to people, and given up', async () => {
      const house = await furnished();
      const page = await open('admin', house.path('/domains'));
      expect(page.html).toMatch(/_ostiary-challenge\.house-\d+\.example/);
      expect(page.html).toContain('ostiary-domain-verification=');
      const wrong = await submit('admin', page, '/domains', { domain: 'localhost' });
      expect([wrong.status, wrong.html.includes('value="localhost"')]).toEqual([422, true]);
      expect((await submit('admin', page, '/domains', { domain: 'Bücher.example' })).url).toContain(
        'done=domain_added',
      );
      const early = await submit('admin', page, '/verify');
      expect([early.status, wordsOf(early)]).toEqual([409, expect.stringContaining('The record is not there yet')]);
      const [name = '', value = ''] = [...page.html.matchAll(/<code dir="ltr">([^<]*)/g)].map(([, text]) => text);
      dns.put(name, value);
      expect((await submit('admin', page, '/verify')).url).toContain('done=domain_verified');
      const joining = await submit('admin', page, '/joining', {
        auto_join: 'member',
        'teams[]': house.ids.team_id ?? '',
      });
      expect(joining.html).toMatch(/name="auto_join" value="member"\s*checked/);
      expect((await submit('admin', page, '/remove')).url).toContain('done=domain_removed');
      expect((await submit('admin', page, '/remove')).status).toBe(404);
    });

    it('one that another organization has proved is not taken, which is said to whoever has proved it too', async () => {
      const [house, other] = [await furnished(), await furnished()];
      await server.inside(({ db }) =>
        db.manager.query('UPDATE organization_domains SET verified_at = now() WHERE id = $1', [other.ids.domain_id]),
      );
      const domain = `${other.organization.slug}.example`;
      const { html } = await submit('admin', await open('admin', house.path('/domains')), '/remove');
      expect(html).not.toContain('_ostiary-challenge');
      await submit('admin', await open('admin', house.path('/domains')), '/domains', { domain });
      const page = await open('admin', house.path('/domains'));
      const [name = '', value = ''] = [...page.html.matchAll(/<code dir="ltr">([^<]*)/g)].map(([, text]) => text);
      dns.put(name, value);
      const taken = await submit('admin', page, '/verify');
      expect([taken.status, wordsOf(taken)]).toEqual([409, expect.stringContaining('Another organization has shown')]);
    });
  });

  describe('policy', () => {
    const strict = {
      acr: 'urn:ostiary:acr:mfa',
      grace_days: '14',
      trusted_networks: '198.51.100.0/24\r\n2001:db8::/32',
      'ways_in[]': ['passkey', 'password'],
      session_seconds: '28800',
      ip_allow_list: '',
      min_length: '12',
    };

    it('is said in a form, kept, and told to members in plain words', async () => {
      const house = await furnished();
      const saved = await submit('admin', await open('admin', house.path('/policy')), '/policy', strict);
      expect(saved.url).toContain('done=policy_saved');
      expect((await stored(house)).settings.policy).toMatchObject({
        acr: 'urn:ostiary:acr:mfa',
        grace_days: 14,
        trusted_networks: ['198.51.100.0/24', '2001:db8::/32'],
        ways_in: ['passkey', 'password'],
        session_seconds: 28_800,
        ip_allow_list: [],
        password: { min_length: 12 },
        since: expect.any(String),
      });
      const words = wordsOf(await open('member', house.path('')));
      for (const part of ['A second step', '14 days', 'Passkey, Password', '8 hours', '12 characters'])
        expect(words).toContain(part);
    });

    it('to ask for less takes an owner, and the form is kept', async () => {
      const house = await furnished({ settings: { policy: { acr: 'urn:ostiary:acr:phr' } } });
      const page = await open('admin', house.path('/policy'));
      const refused = await submit('admin', page, '/policy', { acr: '', min_length: '11' });
      expect([refused.status, wordsOf(refused)]).toEqual([403, expect.stringContaining('Only an owner')]);
      expect(refused.html).toContain('value="11"');
      expect((await stored(house)).settings.policy.acr).toBe('urn:ostiary:acr:phr');
      await submit('owner', await open('owner', house.path('/policy')), '/policy', { acr: '' });
      expect((await stored(house)).settings.policy.acr).toBe(null);
    });

    it.each([
      ['grace_days', '91'],
      ['trusted_networks', '198.51.100.1'],
      ['ip_allow_list', 'everywhere'],
      ['min_length', '7'],
      ['min_length', 'many'],
    ])('asks again with the form kept where %s is %j', async (field, value) => {
      const house = await furnished();
      const page = await open('admin', house.path('/policy'));
      const answer = await submit('admin', page, '/policy', { ...strict, [field]: value });
      expect([answer.status, answer.html.includes(value), answer.html.includes('aria-invalid')]).toEqual([
        422,
        true,
        true,
      ]);
      expect((await stored(house)).settings.policy.acr).toBe(null);
    });

    it('of two who change it at once the second one is told', async () => {
      const house = await furnished();
      const page = await open('admin', house.path('/policy'));
      await submit('owner', await open('owner', house.path('/policy')), '/policy', { min_length: '10' });
      const late = await submit('admin', page, '/policy', { min_length: '9' });
      expect([late.status, wordsOf(late)]).toEqual([412, expect.stringContaining('Somebody else has changed this')]);
      expect((await stored(house)).settings.policy.password.min_length).toBe(10);
    });

    it('is opened on a new proof only: nothing that was typed is lost', async () => {
      const house = await furnished();
      offset += 11 * 60_000;
      expect(nameOf(await open('admin', house.path('/policy')))).toBe('identifier');
      people.admin.browser = (await enter(server, people.admin.email)).browser;
      people.owner.browser = (await enter(server, people.owner.email)).browser;
    });
  });

  describe('settings', () => {
    it('change the names and whom it invites', async () => {
      const house = await furnished();
      const slug = `${house.organization.slug}-new`;
      const page = await open('admin', house.path('/settings'));
      const saved = await submit('admin', page, '/settings', {
        name: 'Globex',
        slug,
        logo_uri: 'https://globex.example/logo.png',
        allowed_domains: 'Globex.example\r\n\r\nglobex.example',
        suspend_inactive_days: '90',
      });
      expect(saved.url).toBe(`${server.issuer}/account/organizations/${slug}/settings?done=organization_saved`);
      expect((await stored(house)).settings).toMatchObject({
        branding: { logo_uri: 'https://globex.example/logo.png' },
        invitations: { allowed_domains: ['globex.example'], denied_domains: [], expires_days: 7 },
        members: { suspend_inactive_days: 90, notice_days: 7 },
      });
    });

    it.each([
      ['slug', 'A B'],
      ['slug', 'new'],
      ['name', '\u202e'],
      ['logo_uri', 'javascript:alert(1)'],
      ['denied_domains', '*.example'],
      ['expires_days', '31'],
      ['suspend_inactive_days', '6'],
    ])('ask again with the form kept where %s is %j', async (field, value) => {
      const house = await furnished();
      const page = await open('admin', house.path('/settings'));
      const answer = await submit('admin', page, '/settings', { [field]: value });
      expect([answer.status, answer.html.includes('aria-invalid')]).toEqual([422, true]);
      expect((await stored(house)).slug).toBe(house.organization.slug);
    });

    it('do not take a name in addresses that another organization has', async () => {
      const [house, other] = [await furnished(), await furnished()];
      const page = await open('admin', house.path('/settings'));
      const answer = await submit('admin', page, '/settings', { slug: other.organization.slug });
      expect([answer.status, wordsOf(answer)]).toEqual([422, expect.stringContaining('has this short name')]);
    });

    it('its owner deletes it, on a new proof', async () => {
      const house = await furnished();
      offset += 11 * 60_000;
      const page = await open('owner', house.path('/delete'));
      expect(nameOf(await submit('owner', page, '/delete'))).toBe('identifier');
      expect((await stored(house)).id).toBe(house.organization.id);
      people.owner.browser = (await enter(server, people.owner.email)).browser;
      const gone = await submit('owner', await open('owner', house.path('/delete')), '/delete');
      expect(gone.url).toContain('/account/organizations?done=organization_deleted');
      await expect(stored(house)).rejects.toMatchObject({ status: 404 });
    });
  });
});
