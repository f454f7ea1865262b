import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tokenWith } from '../support/api.js';
import { runExample } from '../support/examples.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the example that verifies an audit log', () => {
  let server: TestServer;
  let exported: string;
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-verify-'));
  const file = path.join(folder, 'audit.jsonl');

  beforeAll(async () => {
    server = await startServer();
    const token = await tokenWith(server, 'audit:export');
    await server.inside(async ({ auditSealing, auditCheckpoints }) => {
      await auditSealing.run();
      await auditCheckpoints.sign();
    });
    const headers = { authorization: `Bearer ${token}` };
    exported = await (await fetch(`${server.issuer}/api/v1/audit-events/export`, { headers })).text();
  }, 180_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await server?.close();
  });

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
});
