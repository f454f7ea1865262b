import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { listAuditEvents } from '../../src/features/audit/audit.queries.js';
import { AuditQuery } from '../../src/features/audit/audit.schema.js';
import { listClients } from '../../src/features/clients/client.queries.js';
import { ClientQuery } from '../../src/features/clients/client.schema.js';
import { listGrants, listSessions } from '../../src/features/protocol/session.queries.js';
import { listResources } from '../../src/features/resources/resource.queries.js';
import { ResourceQuery } from '../../src/features/resources/resource.schema.js';
import { listTraces } from '../../src/features/traces/trace.queries.js';
import { TraceQuery } from '../../src/features/traces/trace.schema.js';
import { listUsers } from '../../src/features/users/user.queries.js';
import { UserQuery } from '../../src/features/users/user.schema.js';
import { encodeCursor } from '../../src/platform/pagination.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

/** Rows of each table, half of them another tenant's. */
const planted = 50_000;
const limit = 20;

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** An id whose time and rank are n: UUIDv7 in form. */
const idOf = (n: string) =>
  `(lpad(to_hex(1700000000000 + ${n}), 12, '0') || '7000800000000000' || lpad(to_hex(${n}), 4, '0'))::uuid`;
const timeOf = (n: string) => `to_timestamp((1700000000000 + ${n}) / 1000.0)`;

const plant = [
  `INSERT INTO roles (tenant_id, key, name, created_at, updated_at) SELECT $1, 'CLERK', 'Clerk', now(), now() WHERE $2::int > 0`,
  `INSERT INTO users (tenant_id, id, email, email_normalized, claims, roles, disabled_at, deletion_at, created_at, updated_at)
   SELECT $1, ${idOf('n')}, e, e, jsonb_build_object('name', 'Person ' || n), CASE WHEN n % 1000 = 5 THEN '{CLERK}'::text[] ELSE '{}' END,
          CASE WHEN n % 1000 = 6 THEN now() END, CASE WHEN n % 1000 = 7 THEN now() END, now(), now() FROM generate_series(1, $2::int) n, LATERAL (SELECT chr(97 + n % 26) || n || '@example.com' AS e) m`,
  `INSERT INTO clients (tenant_id, client_id, name, metadata, created_at, updated_at)
   SELECT $1, 'client-' || lpad(n::text, 6, '0'), 'App ' || chr(65 + n % 26) || n, '{}', now(), now() FROM generate_series(1, $2::int) n`,
  `INSERT INTO resources (tenant_id, id, identifier, name, access_token_ttl, created_at, updated_at)
   SELECT $1, ${idOf('n')}, 'https://' || n, 'r', 900, now(), now() FROM generate_series(1, $2::int) n`,
  `INSERT INTO sessions (tenant_id, uid, account_id, payload, created_at, updated_at, expires_at, ended_at)
   SELECT $1, 'uid-' || n, ${idOf('n % 5000 + 1')}, '{}', ${timeOf('n')}, now(), now() + interval '1 day', CASE WHEN n % 4 > 0 THEN now() END
     FROM generate_series(1, $2::int) n`,
  `INSERT INTO grants (tenant_id, id, client_id, account_id, session_uid, payload, created_at, expires_at, ended_at)
   SELECT $1, 'grant-' || n, 'client-' || lpad((n % 50 + 1)::text, 6, '0'), ${idOf('n % 5000 + 1')}, 'uid-' || n, '{}', ${timeOf('n')},
          now() + interval '1 day', CASE WHEN n % 3 > 0 THEN now() END FROM generate_series(1, $2::int) n`,
  `INSERT INTO audit_events (tenant_id, id, name, data, actor_type, actor_id, occurred_at)
   SELECT $1, ${idOf('n')}, CASE WHEN n < 30 THEN 'client.created' ELSE 'sign_in.succeeded' END, '{}', 'user', 'actor-' || n % 500, ${timeOf('n')}
     FROM generate_series(1, $2::int) n`,
  `INSERT INTO traces (tenant_id, id, client_id, endpoint, error, steps, occurred_at)
   SELECT $1, 'AAAA-' || upper(lpad(to_hex(n), 4, '0')), 'client-' || n % 500, 'token', 'x', '[]', ${timeOf('n')} FROM generate_series(1, $2::int) n`,
];

const when = (n: number) => new Date(1_700_000_000_000 + n).toISOString();
const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');
const id = (n: number) => {
  const time = hex(1_700_000_000_000 + n, 12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-00000000${hex(n, 4)}`;
};
const middle = encodeCursor(id(planted / 2));
const middleByTime = (name: string) => encodeCursor(`${when(planted / 2).replace('Z', '000Z')}|${name}-${planted / 2}`);

(kinds.includes('postgres') ? describe : describe.skip)(
  'a page of a list costs a page, however long the list is',
  () => {
    let house: Awaited<ReturnType<typeof openHouse>>;

    beforeAll(async () => {
      house = await openHouse('postgres');
      const other = await house.tenants.create({ slug: 'other', name: 'Other' });
      for (const tenant of [house.tenant, other])
        for (const statement of plant) await house.db.manager.query(statement, [tenant.id, planted]);
      await house.db.manager.query('ANALYZE');
    }, 300_000);
    afterAll(() => house?.close());

    const at_ = <T>(work: () => Promise<T>) => at(house.tenant, work);
    const now = () => house.clock.now();
    const users = (query: object) => listUsers(house.db, UserQuery.parse({ limit, ...query }));
    const clients = (query: object) => listClients(house.db, ClientQuery.parse({ limit, ...query }));
    const audit = (query: object) => listAuditEvents(house.db, AuditQuery.parse({ limit, ...query }));
    const sessions = (query: object) => listSessions(house.db, { limit, ...query }, now());
    const grants = (query: object) => listGrants(house.db, { limit, ...query }, now());
    const traces = (query: object) => listTraces(house.db, TraceQuery.parse({ limit, ...query }));
    const resources = (query: object) => listResources(house.db, ResourceQuery.parse({ limit, ...query }));

    it.each<[string, () => Promise<{ items: unknown[] }>]>([
      ['users', () => users({})],
      ['users, deep', () => users({ cursor: middle })],
      ['users by an address', () => users({ email: 'c2@example.com' })],
      ['users by a common beginning', () => users({ email: 'c' })],
      ['users by a common beginning, deep', () => users({ email: 'c', cursor: encodeCursor('c3@example.com') })],
      ['users by a beginning of address or name', () => users({ q: 'person 4999' })],
      ['users by a beginning that all names have', () => users({ q: 'Person' })],
      ['users by a role', () => users({ role: 'CLERK' })],
      ['users who are disabled', () => users({ state: 'disabled' })],
      ['users who have closed their account, deep', () => users({ state: 'closed', cursor: middle })],
      ['users who may come in', () => users({ state: 'active', sort: 'created_at' })],
      ['users in the order of their addresses', () => users({ sort: '-email' })],
      ['clients', () => clients({})],
      ['clients, deep', () => clients({ cursor: encodeCursor('client-025000') })],
      ['clients by a name', () => clients({ q: 'app c2' })],
      ['clients by a beginning that all names have', () => clients({ q: 'App' })],
      ['clients by it, deep', () => clients({ q: 'App', cursor: encodeCursor('["App M12","client-000012"]') })],
      ['clients by client_id', () => clients({ q: 'client-000123' })],
      ['resources, deep', () => resources({ cursor: middle })],
      ['sessions', () => sessions({})],
      ['sessions, deep', () => sessions({ cursor: middleByTime('uid') })],
      ['sessions of a user', () => sessions({ user_id: id(5) })],
      ['grants', () => grants({})],
      ['grants, deep', () => grants({ cursor: middleByTime('grant') })],
      ['grants of a user', () => grants({ user_id: id(4) })],
      ['grants of a client', () => grants({ client_id: 'client-000007' })],
      ['traces', () => traces({})],
      [
        'traces, deep',
        () => traces({ cursor: encodeCursor(`${when(planted / 2)} AAAA-${hex(planted / 2, 4).toUpperCase()}`) }),
      ],
      ['traces of a client', () => traces({ client_id: 'client-7' })],
      ['audit events', () => audit({})],
      ['audit events, deep', () => audit({ cursor: middle })],
      ['audit events of a rare name', () => audit({ name: 'client.created' })],
      ['audit events of a common name, deep', () => audit({ name: 'sign_in.succeeded', cursor: middle })],
      ['audit events of an actor', () => audit({ actor: 'actor-7' })],
      ['audit events of a span of time', () => audit({ from: when(1000), to: when(2000) })],
      ['audit events until a time long ago', () => audit({ to: when(500) })],
    ])('%s', async (_name, list) => {
      const { items, plan } = await explained(() => at_(list));
      expect(items.length).toBeGreaterThan(0);
      const nodes = flat(plan);
      expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
      const read = nodes.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
      expect(Math.max(...read)).toBeLessThan(10 * limit);
    });

    it('whether somebody else administers the tenant is a look into an index', async () => {
      await house.db.manager.query(`UPDATE users SET roles = '{ADMIN}' WHERE tenant_id = $1 AND id = ANY ($2)`, [
        house.tenant.id,
        [id(planted), id(planted - 1)],
      ]);
      const admin = await at_(() => house.users.find(id(planted)));
      const { plan } = await explained(() => at_(() => house.users.setRoles(admin, [])), '= ANY(');
      expect(flat(plan).filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    });

    it('walks through a whole list, each row once, in one order', async () => {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await at_(() => listClients(house.db, { q: 'app z', limit: 100, cursor }));
        seen.push(...page.items.map(({ name }) => name));
        cursor = page.next_cursor ?? undefined;
      } while (cursor);
      expect(seen).toHaveLength(Math.floor((planted - 25) / 26) + 1);
      expect(seen).toEqual([...new Set(seen)].sort());
    });

    /** Runs it, hears its statement, and asks for the plan of the same statement with the same values. */
    async function explained<T>(work: () => Promise<T>, marker = 'SELECT') {
      const heard: { text: string; values: unknown[] }[] = [];
      const original = pg.Client.prototype.query as (...args: unknown[]) => unknown;
      const spy = jest.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
        this: unknown,
        ...args: unknown[]
      ) {
        const [text, values] = args as [string, unknown[]];
        if (typeof text === 'string' && text.includes(marker)) heard.push({ text, values });
        return original.apply(this, args) as never;
      });
      const result = await work().finally(() => spy.mockRestore());
      expect(heard).toHaveLength(1);
      const [{ 'QUERY PLAN': plans }] = (await house.db.manager.query(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${heard[0]?.text}`,
        heard[0]?.values,
      )) as [{ 'QUERY PLAN': [{ Plan: PlanNode }] }];
      return { ...(result as { items: unknown[] }), plan: plans[0].Plan };
    }
  },
);

const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];
