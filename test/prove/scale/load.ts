// Fills the tables by COPY: everybody, or only those who take part. Indexes and constraints are taken off before and put back after a full
// load, word for word; foreign keys are checked again as they come back.
import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from } from 'pg-copy-streams';
import type { Sealer } from '../../../src/platform/crypto.js';
import { onServer } from './database.js';
import { handle, type Person, type Population } from './population.js';
import { type AuditName, auditNames, type Shapes } from './shapes.js';

export interface Selection {
  people: Iterable<Person>;
  clients: Iterable<number>;
  tenants: Iterable<number>;
  audit: Iterable<number>;
}

export function everybody(population: Population): Selection {
  const { users, clients, tenants, auditEvents } = population.counts;
  return {
    people: again(() => map(range(users), (index) => population.person(index))),
    clients: again(() => range(clients)),
    tenants: again(() => range(tenants)),
    audit: again(() => range(auditEvents)),
  };
}

/** In the empty database: those who take part and what belongs to them, and as much of each list as a few pages. */
export function participants(population: Population): Selection {
  const people = population.participants();
  const events = population.counts.auditEvents;
  const spread = Array.from({ length: 4000 }, (_, n) => Math.floor((events * (n + 0.5)) / 4000));
  const theirs = Array.from({ length: Math.min(200, events / 1000) }, (_, n) => n * 1000);
  return {
    people,
    clients: [
      ...new Set([
        ...range(80),
        ...people.flatMap((person) => [0, 1, 2].map((token) => population.clientOfToken(person, token))),
      ]),
    ],
    tenants: [...new Set(people.map(({ tenant }) => tenant))],
    audit: [...new Set([...spread, ...theirs])],
  };
}

interface Loading {
  url: string;
  shapes: Shapes;
  population: Population;
  sealer: Sealer;
  say(line: string): void;
}

/** @param whole take the indexes off meanwhile; the tables must be empty. */
export async function load(
  { url, shapes, population, sealer, say }: Loading,
  chosen: Selection,
  whole: boolean,
): Promise<void> {
  await onServer(async (client) => {
    const undressed = whole ? await undress(client) : undefined;
    for (const [table, lines] of Object.entries(tables(shapes, population, sealer, chosen))) {
      const started = performance.now();
      await client.query('BEGIN');
      // What is copied into a table emptied in the same transaction is as if vacuum had been there.
      if (whole) await client.query(`TRUNCATE ${table}`);
      // Ten million events are not sealed while requests are measured.
      if (table === 'audit_events') await client.query('ALTER TABLE audit_events DISABLE TRIGGER audit_events_added');
      const copy = client.query(from(`COPY ${table} FROM STDIN${whole ? ' (FREEZE)' : ''}`));
      await pipeline(Readable.from(chunks(lines())), copy);
      if (table === 'audit_events') await client.query('ALTER TABLE audit_events ENABLE TRIGGER audit_events_added');
      await client.query('COMMIT');
      if (whole) say(`${table}: ${copy.rowCount} rows in ${Math.round((performance.now() - started) / 1000)} s`);
    }
    if (undressed) await undressed.dress(url, say);
    await client.query('ANALYZE');
  }, url);
}

function tables(
  shapes: Shapes,
  population: Population,
  sealer: Sealer,
  { people, clients, tenants, audit }: Selection,
) {
  const newest = Date.now();
  return {
    *tenants() {
      for (const tenant of tenants) {
        const id = population.tenantId(tenant);
        const secrets = { dpop_nonce: handle(id, 1), pairwise_salt: handle(id, 2), identifier_key: handle(id, 3) };
        const secrets_sealed = sealer.seal(JSON.stringify(secrets), `tenants:${id}:secrets`);
        yield shapes.tenant.line({ id, slug: population.slug(tenant), secrets_sealed });
      }
    },
    *users() {
      for (const { tenant, id, email } of people)
        yield shapes.user.line({ tenant: population.tenantId(tenant), account: id, email });
    },
    *password_credentials() {
      for (const { tenant, id } of people)
        yield shapes.credential.line({ tenant: population.tenantId(tenant), account: id });
    },
    *clients() {
      for (const client of clients)
        yield shapes.client.line({
          tenant: population.tenantId(population.clientTenant(client)),
          client: population.clientId(client),
          name: population.clientName(client),
        });
    },
    *client_secrets() {
      for (const client of clients)
        yield shapes.secret.line({
          tenant: population.tenantId(population.clientTenant(client)),
          client: population.clientId(client),
          id: population.tenantId(client),
        });
    },
    *sessions() {
      for (const person of people)
        for (const browser of [0, 1] as const) {
          const tokens = browser === 0 ? [0, 1, 2] : [3, 4, 4];
          const [client0 = '', client1 = '', client2 = ''] = tokens.map((token) =>
            population.clientId(population.clientOfToken(person, token)),
          );
          const [grant0 = '', grant1 = '', grant2 = ''] = tokens.map((token) => grantId(person, token));
          yield shapes.session[browser === 0 ? 3 : 2].line({
            tenant: population.tenantId(person.tenant),
            account: person.id,
            session: sessionUid(person, browser),
            created_at: new Date(newest - person.index * 37 - browser).toISOString(),
            ...{ client0, client1, client2, grant0, grant1, grant2 },
          });
        }
    },
    *session_handles() {
      for (const person of people)
        for (const browser of [0, 1]) {
          const session = sessionUid(person, browser);
          const tenant = population.tenantId(person.tenant);
          yield shapes.handle.line({
            tenant,
            session,
            hash: hash('sha256', `Session\0${handle('cookie', session)}`, 'hex'),
          });
        }
    },
    *grants() {
      for (const person of people)
        for (let token = 0; token < 5; token += 1)
          yield shapes.grant.line({
            tenant: population.tenantId(person.tenant),
            account: person.id,
            client: population.clientId(population.clientOfToken(person, token)),
            session: sessionUid(person, token < 3 ? 0 : 1),
            grant: grantId(person, token),
            created_at: new Date(newest - person.index * 37 - token).toISOString(),
          });
    },
    *engine_rows() {
      for (const person of people)
        for (let token = 0; token < 5; token += 1)
          yield shapes.token.line({
            tenant: population.tenantId(person.tenant),
            account: person.id,
            client: population.clientId(population.clientOfToken(person, token)),
            session: sessionUid(person, token < 3 ? 0 : 1),
            grant: grantId(person, token),
            hash: hash('sha256', `RefreshToken\0${refreshToken(person, token)}`, 'hex'),
          });
    },
    *audit_events() {
      const { users } = population.counts;
      const known = population.participants().slice(0, 5);
      for (const index of audit) {
        // Every thousandth is of one of five people, so that there is somebody with a history in both databases.
        const person =
          index % 1000 === 0 ? (known[(index / 1000) % 5] as Person) : population.person((index * 7919) % users);
        const kind = index % 1000 === 0 ? 1 : (Math.imul(index, 2654435761) >>> 16) % 20;
        const name: AuditName = auditNames[kind] ?? (kind % 2 ? 'session.started' : 'sign_in.succeeded');
        // Who signs in has not proved who they are yet; who makes something has.
        const made = kind < 2;
        yield shapes.audit[name].line({
          tenant: population.tenantId(person.tenant),
          account: person.id,
          client: population.clientId(population.clientOfToken(person, 0)),
          id: population.auditId(index),
          actor_type: made ? 'user' : '\\N',
          actor_id: made ? person.id : '\\N',
          occurred_at: new Date(population.auditTime(index)).toISOString(),
        });
      }
    },
  };
}

export const refreshToken = ({ index }: Person, token: number): string => handle('refresh', index, token);
const sessionUid = ({ index }: Person, browser: number): string =>
  `session-${browser}-${index.toString(36).padStart(11, '0')}`;
const grantId = ({ id }: Person, token: number): string => `${id.slice(0, 19)}${token}${id.slice(20)}`;

/** COPY takes large pieces better than lines. */
function* chunks(lines: Iterable<string>): Iterable<Buffer> {
  let text = '';
  for (const line of lines) {
    text += line;
    if (text.length < 262_144) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text) yield Buffer.from(text);
}

interface Definition {
  relation: string;
  name: string;
  type: 'f' | 'p' | 'u' | 'i';
  definition: string;
}

async function undress(client: Client) {
  const definitions = await dressOf(client);
  for (const { relation, name, type } of definitions.filter(({ type }) => type === 'f'))
    await client.query(`ALTER TABLE ${relation} DROP CONSTRAINT ${name} /* ${type} */`);
  for (const { relation, name, type } of definitions.filter(({ type }) => type !== 'f'))
    await client.query(type === 'i' ? `DROP INDEX ${name}` : `ALTER TABLE ${relation} DROP CONSTRAINT ${name}`);
  return {
    async dress(url: string, say: (line: string) => void) {
      const started = performance.now();
      const ordinary = definitions.filter(({ type }) => type !== 'f');
      const groups = [...new Set(ordinary.map(({ relation }) => relation))].map((relation) =>
        ordinary.filter((one) => one.relation === relation),
      );
      const work = () =>
        onServer(async (worker) => {
          await worker.query(`SET maintenance_work_mem = '1GB'; SET statement_timeout = 0`);
          for (let group = groups.pop(); group; group = groups.pop())
            for (const one of group) await worker.query(sqlOf(one));
        }, url);
      await Promise.all([work(), work()]);
      for (const one of definitions.filter(({ type }) => type === 'f')) await client.query(sqlOf(one));
      if (JSON.stringify(await dressOf(client)) !== JSON.stringify(definitions))
        throw new Error('the indexes are not what they were');
      say(`indexes and constraints as the migrations make them: ${Math.round((performance.now() - started) / 1000)} s`);
    },
  };
}

const sqlOf = ({ relation, name, type, definition }: Definition): string =>
  type === 'i' ? definition : `ALTER TABLE ${relation} ADD CONSTRAINT ${name} ${definition}`;

async function dressOf(client: Client): Promise<Definition[]> {
  const { rows } = await client.query<Definition>(
    `SELECT conrelid::regclass::text AS relation, quote_ident(conname) AS name, contype::text AS type, pg_get_constraintdef(oid) AS definition
       FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p', 'u') AND conrelid <> 'migrations'::regclass
     UNION ALL
     SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, 'i', pg_get_indexdef(i.indexrelid)
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE c.relnamespace = 'public'::regnamespace AND i.indrelid <> 'migrations'::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype <> 'f')
     ORDER BY 3, 1, 2`,
  );
  return rows;
}

const range = (count: number): number[] | Iterable<number> => again(() => counting(count));
function* counting(count: number): Iterable<number> {
  for (let index = 0; index < count; index += 1) yield index;
}
function* map<A, B>(items: Iterable<A>, to: (item: A) => B): Iterable<B> {
  for (const item of items) yield to(item);
}
/** What may be walked through any number of times. */
const again = <T>(start: () => Iterable<T>): Iterable<T> => ({ [Symbol.iterator]: () => start()[Symbol.iterator]() });
