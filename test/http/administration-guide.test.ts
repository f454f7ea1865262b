import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { tokenWith } from '../support/api.js';
import { startServer, type TestServer } from '../support/server.js';

const guide = readFileSync(path.join(projectRoot, 'docs/administration.md'), 'utf8');
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

/** As it stands in the guide, where a request that is refused ends it. */
const strict = `set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n`;

describe('the guide to administration', () => {
  let server: TestServer;
  let person: { id: string };
  let environment: Record<string, string>;

  beforeAll(async () => {
    server = await startServer();
    person = await server.inside(({ users }) => users.create({ email: 'maria@example.com' }));
    const scopes = /scopes `([a-z: ]+)`/.exec(guide)?.[1] ?? '';
    environment = { PATH: process.env.PATH ?? '', ISSUER: server.issuer, TOKEN: await tokenWith(server, scopes) };
  }, 180_000);
  afterAll(() => server?.close());

  /** With the id of somebody who is there. */
  const run = async (block = ''): Promise<string> => {
    const script = strict + block.replaceAll('0199f0c4-1111-7000-8000-3b1e0f6a2c51', person.id);
    return (await promisify(execFile)('bash', ['-c', script], { env: environment })).stdout;
  };

  it('has examples that work, and answers as it says', async () => {
    const [find, many, letter, endings, settings, ...more] = blocks;
    expect(more).toEqual([]);
    const first = JSON.parse(await run(many));
    expect([first.succeeded, first.failed]).toEqual([2, 0]);
    expect(JSON.parse(await run(many))).toEqual(first);
    expect(JSON.parse(await run(find)).items).toEqual([expect.objectContaining({ email: 'ada@globex.example' })]);
    expect(await run(letter)).toBe('202');
    expect(JSON.parse(await run(endings))).toEqual({ before: expect.any(String), kept_session_id: null });
    expect(JSON.parse(await run(settings))).toMatchObject({ effective: { accounts: { deletion_grace_days: 14 } } });
  });
});
