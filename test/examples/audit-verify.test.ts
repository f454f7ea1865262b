import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importJWK, SignJWT } from 'jose';
import { v7 } from 'uuid';
import { tokenWith } from '../support/api.js';
import { MovedClock } from '../support/clock.js';
import { runExample } from '../support/examples.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the example that verifies an audit log', () => {
  let server: TestServer;
  let exported: string;
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-verify-'));
  const file = path.join(folder, 'audit.jsonl');
  const clock = new MovedClock();

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    const token = await tokenWith(server, 'audit:export');
    await sealed();
    exported = await exportedWith(token);
  }, 180_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await server?.close();
  });

  const sealed = () =>
    server.inside(async ({ auditSealing, auditCheckpoints }) => {
      await auditSealing.run();
      await auditCheckpoints.sign();
    });
  const exportedWith = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${server.issuer}/api/v1/audit-events/export`, { headers })).text();
  };

  /** With the keys as they are published. */
  const verify = async (text: string) => {
    writeFileSync(file, text);
    const example = runExample('audit-verify', {}, file, `${server.issuer}/jwks`);
    return { code: await example.ended(), lines: example.lines };
  };

  it('passes what was recorded', async () => {
    const { code, lines } = await verify(exported);
    expect([code, lines]).toEqual([0, [expect.stringMatching(/^\d+ events, \d+ checkpoints, 0 findings$/)]]);
  });

  it('names what was not', async () => {
    const { code, lines } = await verify(exported.replace('"signing_key.created"', '"signing_key.retired"'));
    expect([code, lines[0]]).toEqual([1, expect.stringMatching(/^changed {4}[0-9a-f-]{36}: #\d+$/)]);
  });

  it('believes no other message that the issuer has signed', async () => {
    const lines = exported.trimEnd().split('\n');
    const { checkpoint } = JSON.parse(lines.at(-1) ?? '') as { checkpoint: string };
    const [header = '', payload = ''] = checkpoint.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    const { kid, alg } = JSON.parse(header) as { kid: string; alg: string };
    const key = await server.inside(async ({ keys, tenants }) => {
      const { private: all } = await keys.signingKeys((await tenants.current()).id);
      return all.find((one) => one.kid === kid);
    });
    const other = new SignJWT(JSON.parse(payload)).setProtectedHeader({ alg, kid, typ: 'at+jwt' });
    const jws = await other.sign(await importJWK(key ?? {}, alg));
    const { code, lines: said } = await verify([...lines.slice(0, -1), JSON.stringify({ checkpoint: jws })].join('\n'));
    expect([code, said[0]]).toEqual([1, expect.stringMatching(/is not signed by the issuer$/)]);
  });

  it('names what was put into the past, though it was sealed and signed for as all others are', async () => {
    const token = await tokenWith(server, 'audit:export');
    const past = clock.now().getTime() + 60_000;
    const id = v7({ msecs: past });
    clock.move(3 * 3600);
    await server.inside(async ({ audit, db, tenants }) => {
      await audit.record('setup.completed', { user_id: 'x' });
      await sealed();
      await db.manager.query(
        `INSERT INTO audit_events (tenant_id, id, name, data, occurred_at) VALUES ($1, $2, 'user.created', '{"user_id": "x"}', $3)`,
        [(await tenants.current()).id, id, new Date(past)],
      );
      await sealed();
    });
    // The token is of now.
    clock.reset();
    const { code, lines } = await verify(await exportedWith(token));
    expect([code, lines]).toEqual([1, expect.arrayContaining([`inserted   ${id}: was put into the past`])]);
  });
});
