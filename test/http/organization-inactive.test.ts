import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { MovedClock } from '../support/clock.js';
import { lettersTo, letterTo } from '../support/mailbox.js';
import { organizationOf } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const day = 24 * 3600;

describe('members who do not come any more', () => {
  let server: TestServer;
  let clock: MovedClock;
  let owner: { id: string; email: string };
  let member: { id: string; email: string };
  let organization: { id: string; slug: string };

  beforeAll(async () => {
    clock = new MovedClock();
    server = await startServer({ overrides: { clock } });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    await server.services.db.manager.query('DELETE FROM organizations');
    [owner, member] = [await makePerson(server), await makePerson(server)];
    const settings = { members: { suspend_inactive_days: 30, notice_days: 7 } };
    organization = await organizationOf(server, { [owner.id]: 'owner', [member.id]: 'member' }, { settings });
  });

  const tend = () => server.services.inactiveMembers.tend();
  const onDay = async (days: number) => {
    clock.reset();
    clock.move(days * day);
    return tend();
  };
  const isSuspended = async (id = member.id) =>
    (await server.inside(({ memberships }) => memberships.find(organization, id))).suspendedAt !== null;
  const nobody = { told: 0, suspended: 0 };

  it('are told by mail first, and suspended when the time of the letter has passed; owners are let be', async () => {
    expect(await onDay(22)).toEqual(nobody);
    expect(await onDay(24)).toEqual({ told: 1, suspended: 0 });
    const { text } = await letterTo(server, member.email, /Your membership/);
    expect(text).toContain('House');
    expect(text).toContain(`${server.issuer}/account`);
    expect(await onDay(24.5)).toEqual(nobody);
    expect(await onDay(30.9)).toEqual(nobody);
    expect(await isSuspended()).toBe(false);
    expect(await onDay(31.1)).toEqual({ told: 0, suspended: 1 });
    expect([await isSuspended(), await isSuspended(owner.id)]).toEqual([true, false]);
    expect(await tend()).toEqual(nobody);
    expect((await lettersTo(server, owner.email)).length).toBe(0);

    clock.reset();
    const token = await tokenWith(server, 'organizations:read');
    const { body } = await ask(
      server,
      token,
      'get',
      `/organizations/${organization.slug}/members/${member.id}/history`,
    );
    expect((body.items as object[])[0]).toMatchObject({
      kind: 'suspended',
      data: { reason: 'inactive' },
      actor: { type: 'system' },
    });
  });

  it('who come back are not, and are told again the next time', async () => {
    expect(await onDay(24)).toEqual({ told: 1, suspended: 0 });
    await server.inside(({ memberships }) => memberships.used(organization.id, member.id));
    expect(await onDay(32)).toEqual(nobody);
    expect(await onDay(24 + 24)).toEqual({ told: 1, suspended: 0 });
    expect(await onDay(24 + 32)).toEqual({ told: 0, suspended: 1 });
  });

  it('are suspended by nobody before they were told, however long they have been away', async () => {
    expect(await onDay(400)).toEqual({ told: 1, suspended: 0 });
    expect(await onDay(406)).toEqual(nobody);
    expect(await onDay(407.1)).toEqual({ told: 0, suspended: 1 });
  });

  it('are not gone at once when they were let in again', async () => {
    await onDay(24);
    await onDay(32);
    expect(await isSuspended()).toBe(true);
    await server.inside(({ memberships }) => memberships.resume(organization, member.id));
    expect(await tend()).toEqual(nobody);
    expect(await onDay(32 + 22)).toEqual(nobody);
    expect(await onDay(32 + 24)).toEqual({ told: 1, suspended: 0 });
  });

  it('are no matter of organizations that say nothing, are suspended, or of tenants that are', async () => {
    const { db } = server.services;
    await db.manager.query(`UPDATE organizations SET settings = settings - 'members'`);
    expect(await onDay(400)).toEqual(nobody);
    await db.manager.query(
      `UPDATE organizations SET settings = '{"members":{"suspend_inactive_days":30}}', suspended_at = now()`,
    );
    expect(await onDay(400)).toEqual(nobody);
    await db.manager.query('UPDATE organizations SET suspended_at = NULL');
    await db.manager.query('UPDATE tenants SET suspended_at = now()');
    expect(await onDay(400)).toEqual(nobody);
    await db.manager.query('UPDATE tenants SET suspended_at = NULL');
    await server.inside(async ({ users }) => users.disable(await users.find(member.id)));
    expect(await onDay(400)).toEqual(nobody);
  });

  it('are told and suspended once by two who look at once', async () => {
    const sum = (all: number[]) => all.reduce((total, one) => total + one, 0);
    clock.move(24 * day);
    expect(sum((await Promise.all([tend(), tend()])).map(({ told }) => told))).toBe(1);
    clock.move(8 * day);
    expect(sum((await Promise.all([tend(), tend()])).map(({ suspended }) => suspended))).toBe(1);
  });
});
