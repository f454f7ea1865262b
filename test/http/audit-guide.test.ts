import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { tokenWith } from '../support/api.js';
import { startServer, type TestServer } from '../support/server.js';

const guide = readFileSync(path.join(projectRoot, 'docs/audit.md'), 'utf8');
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
const program = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

describe('the guide to the audit log', () => {
  let server: TestServer;
  let env: Record<string, string>;
  const cwd = mkdtempSync(path.join(tmpdir(), 'ostiary-guide-'));
  /** As it stands in the guide, with the programs where they were built. */
  const strict = `set -euo pipefail
    curl() { command curl --fail-with-body "$@"; }
    ostiary() { node ${program('src/cli.js')} "$@"; }
    node() { if [ "$1" = audit-verify.js ]; then shift; command node ${program('examples/audit-verify/main.js')} "$@"; else command node "$@"; fi; }\n`;

  beforeAll(async () => {
    server = await startServer();
    const TOKEN = await tokenWith(server, 'audit:read audit:export');
    env = { PATH: process.env.PATH ?? '', ISSUER: server.issuer, TOKEN, DATA_DIR: cwd, NODE_ENV: 'test' };
    await server.inside(async ({ auditSealing, auditCheckpoints }) => {
      await auditSealing.run();
      await auditCheckpoints.sign();
    });
  }, 180_000);
  afterAll(async () => {
    rmSync(cwd, { recursive: true });
    await server?.close();
  });

  const run = async (block: string) =>
    (await promisify(execFile)('bash', ['-c', strict + block], { env, cwd })).stdout.trimEnd();

  it('has examples that work, one after the other', async () => {
    const [list = '', exports = '', verify = '', other = '', keep = '', ...more] = blocks;
    expect(more).toEqual([]);
    expect(JSON.parse(await run(list)).items[0]).toMatchObject({ name: 'client.created' });
    await run(exports);
    expect(readFileSync(path.join(cwd, 'audit.csv'), 'utf8')).toMatch(/^id,occurred_at,/);
    expect(await run(verify)).toMatch(/^\d+ events, \d+ of them signed for by \d+ checkpoints.*: as recorded$/);
    expect(await run(other)).toMatch(/ 0 findings$/);
    expect(await run(keep)).toMatch(/: as recorded$/);
  }, 60_000);
});
