import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { fieldsOf, press } from '../support/account-life.js';
import { Browser, type Page } from '../support/browser.js';
import { leavesOf, search, Wiretap } from '../support/dump.js';
import { send } from '../support/journey.js';
import { makeClient, makePerson, password, signIn, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const source = readFileSync(path.join(projectRoot, 'src/features/accounts/data-export.queries.ts'), 'utf8');

describe('a copy of what is kept about a person (GDPR Articles 15 and 20)', () => {
  let server: TestServer;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ overrides: { limits: { dataExports: { points: 3, seconds: 3600 } } } });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    browser = new Browser();
  });

  const page = () => `${server.issuer}/account/export`;
  async function download(): Promise<Page> {
    const form = await signIn(browser, page(), person.email);
    return press(browser, form, 'account-export');
  }

  it('is one JSON document, as a file that nobody stores', async () => {
    const party = await makeClient(server, { consent_policy: 'implicit' });
    await tokensFor(server, party, person.email, {}, browser);
    await server.inside(async ({ devices, users, recoveryCodes }) => {
      const user = await users.find(person.id);
      await devices.trust(user, [], 30);
      await recoveryCodes.renew(user);
    });
    const { status, headers, html } = await download();
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename="account.json"/);
    expect(headers.get('cache-control')).toBe('no-store');
    const copy = JSON.parse(html);
    expect(copy).toMatchObject({
      issuer: server.issuer,
      profile: {
        id: person.id,
        email: person.email,
        claims: { name: 'Maria Muster' },
        settings: { notifications: { new_device: true } },
      },
      passwords: [{ must_change: false }],
    });
    for (const section of ['recovery_codes', 'devices', 'networks', 'sessions', 'grants', 'activity'])
      expect([section, copy[section].length > 0]).toEqual([section, true]);
    const names = copy.activity.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['user.created', 'sign_in.succeeded', 'account.exported']));
  });

  it('knows every table that knows a person', async () => {
    const rows = (await server.services.db.manager.query(
      `SELECT DISTINCT table_name AS name FROM information_schema.columns
        WHERE column_name IN ('user_id', 'account_id') AND table_schema = current_schema()`,
    )) as { name: string }[];
    /** Where it is in the document, or why it is not. */
    const known = {
      password_credentials: 'passwords',
      passkeys: 'passkeys',
      passkey_users: 'a random name for authenticators',
      totp_credentials: 'authenticators',
      recovery_codes: 'recovery_codes',
      external_subjects: 'external_subjects',
      identities: 'identities',
      upstream_sessions: 'upstream_sessions',
      traces: 'federated_sign_ins',
      erasures: 'whoever is gone asks for nothing',
      factor_recoveries: 'factor_recoveries',
      devices: 'devices',
      known_networks: 'networks',
      sessions: 'sessions',
      grants: 'grants',
      engine_rows: 'tokens, gone within days',
      lockouts: 'lockouts',
      logout_notices: 'who was told of the end of a session: ids, gone within a month',
      backchannel_requests: 'what applications asked: gone within a month, what was agreed to is among the grants',
      memberships: 'memberships',
      membership_roles: 'memberships',
      team_members: 'memberships',
      membership_events: 'membership_history',
      api_keys: 'api_keys',
      registrations: 'a digest of the sign-in in which it was made',
    };
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(known).sort());
  });

  it('tells everything once', () => {
    const tables = [...source.matchAll(/FROM (\w+)/g)].map(([, table]) => table);
    expect(tables.length).toBeGreaterThan(8);
    expect([...new Set(tables)]).toEqual(tables);
  });

  it('gives nobody the address and the browser of an administrator who acted', async () => {
    await server.services.db.manager.query(
      `INSERT INTO audit_events (tenant_id, id, name, data, actor_type, actor_id, ip, user_agent, occurred_at)
       SELECT tenant_id, gen_random_uuid(), 'user.updated', jsonb_build_object('user_id', id, 'changed', '["roles"]'::jsonb), 'user',
              gen_random_uuid(), '192.0.2.77', 'Admins/1.0', now() FROM users WHERE id = $1`,
      [person.id],
    );
    await signIn(browser, page(), person.email);
    const { activity } = JSON.parse((await everything()).html);
    const event = { name: 'user.updated', data: { changed: ['roles'] } };
    expect(activity).toContainEqual(
      expect.objectContaining({ ...event, data: expect.objectContaining(event.data), ip: null, user_agent: null }),
    );
    const { html } = await browser.open(`${server.issuer}/account/activity`);
    for (const text of [JSON.stringify(activity), html]) expect(text).not.toMatch(/192\.0\.2\.77|Admins/);
    // Their own they are told.
    expect(JSON.stringify(activity)).toContain('127.0.0.1');
    expect(html).toContain('127.0.0.1');
  });

  it('tells of nobody else', async () => {
    const other = await makePerson(server);
    await tokensFor(server, await makeClient(server, { consent_policy: 'implicit' }), other.email);
    const { html } = await download();
    expect(html).not.toContain(other.id);
    expect(html).not.toContain(other.email);
  });

  it('has no secret and no hash in it, whatever went over the wire', async () => {
    const wire = new Wiretap();
    wire.start();
    try {
      const party = await makeClient(server, { consent_policy: 'implicit' });
      await tokensFor(server, party, person.email, {}, browser);
      const shown = await server.inside(async ({ users, totp, recoveryCodes, passwordLinks, devices, emailChange }) => {
        const user = await users.find(person.id);
        const offer = totp.offer(user, 'Acme', 'flow');
        const { generate } = await import('otplib');
        await totp.confirm(user, offer, await generate({ secret: offer.secret }));
        const link = await passwordLinks.issue(user);
        await emailChange.request(user, `${randomBytes(4).toString('hex')}@example.com`, 'session');
        const codes = await recoveryCodes.renew(user);
        return [offer.secret, link.slice(-43), await devices.trust(user, [], 30), ...codes];
      });
      for (const secret of [...shown, password]) wire.add('secret', secret);
      const { manager } = server.services.db;
      const hashes: [string, string[]][] = [
        ['password_credentials', ['hash']],
        ['totp_credentials', ['secret_sealed']],
        ['recovery_codes', ['code_hash']],
        ['devices', ['handle_hash']],
        ['one_time_tokens', ['token_hash']],
        ['session_handles', ['handle_hash']],
        ['login_failures', ['subject_hash']],
        ['engine_rows', ['handle_hash', 'sealed_payload']],
      ];
      await server.inside(async ({ passwords }) => passwords.verify(person.email, 'wrong'));
      for (const [table, columns] of hashes)
        for (const row of await manager.query(`SELECT ${columns.join(', ')} FROM ${table}`))
          for (const leaf of leavesOf(row))
            wire.add(table, typeof leaf === 'string' ? leaf : leaf.toString('base64url'));
      // Signed in with the first factor only, so that the second is asked for before the download.
      const { html } = await everything();
      const ids = [person.id];
      const found = search(new Map([...wire.secrets].filter(([secret]) => !ids.includes(secret))), [
        { where: 'export', text: html },
      ]);
      expect(found).toEqual([]);
    } finally {
      wire.stop();
    }
  });

  /** The document without its door: what it says does not depend on who asks. */
  async function everything(): Promise<{ html: string }> {
    return server.inside(async ({ dataExport, users }) => {
      let html = '';
      for await (const part of await dataExport.of(await users.find(person.id))) html += part;
      JSON.parse(html);
      return { html };
    });
  }

  it('is given to whoever has just proved who they are, and only from our own page', async () => {
    const form = await signIn(browser, page(), person.email);
    const fields = fieldsOf(form, 'account-export');
    expect((await send(browser, page(), fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await send(browser, page(), {})).status).toBe(403);
    const nobody = await send(new Browser(), page(), fields);
    expect([nobody.status, nobody.headers.get('location')]).toEqual([303, expect.stringContaining('/authorize?')]);
    await server.services.db.manager.query(
      `UPDATE sessions SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 700)) WHERE account_id = $1`,
      [person.id],
    );
    const old = await send(browser, page(), fields);
    expect([old.status, old.headers.get('location')]).toEqual([303, expect.stringContaining('max_age=')]);
  });

  it('is long where the life of the account was long, and is read to its end', async () => {
    await server.services.db.manager.query(
      `INSERT INTO audit_events (tenant_id, id, name, data, occurred_at)
       SELECT u.tenant_id, gen_random_uuid(), 'sign_in.succeeded', jsonb_build_object('user_id', u.id), now()
         FROM users u, generate_series(1, 1203) WHERE u.id = $1`,
      [person.id],
    );
    const { activity } = JSON.parse((await everything()).html);
    expect(activity.length).toBeGreaterThan(1203);
    expect(new Set(activity.map(({ id }: { id: string }) => id)).size).toBe(activity.length);
  });

  it('is to be had a few times an hour', async () => {
    for (let i = 0; i < 3; i += 1) expect((await download()).status).toBe(200);
    const refused = await download();
    expect([refused.status, refused.html.includes('id="account-export"')]).toEqual([429, true]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
