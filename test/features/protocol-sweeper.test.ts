import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lifetimes } from '../../config/protocol.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { Sweeper } from '../../src/platform/sweep.js';
import { retentions } from '../../src/retention.js';
import { openProtocolHouse, type ProtocolHouse, stores } from './protocol-house.js';

const newHandle = () => randomBytes(24).toString('base64url');
const day = 24 * 3600;

describe.each(stores.filter((store) => store !== 'postgres+redis'))(
  'the sweep of what nobody can use, on %s',
  (store) => {
    let house: ProtocolHouse;
    let whose: { clientId: string; accountId: string };

    beforeAll(async () => {
      house = await openProtocolHouse(store);
      whose = { clientId: house.client.clientId, accountId: house.maria.id };
    });
    afterAll(() => house?.close());

    const sweep = () => new Sweeper(house.db, house.clock, retentions).run();
    const count = async (table: string) =>
      Number(((await house.db.manager.query(`SELECT count(*) FROM ${table}`)) as { count: string }[])[0]?.count);

    it('leaves what must be noticed when it comes again, and takes it when it cannot', async () => {
      const [code, refresh, access] = [newHandle(), newHandle(), newHandle()];
      const iiat = house.nowSeconds();
      await house.save('AuthorizationCode', code, { ...whose, exp: iiat + 60 });
      await house.save('RefreshToken', refresh, { ...whose, iiat, exp: iiat + 60 });
      await house.save('AccessToken', access, { ...whose, exp: iiat + 60 });
      await house.consume('AuthorizationCode', code);
      await house.consume('RefreshToken', refresh);
      expect(await sweep()).toBe(0);

      house.clock.forward(61);
      expect(await sweep()).toBe(1);
      expect((await house.find('AuthorizationCode', code))?.consumed).toBeDefined();
      expect((await house.find('RefreshToken', refresh))?.consumed).toBeDefined();

      house.clock.forward(lifetimes.spentCode);
      expect(await sweep()).toBe(1);
      expect((await house.find('RefreshToken', refresh))?.consumed).toBeDefined();

      house.clock.forward(lifetimes.refreshTokenAbsolute);
      expect(await sweep()).toBe(1);
      expect(await count('engine_rows')).toBe(0);
    });

    it('remembers a jti as long as it could be presented again (RFC 9449 §11.1)', async () => {
      const seen = () => house.inside(() => house.protocol.replays.unique('rp', 'jti-1', house.nowSeconds() + 60));
      await seen();
      house.clock.forward(30);
      await sweep();
      expect(await seen()).toBe(false);
      house.clock.forward(60);
      await sweep();
      expect(await seen()).toBe(true);
    });

    it('keeps an ended session for 30 days, so that it stays ended', async () => {
      const [uid, handle] = [newHandle(), newHandle()];
      const save = (request: ProtocolRequest) =>
        house.inside(() =>
          house.protocol.sessions.save(request, handle, {
            uid,
            accountId: whose.accountId,
            loginTs: 1,
            exp: house.nowSeconds() + 60,
          }),
        );
      await save(new ProtocolRequest());
      await house.inside(() => house.protocol.sessions.end(new ProtocolRequest(), uid, 'logout'));
      house.clock.forward(61 + 29 * day);
      await sweep();
      await expect(save(new ProtocolRequest())).rejects.toThrow('the session has ended');
      house.clock.forward(day + 1);
      await sweep();
      expect(await count('sessions')).toBe(0);
      expect(await count('session_handles')).toBe(0);
    });

    it('empties the sealed answer of an exchanged refresh token when its grace window is over', async () => {
      const handle = newHandle();
      await house.save('RefreshToken', handle, { ...whose, iiat: house.nowSeconds(), exp: house.nowSeconds() + 1000 });
      await house.inside(async () => {
        const request = new ProtocolRequest();
        request.beginUnit();
        await house.protocol.rows.consume(request, 'RefreshToken', handle);
        await house.protocol.rows.flush(request, { text: 'answer', seconds: 10 });
      });
      await sweep();
      expect(await count('engine_rows WHERE sealed_answer IS NOT NULL')).toBe(1);
      house.clock.forward(11);
      await sweep();
      expect(await count('engine_rows WHERE sealed_answer IS NOT NULL')).toBe(0);
      expect((await house.find('RefreshToken', handle))?.consumed).toBeDefined();
    });

    const plantReplays = async (count: number) =>
      house.db.manager.query(
        `INSERT INTO replays (tenant_id, id, expires_at) SELECT $1, 'old-' || n, $2 FROM generate_series(1, ${count}) n`,
        [house.tenant.id, new Date(house.clock.now().getTime() - 1000)],
      );
    const old = `replays WHERE id LIKE 'old-%'`;
    const toldToEndAtTheSecondLook = () => {
      const stop = new AbortController();
      let looks = 0;
      const clock = {
        now() {
          looks += 1;
          if (looks === 2) stop.abort();
          return house.clock.now();
        },
      };
      return { clock, signal: stop.signal };
    };

    it('takes a backlog away in batches, each committed by itself, and ends between two when told to', async () => {
      await plantReplays(250);
      const { clock, signal } = toldToEndAtTheSecondLook();
      const replays = retentions.filter(({ table }) => table === 'replays');
      const interrupted = new Sweeper(house.db, clock, replays, { batch: 100, rest: 0 });
      expect(await interrupted.run(signal)).toBe(200);
      expect(await count(old)).toBe(50);
      expect(await new Sweeper(house.db, house.clock, retentions, { batch: 20, rest: 0 }).run()).toBe(50);
      expect(await count(old)).toBe(0);
    });

    it('takes what has a long file one by one: no statement takes longer than it may', async () => {
      const tenantId = house.tenant.id;
      for (let n = 0; n < 3; n += 1)
        await house.db.manager.query(
          `INSERT INTO jobs (tenant_id, id, kind, status, params, actor_type, actor_id, actor_scopes, due_at, created_at, updated_at, expires_at)
           VALUES ($1, gen_random_uuid(), 'audit_export', 'succeeded', '{}', 'client', 'x', '{}', $2, $2, $2, $2)`,
          [tenantId, new Date(house.clock.now().getTime() - 1000 * (n + 1))],
        );
      const { clock, signal } = toldToEndAtTheSecondLook();
      const jobs = retentions.filter(({ table }) => table === 'jobs');
      expect(await new Sweeper(house.db, clock, jobs, { rest: 0 }).run(signal)).toBe(2);
      expect(await count('jobs')).toBe(1);
      await sweep();
      expect(await count('jobs')).toBe(0);
    });

    it('does not begin when the process is going down', async () => {
      await plantReplays(1);
      expect(await new Sweeper(house.db, house.clock, retentions).run(AbortSignal.abort())).toBe(0);
      expect(await count(old)).toBe(1);
      await sweep();
    });

    it('lets no table with a backlog keep the others waiting', async () => {
      await plantReplays(30);
      const handle = newHandle();
      await house.save('AccessToken', handle, { ...whose, exp: house.nowSeconds() - 10 });
      const stop = new AbortController();
      let looks = 0;
      const clock = {
        now() {
          looks += 1;
          if (looks === retentions.length) stop.abort();
          return house.clock.now();
        },
      };
      await new Sweeper(house.db, clock, retentions, { batch: 10, rest: 0 }).run(stop.signal);
      expect(await count(`engine_rows WHERE kind = 'AccessToken'`)).toBe(0);
      expect(await count(old)).toBe(20);
      await sweep();
    });

    it('knows of every table whether its rows go by themselves', async () => {
      const tables = (await house.db.manager.query(
        `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
      )) as { name: string }[];
      const kept = [
        'audit_chains',
        'audit_checkpoints',
        'audit_events',
        'audit_seals',
        'audit_unsealed',
        'brand_logos',
        'client_secrets',
        'clients',
        'connection_keys',
        'connections',
        'erasures',
        'exchange_policies',
        'external_subjects',
        'identities',
        'job_chunks',
        'invitation_templates',
        'mail_templates',
        'membership_events',
        'membership_roles',
        'memberships',
        'migrations',
        'organization_domains',
        'organization_roles',
        'organizations',
        'passkey_users',
        'passkeys',
        'password_credentials',
        'recovery_codes',
        'registrations',
        'resources',
        'role_assignments',
        'roles',
        'signing_keys',
        'team_members',
        'teams',
        'tenants',
        'totp_credentials',
        'trusted_issuers',
        'users',
      ];
      const swept = new Set(retentions.map(({ table }) => table));
      expect(tables.map(({ name }) => name).sort()).toEqual([...kept, ...swept].sort());
    });

    it.each(retentions)('finds what is due in $table by the index of $column', async ({ table, column }) => {
      const [found] = (await house.db.manager.query(
        `SELECT count(*)::int AS count FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
          WHERE i.indrelid = $1::regclass AND a.attname = $2
            AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = '(' || $2::text || ' IS NOT NULL)')`,
        [table, column],
      )) as { count: number }[];
      expect(found?.count).toBe(1);
    });

    it('leaves a row that somebody holds, and takes it the next time', async () => {
      if (store === 'embedded') return expect(house.db.pool.options.max).toBe(1);
      await plantReplays(3);
      const holder = await house.db.pool.connect();
      try {
        await holder.query('BEGIN');
        await holder.query(`SELECT 1 FROM replays WHERE id = 'old-2' FOR UPDATE`);
        expect(await sweep()).toBe(2);
        await holder.query('COMMIT');
      } finally {
        holder.release();
      }
      expect(await sweep()).toBe(1);
    });

    it('leaves a row that is being given more time', async () => {
      if (store === 'embedded') return expect(house.db.pool.options.max).toBe(1);
      await plantReplays(1);
      const holder = await house.db.pool.connect();
      try {
        await holder.query('BEGIN');
        await holder.query(`UPDATE replays SET expires_at = $1 WHERE id = 'old-1'`, [
          new Date(house.clock.now().getTime() + 60_000),
        ]);
        const swept = sweep();
        await holder.query('COMMIT');
        expect(await swept).toBe(0);
      } finally {
        holder.release();
      }
      expect(await count(old)).toBe(1);
    });
  },
);
