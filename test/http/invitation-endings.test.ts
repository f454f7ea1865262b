import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { answer, eventsOf, invitationLink, membershipOf } from '../support/invitations.js';
import { organizationOf, type Signed, signedIn } from '../support/organization-house.js';
import { makePerson, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('nobody comes back by what was offered before', () => {
  let server: TestServer;
  let token: string;
  let owner: Signed;
  let inviter: Signed;
  let acme: Organization;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
    owner = await signedIn(server);
    token = await tokenWith(server, 'organizations:read organizations:write');
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    [inviter, person] = [await signedIn(server), await makePerson(server)];
    acme = await organizationOf(server, { [owner.id]: 'owner', [inviter.id]: 'owner' });
  });

  const at = (path = '') => `/organizations/${acme.slug}${path}`;
  const invited = async (role: string, more: object = {}, by = inviter) => {
    const made = await by.ask('post', at('/invitations'), { email: person.email, role, ...more });
    expect([made.status, made.body.code]).toEqual([201, undefined]);
    return { id: String(made.body.id), link: await invitationLink(server, person.email) };
  };
  /** Whoever was invited signs in and accepts. */
  const accepted = async (link: string) => {
    const browser = new Browser();
    await signIn(browser, `${server.issuer}/account`, person.email);
    const page = await answer(browser, link, 'accept');
    return { page, role: (await membershipOf(server, acme, person.id))?.role };
  };
  const stateOf = async (id: string) => (await ask(server, token, 'get', at(`/invitations/${id}`))).body.state;
  const theirs = (of: { id: string }) => at(`/members/${of.id}`);

  it.each([
    ['removes', () => owner.ask('delete', theirs(inviter))],
    ['suspends', () => owner.ask('put', `${theirs(inviter)}/suspension`, { reason: 'a reason' })],
  ])('what somebody offered ends when another owner %s them', async (_how, end) => {
    const { id, link } = await invited('owner');
    expect((await end()).status).toBeLessThan(300);
    expect(await stateOf(id)).toBe('cancelled');
    expect(await eventsOf(server, id)).toEqual(['invitation.created', 'invitation.cancelled']);
    expect((await new Browser().open(link)).status).toBe(400);
    // Nor does what they are again make it good.
    await owner.ask('delete', `${theirs(inviter)}/suspension`);
    expect((await new Browser().open(link)).status).toBe(400);
  });

  it('what somebody was offered ends when the tenant makes them a member: their link is good for nothing', async () => {
    const { id, link } = await invited('admin');
    const added = await ask(server, token, 'post', at('/members'), { user_id: person.id, role: 'member' });
    expect([added.status, await stateOf(id)]).toEqual([201, 'cancelled']);
    expect(await eventsOf(server, id)).toEqual(['invitation.created', 'invitation.cancelled']);
    expect((await new Browser().open(link)).status).toBe(400);
    expect((await membershipOf(server, acme, person.id))?.role).toBe('member');
  });

  it.each([
    ['owner', {}, 'admin'],
    ['member', { permissions: ['invoices:pay'] }, 'admin'],
    ['member', {}, 'member'],
  ] as const)('what an owner offered (%s %j) nobody gets when they are only %s', async (role, more, now) => {
    const { id, link } = await invited(role, more);
    expect((await owner.ask('put', theirs(inviter), { role: now })).status).toBe(200);
    const refused = await accepted(link);
    expect([refused.page.status, refused.role, await stateOf(id)]).toEqual([409, undefined, 'pending']);
    expect(refused.page.html).toContain('This invitation is out of date');
    await owner.ask('put', theirs(inviter), { role: 'owner' });
    expect((await accepted(link)).role).toBe(role);
  });

  it('what they may still offer stays good', async () => {
    const { link } = await invited('admin');
    await owner.ask('put', theirs(inviter), { role: 'admin' });
    expect((await accepted(link)).role).toBe('admin');
  });

  it('what the tenant offered stays good, whoever goes', async () => {
    await ask(server, token, 'post', at('/invitations'), { email: person.email, role: 'owner' });
    await owner.ask('delete', theirs(inviter));
    expect((await accepted(await invitationLink(server, person.email))).role).toBe('owner');
  });

  it.each([
    ['removed', () => owner.ask('delete', theirs(person))],
    ['suspended', () => owner.ask('put', `${theirs(person)}/suspension`, { reason: 'a reason' })],
  ])('whoever is %s does not come back by an older invitation', async (_how, end) => {
    const { id, link } = await invited('admin', {}, owner);
    await ask(server, token, 'post', at('/members'), { user_id: person.id });
    expect((await end()).status).toBeLessThan(300);
    expect([await stateOf(id), (await new Browser().open(link)).status]).toEqual(['cancelled', 400]);
  });

  it.each(['close', 'delete'] as const)(
    'what somebody offered is worth nothing when they %s their account',
    async (how) => {
      const { link } = await invited('owner');
      await server.inside(async ({ users }) => {
        const user = await users.find(inviter.id);
        await (how === 'close' ? users.close(user, new Date(Date.now() + 86_400_000)) : users.delete(user));
      });
      if (how === 'delete') expect((await new Browser().open(link)).status).toBe(400);
      else expect(await accepted(link)).toMatchObject({ page: { status: 409 }, role: undefined });
    },
  );
});
