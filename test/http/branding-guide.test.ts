import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { Branding } from '../../src/features/tenants/branding.js';
import { house } from '../../src/platform/palette.js';
import { tokenWith } from '../support/api.js';
import { png } from '../support/pictures.js';
import { startServer, type TestServer } from '../support/server.js';

const guide = readFileSync(path.join(projectRoot, 'docs/branding.md'), 'utf8');
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

/** As it stands in the guide, where a request that is refused ends it. */
const strict = `set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n`;

describe('the guide to branding', () => {
  let server: TestServer;
  let env: Record<string, string>;
  const folder = mkdtempSync(path.join(tmpdir(), 'branding-'));
  const run = async (block = ''): Promise<string> =>
    (await promisify(execFile)('bash', ['-c', strict + block], { env, cwd: folder })).stdout;

  beforeAll(async () => {
    server = await startServer();
    await server.inside(({ organizations }) => organizations.create({ slug: 'globex', name: 'Globex' }));
    const token = await tokenWith(server, 'settings:read settings:write organizations:write');
    env = { PATH: process.env.PATH ?? '', ISSUER: server.issuer, TOKEN: token };
    writeFileSync(path.join(folder, 'logo.png'), png(64, 64));
  }, 180_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await server?.close();
  });

  it('has examples that work, one after the other', async () => {
    const [branding, logo, organization, words, preview, back, ...more] = blocks;
    expect(more).toEqual([]);
    expect(JSON.parse(await run(branding))).toMatchObject({ company_name: 'Acme Travel', logo: null });
    expect(JSON.parse(await run(logo)).logo).toMatch(/\/brand\/[0-9a-f]{64}\.png$/);
    expect(JSON.parse(await run(organization)).shown).toMatchObject({ name: 'Globex', logo_uri: expect.any(String) });
    expect(JSON.parse(await run(words))).toMatchObject({ name: 'verify_email', version: 1 });
    expect(JSON.parse(await run(preview))).toMatchObject({ subject: 'Acme Travel: is this you?' });
    expect(await run(back)).toBe('');
  });

  it('names every member, and the colours that others are held against', () => {
    for (const member of Object.keys(Branding.shape)) expect(guide).toContain(`| \`${member}\``);
    for (const { surface, soft } of [house.light, house.dark])
      for (const colour of [surface, soft]) expect(guide).toContain(colour);
  });
});
