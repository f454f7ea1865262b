import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listAuditEvents } from '../../src/features/audit/audit.queries.js';
import { SigningKey } from '../../src/features/keys/signing-key.entity.js';
import { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { TenantDeletion } from '../../src/features/tenants/tenant-deletion.js';
import { listUsers } from '../../src/features/users/user.queries.js';
import { CreateUser } from '../../src/features/users/user.schema.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

describe.each(kinds)('tenants, keys, users (%s)', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  beforeAll(async () => {
    house = await openHouse(kind, kind === 'postgres' ? 3 : 1);
  }, 180_000);
  afterAll(() => house.close());

  it('makes the tenant default once, however many processes start', async () => {
    await house.db.dataSource.query('DELETE FROM tenants');
    const all = [house, ...house.others];
    const made = await Promise.all([...all, ...all].map((one) => one.tenants.ensureDefault()));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(await house.db.dataSource.manager.count(Tenant)).toBe(1);
    house.tenant = made[0] as Tenant;
    expect(await at(house.tenant, () => house.eventsOf('tenant.created'))).toHaveLength(1);
  });

  it('makes one ES256 and one RS256 key that sign, and one each that will, however many processes ask', async () => {
    const all = [house, ...house.others];
    await Promise.all([...all, ...all].map((one) => one.keys.ensure(house.tenant.id)));
    const { private: secret, public: shown } = await house.keys.signingKeys(house.tenant.id);
    expect(secret.map(({ alg }) => alg)).toEqual(['ES256', 'RS256', 'ES256', 'RS256']);
    expect(secret.every((jwk) => typeof jwk.d === 'string')).toBe(true);
    expect(shown.some((jwk) => Object.hasOwn(jwk, 'd'))).toBe(false);
    const rows = await at(house.tenant, () => house.db.repo(SigningKey).find());
    expect(JSON.stringify(rows)).not.toContain(secret[0]?.d);
    expect(await at(house.tenant, () => house.eventsOf('signing_key.created'))).toHaveLength(4);
  });

  it('finds a tenant by slug and host, and hears of a change', async () => {
    const tenant = await house.tenants.create({ slug: `acme-${kind}`, name: 'Acme', host: 'id.acme.example' });
    expect((await house.tenants.findByHost('ID.acme.example'))?.id).toBe(tenant.id);
    await house.tenants.update(tenant, { host: 'login.acme.example', settings: { sign_in_layout: 'one_page' } });
    await house.tenants.update(tenant, { settings: { branding: { primary_color: '#112233' } } });
    expect(await house.tenants.findByHost('id.acme.example')).toBeUndefined();
    const found = await house.tenants.findBySlug(`acme-${kind}`);
    expect(found?.issuer('https://id.example.com')).toBe('https://login.acme.example');
    expect(found?.settings).toMatchObject({
      sign_in_layout: 'one_page',
      branding: { primary_color: '#112233' },
      lockout: { max_attempts: 5 },
    });
    expect(await house.tenants.findBySlug('nobody')).toBeUndefined();
  });

  it('takes all rows of a tenant that ends, also from a table in partitions, whose rows share their places', async () => {
    const { db, audit, tenants } = house;
    const [ending, staying] = [
      await tenants.create({ slug: `ending-${kind}`, name: 'Ending' }),
      await tenants.create({ slug: `staying-${kind}`, name: 'Staying' }),
    ];
    const { dataSource } = db;
    await dataSource.query('CREATE TABLE visits (tenant_id uuid NOT NULL, n int NOT NULL) PARTITION BY RANGE (n)');
    await dataSource.query('CREATE TABLE visits_low PARTITION OF visits FOR VALUES FROM (0) TO (100)');
    await dataSource.query('CREATE TABLE visits_high PARTITION OF visits FOR VALUES FROM (100) TO (200)');
    await dataSource.query(
      'INSERT INTO visits SELECT tenant_id, n FROM unnest($1::uuid[]) tenant_id, generate_series(80, 119) n',
      [[ending.id, staying.id]],
    );
    await tenants.delete(ending);
    await new TenantDeletion(db, audit, tenants, 3).run({ tenantId: ending.id });
    const left = await dataSource.query('SELECT tenant_id, count(*)::int AS count FROM visits GROUP BY 1');
    expect(left).toEqual([{ tenant_id: staying.id, count: 40 }]);
    expect(await tenants.findById(ending.id)).toBeUndefined();
    await dataSource.query('DROP TABLE visits');
  });

  it('keeps the secrets of a tenant through a change, and different from those of others', async () => {
    const a = await house.tenants.create({ slug: `a-${kind}`, name: 'A' });
    const b = await house.tenants.create({ slug: `b-${kind}`, name: 'B' });
    const changed = await house.tenants.update(a, { name: 'A2' });
    expect(house.tenants.secrets(changed)).toEqual(house.tenants.secrets(a));
    expect(house.tenants.secrets(a).dpopNonce).toHaveLength(32);
    expect(house.tenants.secrets(a).pairwiseSalt).not.toBe(house.tenants.secrets(b).pairwiseSalt);
    expect(() => house.tenants.secrets(Object.assign(new Tenant(), b, { secretsSealed: a.secretsSealed }))).toThrow();
  });

  it('takes an address once per tenant, however it is spelt', () =>
    at(house.tenant, async () => {
      await house.users.create({ email: 'Ada@Example.com' });
      for (const email of ['ada@example.com', 'ADA@EXAMPLE.COM', 'ａda@example.com'])
        await expect(house.users.create({ email })).rejects.toMatchObject({ driverError: { code: '23505' } });
      expect((await house.users.findByEmail('ａDA@example.com'))?.email).toBe('Ada@Example.com');
      const other = await house.tenants.create({ slug: `users-${kind}`, name: 'Other' });
      expect(await at(other, () => house.users.findByEmail('ada@example.com'))).toBeUndefined();
      await at(other, () => house.users.create({ email: 'ada@example.com' }));
    }));

  it('lets one of 20 parallel registrations of one address win', () =>
    at(house.tenant, async () => {
      const all = [house, ...house.others];
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) => all[i % all.length]?.users.create({ email: 'race@example.com' })),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await house.eventsOf('user.created')).length).toBeGreaterThan(0);
    }));

  it.each([
    '"roles":["ADMIN"]',
    '"password":"x"',
    '"id":"x"',
    '"__proto__":{"roles":[]}',
    '"claims":{"sub":"x"}',
    '"claims":{"__proto__":{"a":1}}',
  ])('refuses the unknown or privileged member %s', (member) => {
    expect(CreateUser.safeParse(JSON.parse(`{"email":"x@example.com",${member}}`)).success).toBe(false);
  });

  it('changes claims one at a time, and a new address is not verified', () =>
    at(house.tenant, async () => {
      const user = await house.users.create({
        email: 'grace@example.com',
        email_verified: true,
        claims: { name: 'Grace', locale: 'en' },
      });
      const changed = await house.users.update(user, { claims: { locale: null, family_name: 'Hopper' } }, 1);
      expect(changed).toMatchObject({
        claims: { name: 'Grace', family_name: 'Hopper' },
        version: 2,
        emailVerified: true,
      });
      expect((await house.users.find(user.id)).claims).toEqual({ name: 'Grace', family_name: 'Hopper' });
      await expect(house.users.update(user, { email: 'g@example.com' }, 1)).rejects.toMatchObject({ status: 412 });
      expect(await house.users.update(user, { email: 'g@example.com' })).toMatchObject({ emailVerified: false });
    }));

  it('ends what a user has when they are disabled or deleted, and leaves no row of theirs', () =>
    at(house.tenant, async () => {
      const user = await house.users.create({ email: 'gone@example.com' });
      await house.passwords.set(user, 'a decent pass phrase');
      house.ended.length = 0;
      await house.users.disable(user);
      await house.users.disable(user);
      expect(house.ended).toEqual([user.id]);
      await house.users.delete(user);
      expect(house.ended).toEqual([user.id, user.id]);
      for (const table of ['users', 'password_credentials']) {
        const text = JSON.stringify(await house.db.dataSource.query(`SELECT * FROM ${table}`));
        expect(text).not.toContain(user.id);
      }
      expect(JSON.stringify(await house.db.dataSource.query('SELECT * FROM audit_events'))).not.toContain(
        'gone@example.com',
      );
    }));

  it('pages through every user once, also while others come', () =>
    at(house.tenant, async () => {
      for (let i = 0; i < 7; i += 1) await house.users.create({ email: `page_${i}@example.com` });
      await house.users.create({ email: 'pageX1@example.com' });
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await listUsers(house.db, { limit: 3, cursor, email: 'PAGE_' });
        seen.push(...page.items.map(({ email }) => email));
        await house.users.create({ email: `page_late${seen.length}@example.com` });
        cursor = page.next_cursor ?? undefined;
      } while (cursor);
      // By address, as they were asked for by its beginning: nobody twice, nobody left out who was there before.
      expect(seen.filter((email) => !email.includes('late'))).toEqual(
        [0, 1, 2, 3, 4, 5, 6].map((i) => `page_${i}@example.com`),
      );
      expect(new Set(seen).size).toBe(seen.length);
      await expect(listUsers(house.db, { limit: 3, cursor: 'nonsense' })).rejects.toMatchObject({ status: 400 });
    }));

  it('filters the audit log and keeps it to its tenant', async () => {
    const other = await house.tenants.create({ slug: `audit-${kind}`, name: 'Other' });
    expect((await at(other, () => listAuditEvents(house.db, { limit: 50 }))).items.map(({ name }) => name)).toEqual([
      'tenant.created',
    ]);
    const events = await at(house.tenant, () =>
      listAuditEvents(house.db, { limit: 1, name: 'user.deleted', from: '2020-01-01T00:00:00Z' }),
    );
    expect(events.items).toHaveLength(1);
  });
});
