import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { statuses } from '../../src/features/health/health.checks.js';
import { flagKey } from '../../src/features/maintenance/maintenance-flags.js';
import { tokenWith } from '../support/api.js';
import { startServer, type TestServer } from '../support/server.js';

const guide = readFileSync(path.join(projectRoot, 'docs/maintenance.md'), 'utf8');
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

/** As it stands in the guide, where a request that is refused ends it. */
const strict = `set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n`;

describe('the guide to maintenance', () => {
  let server: TestServer;
  let env: Record<string, string>;
  const run = async (block: string) => (await promisify(execFile)('bash', ['-c', strict + block], { env })).stdout;

  beforeAll(async () => {
    server = await startServer();
    const token = await tokenWith(server, 'maintenance:write health:read');
    env = { PATH: process.env.PATH ?? '', ISSUER: server.issuer, TOKEN: token };
  }, 180_000);
  afterAll(() => server?.close());

  it('has examples that work, one after the other', async () => {
    const [close = '', open = '', health = '', ...more] = blocks;
    expect(more).toEqual([]);
    expect(JSON.parse(await run(close))).toMatchObject({ active: true, message: 'We are moving to new machines.' });
    expect((await fetch(`${server.issuer}/account`)).status).toBe(503);
    await run(open);
    expect((await fetch(`${server.issuer}/account`, { redirect: 'manual' })).status).not.toBe(503);
    const found = JSON.parse(await run(health)) as { checks: object };
    for (const name of Object.keys(found.checks)) expect(guide).toContain(`\`${name}\``);
  });

  it('names every status, and the flags as they are', () => {
    for (const status of statuses) expect(guide).toContain(`| \`${status}\``);
    for (const whose of ['<tenant id>', 'installation']) expect(guide).toContain(`\`${flagKey(whose)}\``);
  });
});
