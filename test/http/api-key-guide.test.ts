import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiTiers } from '../../config/protocol.js';
import { projectRoot } from '../../config/root.js';
import { KEY_PATTERN } from '../../src/features/api-keys/api-key.format.js';
import { tokenWith } from '../support/api.js';
import { tryKey } from '../support/api-keys.js';
import { startServer, type TestServer } from '../support/server.js';

const guide = readFileSync(path.join(projectRoot, 'docs/api-keys.md'), 'utf8');
const blocks = (kind: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);

/** As it stands in the guide, where a request that is refused ends it. */
const strict = `set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n`;

describe('the guide to API keys', () => {
  let server: TestServer;
  let environment: Record<string, string>;

  beforeAll(async () => {
    server = await startServer();
    const scope = 'api_keys:read api_keys:write users:read users:write tenants:read tenants:write';
    environment = { PATH: process.env.PATH ?? '', ISSUER: server.issuer, TOKEN: await tokenWith(server, scope) };
  }, 180_000);
  afterAll(() => server?.close());

  const run = async (block: string): Promise<Record<string, unknown>> => {
    const { stdout } = await promisify(execFile)('bash', ['-c', strict + block], { env: environment });
    return JSON.parse(stdout) as Record<string, unknown>;
  };

  it('has examples that work, one after the other', async () => {
    const [make = '', use = '', rotate = '', usage = '', tier = '', ...more] = blocks('sh');
    expect(more).toEqual([]);
    const made = await run(make);
    environment = { ...environment, KEY_ID: String(made.id), API_KEY: String(made.api_key) };
    expect(await run(use)).toHaveProperty('items');
    expect(await run(rotate)).toMatchObject({ id: made.id, api_key: expect.stringMatching(KEY_PATTERN) });
    await server.services.apiKeyUsage.flush();
    expect(await run(usage)).toEqual({ items: [expect.objectContaining({ requests: 1 })] });
    expect(await run(tier)).toMatchObject({ settings: { api: { tier: 'professional' } } });

    // As the guide has it: of the key first, then of the tenant.
    const { headers } = await tryKey(server, String(made.api_key), '/users?limit=1');
    const shape = (line: string | null) => String(line).replace(/([rt])=\d+/g, '$1');
    const [told = ''] = blocks('http');
    for (const line of told.trim().split('\n')) {
      const [name = '', value = ''] = line.split(': ');
      expect([name, shape(headers.get(name))]).toEqual([name, shape(value)]);
    }
  });

  it('has the pattern and the tiers of the server', () => {
    expect(guide).toContain(`\n\`\`\`\n${KEY_PATTERN.source}\n\`\`\`\n`);
    const tiers = [...guide.matchAll(/^\| `(\w+)` +\| (\d+|not counted) +\|$/gm)].map(([, name, limit]) => [
      name,
      limit,
    ]);
    expect(tiers).toEqual(
      Object.entries(apiTiers).map(([name, limit]) => [name, limit === Infinity ? 'not counted' : String(limit)]),
    );
  });
});
