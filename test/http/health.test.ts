// R131, R132: how what the server stands on is, for whoever watches.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { version } from '../../config/root.js';
import { ask, tokenWith } from '../support/api.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

type Checks = Record<string, { status: string; latency_ms: number; since: string; detail: string }>;

const folder = mkdtempSync(path.join(tmpdir(), 'health-'));

describe('health', () => {
  let server: TestServer;
  let token: string;
  const look = async () =>
    (await ask(server, token, 'get', '/health')).body as { checks: Checks } & Record<string, unknown>;

  beforeAll(async () => {
    server = await startServer({ environment: { DATA_DIR: folder } });
    token = await tokenWith(server, 'health:read');
  }, 180_000);
  afterAll(async () => {
    await server?.close();
    rmSync(folder, { recursive: true });
  });

  it('says of each what it is, since when, and how long it took; and since when the server runs, which one it is', async () => {
    const { status, started_at, uptime_seconds, versions, checks } = await look();
    expect([status, versions]).toEqual(['healthy', { ostiary: version, node: process.versions.node }]);
    expect(Number(uptime_seconds)).toBeGreaterThanOrEqual(0);
    expect(Date.parse(String(started_at))).toBeLessThanOrEqual(Date.now());
    const postgres = defaultKind === 'postgres';
    expect(Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, check.status]))).toEqual({
      database: 'healthy',
      redis: server.services.redis ? 'healthy' : 'not_configured',
      storage: postgres ? 'not_configured' : 'healthy',
      mail: 'not_configured',
      jobs: 'healthy',
      signing_keys: 'healthy',
    });
    for (const { latency_ms, since, detail } of Object.values(checks)) {
      expect(latency_ms).toBeLessThanOrEqual(1_100);
      expect(Date.parse(since)).toBeGreaterThanOrEqual(Date.parse(String(started_at)));
      expect(detail).toMatch(/^[A-Z].+[^.]$/);
    }
    const again = await look();
    expect(again.checks.database?.since).toBe(checks.database?.since);
  });

  it('names no address, no user and no secret', async () => {
    const text = JSON.stringify(await look());
    const { databaseUrl, redisUrl, dataDir, cookieKeys } = server.services.config;
    for (const hidden of [databaseUrl, process.env.TEST_DATABASE_URL, redisUrl, dataDir, ...cookieKeys])
      if (hidden) expect(text).not.toContain(hidden);
    expect(text).not.toMatch(/localhost|127\.0\.0\.1|postgres:|redis:/);
  });

  it('is of the tenant that is asked: keys that do not open are told there, and nowhere else', async () => {
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'lost', name: 'Lost' }));
    const lost = at(server, tenant);
    const watcher = await tokenWith(lost, 'health:read');
    await server.services.db.manager.query(
      `UPDATE signing_keys SET status_since = now() - interval '2 years' WHERE tenant_id = $1`,
      [tenant.id],
    );
    const there = await ask(lost, watcher, 'get', '/health');
    expect(there.body).toMatchObject({
      status: 'misconfigured',
      checks: { signing_keys: { status: 'misconfigured' } },
    });
    expect((await look()).checks.signing_keys?.status).toBe('healthy');
  });

  it('looks at the folder of the audit archive, which is made at the start', async () => {
    const archive = path.join(folder, 'not', 'there', 'yet');
    const other = await startServer({ environment: { DATA_DIR: folder, AUDIT_ARCHIVE_DIR: archive } });
    try {
      const watcher = await tokenWith(other, 'health:read');
      const storage = async () => ((await ask(other, watcher, 'get', '/health')).body.checks as Checks).storage;
      expect(await storage()).toMatchObject({ status: 'healthy', detail: expect.stringContaining('audit archive') });
      rmSync(archive, { recursive: true });
      expect(await storage()).toMatchObject({
        status: 'misconfigured',
        detail: 'The folder of the audit archive is not there',
      });
    } finally {
      await other.close();
    }
  }, 180_000);

  it('answers while the tenant is closed, and says so', async () => {
    const keeper = await tokenWith(server, 'maintenance:write');
    await ask(server, keeper, 'put', '/maintenance', { message: 'moving' });
    expect((await look()).maintenance).toMatchObject({ active: true, message: 'moving' });
    await ask(server, keeper, 'delete', '/maintenance');
    expect((await look()).maintenance).toMatchObject({ active: false });
  });
});
