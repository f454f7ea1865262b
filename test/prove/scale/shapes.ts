// What one person's sign-in at three applications leaves in the tables, done by HTTP with the real server: the shapes of all rows to load.
import type { Client } from 'pg';
import { handleHash } from '../../../src/features/protocol/handles.js';
import { Browser } from '../../support/browser.js';
import { makeClient, makePerson, type Party, tokensFor } from '../../support/party.js';
import type { Processes } from '../../support/processes.js';
import type { TestServer } from '../../support/server.js';
import { onServer } from './database.js';
import { Shape } from './shape.js';

/** Every client of the proof has it, and everybody the password of test/support/party.ts. */
export interface Shapes {
  clientSecret: string;
  tenant: Shape<'id' | 'slug' | 'secrets_sealed'>;
  user: Shape<'tenant' | 'account' | 'email'>;
  credential: Shape<'tenant' | 'account'>;
  client: Shape<'tenant' | 'client' | 'name'>;
  secret: Shape<'tenant' | 'client' | 'id'>;
  /** By the number of applications in the browser. */
  session: Record<2 | 3, Shape<SessionSlot>>;
  handle: Shape<'tenant' | 'session' | 'hash'>;
  grant: Shape<'tenant' | 'account' | 'client' | 'session' | 'grant' | 'created_at'>;
  token: Shape<'tenant' | 'account' | 'client' | 'session' | 'grant' | 'hash'>;
  audit: Record<AuditName, Shape<AuditSlot>>;
}

type AuditSlot = 'tenant' | 'account' | 'client' | 'id' | 'actor_type' | 'actor_id' | 'occurred_at';

export type SessionSlot =
  | 'tenant'
  | 'account'
  | 'session'
  | 'created_at'
  | 'client0'
  | 'client1'
  | 'client2'
  | 'grant0'
  | 'grant1'
  | 'grant2';

export const auditNames = ['client.created', 'user.created', 'session.started', 'sign_in.succeeded'] as const;
export type AuditName = (typeof auditNames)[number];

export const scope = 'openid profile email users:read clients:read sessions:read grants:read audit:read';
const metadata = {
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  scope,
  consent_policy: 'implicit',
  id_token_signed_response_alg: 'ES256',
};

export async function captureShapes(house: Processes, server: TestServer): Promise<Shapes> {
  const parties: Party[] = [];
  for (const name of ['Shape of One', 'Shape of Two', 'Shape of Three'])
    parties.push(await makeClient(server, { ...metadata, client_name: name }));
  const person = await makePerson(server, 'shape-of-a-person@example.com');
  const tenant = await house.inside(({ tenants }) => tenants.create({ slug: 'shape-of-a-tenant', name: 'Tenant' }));
  const browse = async (count: 2 | 3) => {
    const browser = new Browser();
    const tokens: { party: Party; refreshToken: string }[] = [];
    for (const party of parties.slice(0, count)) {
      const { refresh_token } = await tokensFor(server, party, person.email, {}, browser);
      tokens.push({ party, refreshToken: String(refresh_token) });
    }
    return tokens;
  };
  const [three, two] = [await browse(3), await browse(2)];
  return onServer((db) => read(db, { parties, person, tenantId: tenant.id, three, two }), String(house.database.url));
}

type Journey = {
  parties: Party[];
  person: { id: string; email: string };
  tenantId: string;
  three: { party: Party; refreshToken: string }[];
  two: { party: Party; refreshToken: string }[];
};

async function read(db: Client, { parties, person, tenantId, three, two }: Journey): Promise<Shapes> {
  const [{ client_id, tenant_id: own, name }] = (
    await db.query('SELECT client_id, tenant_id, name FROM clients WHERE client_id = $1', [parties[0]?.clientId])
  ).rows as [{ client_id: string; tenant_id: string; name: string }];
  const shared = { tenant: own, account: person.id };
  const hashOf = (token: string) => handleHash('RefreshToken', token).toString('hex');
  const grantsOf = async (tokens: Journey['three']) => {
    const found: { grant_id: string; session_uid: string; hash: string; client_id: string }[] = [];
    for (const { refreshToken } of tokens) {
      const hash = hashOf(refreshToken);
      const { rows } = await db.query(
        `SELECT grant_id, session_uid, client_id, encode(handle_hash, 'hex') AS hash FROM engine_rows WHERE handle_hash = decode($1, 'hex')`,
        [hash],
      );
      found.push(rows[0]);
    }
    return found;
  };
  const session = async (tokens: Journey['three']) => {
    const grants = await grantsOf(tokens);
    const literals = Object.fromEntries(
      grants.flatMap(({ client_id: client, grant_id }, n) => [
        [`client${n}`, client],
        [`grant${n}`, grant_id],
      ]),
    );
    const uid = String(grants[0]?.session_uid);
    return Shape.of<SessionSlot>(db, 'sessions', `uid = '${uid}'`, { ...shared, session: uid, ...literals }, [
      'created_at',
    ]);
  };
  const [first] = await grantsOf(three);
  if (!first) throw new Error('the person has no token');
  const ofToken = { ...shared, client: client_id, session: first.session_uid, grant: first.grant_id };
  const {
    rows: [handle],
  } = await db.query(
    `SELECT encode(handle_hash, 'hex') AS hash FROM session_handles WHERE session_uid = $1 AND retire_at IS NULL`,
    [first.session_uid],
  );
  const audit: [AuditName, Shapes['audit'][AuditName]][] = [];
  for (const event of auditNames) {
    const where = `id = (SELECT id FROM audit_events WHERE name = '${event}' ORDER BY id LIMIT 1)`;
    const { rows } = await db.query<{ data: { user_id?: string; client_id?: string } }>(
      `SELECT data FROM audit_events WHERE ${where}`,
    );
    const { user_id: account, client_id: client } = rows[0]?.data ?? {};
    const literals = { tenant: own, ...(account ? { account } : {}), ...(client ? { client } : {}) };
    audit.push([
      event,
      await Shape.of<AuditSlot>(db, 'audit_events', where, literals, ['id', 'actor_type', 'actor_id', 'occurred_at']),
    ]);
  }
  return {
    clientSecret: String(parties[0]?.clientSecret),
    tenant: await Shape.of<'id' | 'slug' | 'secrets_sealed'>(
      db,
      'tenants',
      `id = '${tenantId}'`,
      { id: tenantId, slug: 'shape-of-a-tenant' },
      ['secrets_sealed'],
    ),
    user: await Shape.of(db, 'users', `id = '${person.id}'`, { ...shared, email: person.email }),
    credential: await Shape.of(db, 'password_credentials', `user_id = '${person.id}'`, shared),
    client: await Shape.of(db, 'clients', `client_id = '${client_id}'`, { tenant: own, client: client_id, name }),
    secret: await Shape.of<'tenant' | 'client' | 'id'>(
      db,
      'client_secrets',
      `client_id = '${client_id}'`,
      { tenant: own, client: client_id },
      ['id'],
    ),
    session: { 3: await session(three), 2: await session(two) },
    handle: await Shape.of(db, 'session_handles', `handle_hash = decode('${handle.hash}', 'hex')`, {
      tenant: own,
      session: first.session_uid,
      hash: handle.hash,
    }),
    grant: await Shape.of<'tenant' | 'account' | 'client' | 'session' | 'grant' | 'created_at'>(
      db,
      'grants',
      `id = '${first.grant_id}'`,
      ofToken,
      ['created_at'],
    ),
    token: await Shape.of(db, 'engine_rows', `handle_hash = decode('${first.hash}', 'hex')`, {
      ...ofToken,
      hash: first.hash,
    }),
    audit: Object.fromEntries(audit) as Shapes['audit'],
  };
}
