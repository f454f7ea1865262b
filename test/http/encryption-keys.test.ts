import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MailService } from '../../src/features/mail/mail.service.js';
import { Sealer } from '../../src/platform/crypto.js';
import type { Database } from '../../src/platform/database.js';
import { nameOf, Rewrap } from '../../src/platform/rewrap.js';
import { sealedColumns } from '../../src/sealed-columns.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { newConnection } from '../support/connection-settings.js';
import { comeIn, identity, makeConnection, signInAt } from '../support/connections.js';
import { endedJob, startJob } from '../support/jobs.js';
import { letterTo } from '../support/management.js';
import { authorizationUrl, makeClient, makePerson, pkce, refresh, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { totpCode } from '../support/totp.js';

const key = (byte: number) => Buffer.alloc(32, byte);
/** Any value that Sealer makes, wherever it stands. */
const sealedWith = (version: string) => new RegExp(`"?\\b${version}:[\\w-]{16}:[\\w-]{22}:`);

const unused = undefined as never;

interface Line {
  message: string;
  fields: Record<string, unknown>;
}

describe('encryption keys (NIST SP 800-57 part 1 §5.3): what is sealed with an older one is sealed anew', () => {
  let server: TestServer;

  beforeAll(async () => {
    // Without Redis: every kind of sealed value is in the database.
    server = await startServer({
      environment: { REDIS_URL: '', ENCRYPTION_KEYS: JSON.stringify({ v1: key(1).toString('base64') }) },
    });
  }, 180_000);
  afterAll(() => server?.close());

  const query = <R>(sql: string, ...values: unknown[]) => server.services.db.manager.query(sql, values) as Promise<R[]>;
  const rewrap = (keys: [string, Buffer][], db: Pick<Database, 'manager'> = server.services.db) => {
    const lines: Line[] = [];
    const log = (message: string, fields?: object) => void lines.push({ message, fields: { ...fields } });
    const sealer = new Sealer(new Map(keys));
    return { lines, job: new Rewrap(db as Database, sealer, sealedColumns, { info: log, error: log }) };
  };

  /** Leaves a value in every sealed column. */
  async function live(): Promise<void> {
    const party = await makeClient(server, {
      consent_policy: 'implicit',
      post_logout_redirect_uris: ['https://rp.example/bye'],
    });
    const person = await makePerson(server);
    const careful = await makePerson(server);
    await server.inside(async ({ totp, users }) => {
      const user = await users.find(careful.id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await totpCode(offer.secret));
    });
    const { browser, refresh_token } = await tokensFor(server, party, person.email);
    expect((await refresh(server, party, String(refresh_token))).status).toBe(200);
    await new Browser().open(authorizationUrl(server, party, pkce()));
    await browser.open(`${server.issuer}/logout`);
    await new Browser().open(authorizationUrl(server, party, pkce(), { redirect_uri: 'https://elsewhere.example/cb' }));
    const manager = await tokenWith(server, 'users:write');
    const body = { email: `mail-${person.email}` };
    const made = await ask(server, manager, 'post', '/users', body, { 'idempotency-key': `key-${person.id}` });
    expect(made.status).toBe(201);
    await server.inside(async ({ totp, users }) => {
      const user = await users.find(person.id);
      const offer = totp.offer(user, 'Acme', 'flow');
      expect(await totp.confirm(user, offer, await totpCode(offer.secret))).toBe(true);
    });
    await liveElsewhere();
    const letter = { link: 'https://x.example', minutes: 1 };
    await server.inside(({ mail }) => mail.send('set_password', person.email, letter));
    await letterTo(server, person.email);
    await server.inside(async ({ connections }) => {
      await connections.create(null, newConnection() as never);
      const saml = { kind: 'saml', client_secret: undefined, settings: {} };
      await connections.create(null, newConnection(saml) as never);
    });
    const exporter = await tokenWith(server, 'jobs:read jobs:write audit:export');
    await endedJob(server, exporter, (await startJob(server, exporter, { kind: 'audit_export' })).id);
    await server.inside(async ({ webhooks }) => {
      const hook = { url: 'https://rp.example/hook', events: ['client.deleted'] };
      const { webhook } = await webhooks.create(null, hook);
      await webhooks.rotate(null, webhook, 24);
    });
    // And one that no worker hears of.
    await server.inside(({ db, sealer, clock }) => {
      const waiting = new MailService(db, { enqueue: async () => {} }, sealer, unused, unused, clock, unused);
      return waiting.send('set_password', person.email, letter);
    });
  }

  /** Whoever comes by an identity provider, and one who is on their way. */
  async function liveElsewhere(): Promise<void> {
    const session = { name_id: { value: 'ada' } };
    const ada = identity('ada', { email: 'ada@elsewhere.example' }, { session, tokens: { access_token: 'theirs' } });
    const connection = await makeConnection(server);
    await comeIn(server, connection, ada);
    const held = await signInAt(server, connection, ada);
    expect(await server.inside(({ upstreamSessions }) => upstreamSessions.remember('a session', held))).toBe(true);
  }

  it('every column that says it is sealed is on the list', async () => {
    const columns = await query<{ table_name: string; column_name: string }>(
      `SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name LIKE '%sealed%'`,
    );
    const listed = sealedColumns.map((column) => `${column.table}.${nameOf(column)}`);
    expect(columns.map((one) => `${one.table_name}.${one.column_name}`).filter((one) => !listed.includes(one))).toEqual(
      [],
    );
    expect(columns.length).toBeGreaterThan(5);
  });

  it('nothing is left sealed with the older key, wherever it stands, and all of it opens with the newest alone', async () => {
    await live();
    const { job } = rewrap([
      ['v2', key(2)],
      ['v1', key(1)],
    ]);
    const before = await job.survey();
    expect([...new Set(before.map(({ table, column }) => `${table}.${column}`))].sort()).toEqual(
      sealedColumns.map((column) => `${column.table}.${nameOf(column)}`).sort(),
    );
    expect(await job.run()).toEqual({
      rewrapped: before.reduce((sum, { count }) => sum + count, 0),
      unreadable: 0,
    });
    expect([...job.stale.values()].every((count) => count === 0)).toBe(true);

    const tables = await query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    );
    let renewed = 0;
    for (const { name } of tables)
      for (const { row } of await query<{ row: string }>(`SELECT row_to_json(t)::text AS row FROM "${name}" t`)) {
        expect(row).not.toMatch(sealedWith('v1'));
        if (sealedWith('v2').test(row)) renewed += 1;
      }
    expect(renewed).toBeGreaterThanOrEqual(sealedColumns.length);

    // Back again with the new key as the older one: every value opens in its own context.
    const { job: back } = rewrap([
      ['v1', key(1)],
      ['v2', key(2)],
    ]);
    expect(await back.run()).toMatchObject({ unreadable: 0 });
  });

  it('whoever writes at the same time wins', async () => {
    const [tenant] = await query<{ secrets_sealed: string }>('SELECT secrets_sealed FROM tenants');
    const { db } = server.services;
    const written = new Sealer(new Map([['v1', key(1)]])).seal('written meanwhile', 'elsewhere');
    const racing = {
      manager: {
        async query(sql: string, values?: unknown[]) {
          if (sql.startsWith('UPDATE tenants')) await query('UPDATE tenants SET secrets_sealed = $1', written);
          return db.manager.query(sql, values);
        },
      },
    } as unknown as Pick<Database, 'manager'>;
    await rewrap(
      [
        ['v2', key(2)],
        ['v1', key(1)],
      ],
      racing,
    ).job.run();
    expect(await query('SELECT secrets_sealed FROM tenants')).toEqual([{ secrets_sealed: written }]);
    await query('UPDATE tenants SET secrets_sealed = $1', tenant?.secrets_sealed);
  });

  it('what was sealed with a key that is not configured stays as it is, with an alert; the rest goes on', async () => {
    await rewrap([
      ['v1', key(1)],
      ['v2', key(2)],
    ]).job.run();
    const [kept] = await query<{ kid: string; private_jwk_sealed: string }>(
      `SELECT kid, private_jwk_sealed FROM signing_keys WHERE status = 'next' LIMIT 1`,
    );
    const lost = new Sealer(new Map([['v0', key(9)]])).seal('lost', 'anywhere');
    const changed = `v1${lost.slice(2)}`;
    await query('UPDATE signing_keys SET private_jwk_sealed = $1 WHERE kid = $2', lost, kept?.kid);
    await query('UPDATE mail_messages SET payload_sealed = $1 WHERE payload_sealed IS NOT NULL', changed);

    const { job, lines } = rewrap([
      ['v3', key(3)],
      ['v1', key(1)],
    ]);
    const { unreadable, rewrapped } = await job.run();
    expect(unreadable).toBeGreaterThanOrEqual(2);
    expect(rewrapped).toBeGreaterThan(3);
    expect(lines).toContainEqual({
      message: 'sealed values do not open: ENCRYPTION_KEYS lacks their key',
      fields: { table: 'signing_keys', column: 'private_jwk_sealed', version: 'v0', count: 1 },
    });
    expect(lines.some(({ message }) => message === 'a sealed value does not open')).toBe(true);
    expect(job.stale.get('signing_keys')).toBe(1);
    expect(await query('SELECT private_jwk_sealed FROM signing_keys WHERE kid = $1', kept?.kid)).toEqual([
      { private_jwk_sealed: lost },
    ]);

    // The issuer goes on with what opens, and the next key is not made the current one.
    await rewrap([
      ['v1', key(1)],
      ['v3', key(3)],
    ]).job.run();
    const { caching, tenants, keys } = server.services;
    const { id } = await tenants.ensureDefault();
    await caching.publish('issuer', id);
    const { keys: shown } = (await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: { kid: string }[] };
    expect(shown.map(({ kid }) => kid)).not.toContain(kept?.kid);
    expect(shown.length).toBe(3);
    await expect(server.inside(() => keys.rotate({ force: true }))).rejects.toMatchObject({ code: 'next_key_sealed' });
    expect(server.log.join('')).toContain('a signing key does not open');
    await server.inside(() => keys.compromised(String(kept?.kid)));
    await server.inside(() => keys.rotate({ force: true }));
  });

  it('an issuer whose secrets do not open answers 500 at every endpoint, and cuts no connection', async () => {
    const { tenants } = server.services;
    const closed = await tenants.create({ slug: 'closed', name: 'Closed' });
    await query('UPDATE tenants SET secrets_sealed = $1 WHERE id = $2', 'v0:gone', closed.id);
    await server.inside(() => tenants.published(closed));
    for (const [method, path] of [
      ['GET', '/.well-known/openid-configuration'],
      ['GET', '/jwks'],
      ['GET', '/authorize'],
      ['GET', '/logout'],
      ['GET', '/userinfo'],
      ['POST', '/token'],
      ['POST', '/introspect'],
    ] as const)
      expect([path, (await fetch(`${server.issuer}/t/closed${path}`, { method })).status]).toEqual([path, 500]);
  });
});
