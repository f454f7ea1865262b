import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditAlerts } from '../../src/features/audit-alerts/audit-alerts.js';
import { kinds } from '../support/postgres.js';
import { type AuditHouse, openAuditHouse } from './audit-house.js';

describe.each(kinds)('what administrators are told of, on %s', (kind) => {
  let house: AuditHouse;
  let alerts: AuditAlerts;
  let ada: string;

  beforeAll(async () => {
    house = await openAuditHouse(kind);
    alerts = new AuditAlerts(house.db, house.audit, house.mail, house.clock, { error() {} });
    const user = await house.inside(() =>
      house.users.create({ email: 'ada@example.com', email_verified: true }, ['ADMIN']),
    );
    ada = user.id;
    await look();
  }, 180_000);
  afterAll(() => house?.close());
  beforeEach(async () => {
    house.clock.forward(2 * 3600);
    await house.query('DELETE FROM mail_messages');
  });

  const look = async () => {
    await house.sealing.run();
    return alerts.run();
  };
  const fail = (accounts: number) =>
    house.inside(() =>
      house.audit.recordAll(
        'sign_in.failed',
        Array.from({ length: accounts }, (_, n) => ({
          subject_hash: `subject-${n}`,
          user_id: null,
          factor: 'password',
          reason: 'unknown_user' as const,
        })),
      ),
    );
  const told = async () => (await house.inside(() => house.eventsOf('security.alerted'))).at(-1);
  const letters = async () =>
    (await house.query('SELECT template FROM mail_messages')).map((row: object) => Object.values(row)[0]);

  it('is not that one account is guessed at, or a few', async () => {
    await fail(29);
    await fail(29);
    expect([await look(), await letters()]).toEqual([0, []]);
  });

  it('is that sign-ins fail at many accounts: once, however long it goes on', async () => {
    await fail(40);
    expect([await look(), await told(), await letters()]).toEqual([
      1,
      { kind: 'sign_in_failures', accounts: 40 },
      ['security_alert'],
    ]);
    await fail(50);
    expect([await look(), await look()]).toEqual([0, 0]);
    house.clock.forward(3700);
    await fail(30);
    expect(await look()).toBe(1);
    expect(alerts.raised.get('sign_in_failures')).toBe(2);
  });

  it('is who becomes an administrator', async () => {
    const user = await house.inside(() => house.users.create({ email: 'grace@example.com', email_verified: true }));
    expect(await look()).toBe(0);
    await house.inside(() => house.users.setRoles(user, ['ADMIN']));
    expect([await look(), await told(), await letters()]).toEqual([
      1,
      { kind: 'administrator_appointed', user_id: user.id },
      ['security_alert', 'security_alert'],
    ]);
    expect(ada).not.toBe(user.id);
  });

  it('is who became one for a moment, and gave it back before anybody looked', async () => {
    const user = await house.inside(() => house.users.create({ email: 'mallory@example.com', email_verified: true }));
    await look();
    await house.inside(async () => {
      await house.users.setRoles(user, ['ADMIN']);
      await house.users.setRoles(await house.users.find(user.id), ['SUPPORT']);
    });
    expect([await look(), await told()]).toEqual([1, { kind: 'administrator_appointed', user_id: user.id }]);
  });

  it('is that the audit log is broken', async () => {
    await house.inside(() => house.audit.record('audit_log.broken', { tenant_id: house.tenant.id }));
    expect([await look(), await told()]).toEqual([1, { kind: 'audit_log_broken' }]);
  });

  it('is nothing old: what was recorded before there were seals is no news', async () => {
    await fail(40);
    house.clock.forward(3700);
    expect(await look()).toBe(0);
  });

  it('is told by one of two that look at once', async () => {
    await fail(60);
    await house.sealing.run();
    const other = new AuditAlerts(house.db, house.audit, house.mail, house.clock, { error() {} });
    const counts = await Promise.all([alerts.run(), other.run()]);
    expect(counts.sort()).toEqual([0, 1]);
  });
});
