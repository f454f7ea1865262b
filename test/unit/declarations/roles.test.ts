import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../config/index.js';
import { Apply } from '../../../src/features/declarations/apply.service.js';
import { describeChange } from '../../../src/features/declarations/change.js';
import { parseDeclarations } from '../../../src/features/declarations/declaration.parser.js';
import { exportDeclarations, toYaml } from '../../../src/features/declarations/export.js';
import { migrations } from '../../../src/migrations.js';
import { withContext } from '../../../src/platform/context.js';
import { createLogger } from '../../../src/platform/logger.js';
import { entities } from '../../../src/schema.js';
import { openServices, type Services } from '../../../src/services.js';
import { freshDatabase, oneKind, type TestDatabase } from '../../support/postgres.js';

const house = `
resources:
  - { identifier: https://trips.example, name: Trips, scopes: [{ name: read }] }
roles:
  - key: EDITOR
    name: Editor
    permissions: [users:read]
    resource_permissions: [{ resource: https://trips.example, permissions: [read] }]
clients:
  - { client_id: shop, redirect_uris: [https://shop.example/cb], roles: [EDITOR] }
users:
  - { email: ada@example.com, roles: [EDITOR, SUPPORT] }
`;
const [kind = 'embedded'] = oneKind;

describe('roles in a declarative file', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'ostiary-apply-'));
  let database: TestDatabase;
  let services: Services;

  beforeAll(async () => {
    database = await freshDatabase(kind, { entities, migrations });
    services = await openServices(loadConfig({ NODE_ENV: 'test', DATA_DIR: dataDir }), {
      connection: database.settings.connection,
      logger: createLogger({ level: 'error', stream: process.stderr }),
    });
  }, 180_000);
  afterAll(async () => {
    await services?.close();
    await database?.close();
    rmSync(dataDir, { recursive: true });
  });

  const parse = (text: string) => parseDeclarations(text, 'house.yaml');
  const plan = async (text: string) => (await new Apply(services).plan(parse(text))).map(describeChange);
  const run = async (text: string) => (await new Apply(services).run(parse(text))).changes.map(describeChange);
  const atDefault = async <T>(work: () => Promise<T>): Promise<T> => {
    const { id: tenantId } = await services.tenants.ensureDefault();
    return withContext({ tenantId }, work);
  };
  const rolesOf = () =>
    atDefault(async () => [
      (await services.clients.find('shop')).roles,
      (await services.users.findByEmail('ada@example.com'))?.roles,
    ]);

  it('are made before those who have them', async () => {
    const made = [
      'tenant default',
      'resource https://trips.example',
      'role EDITOR',
      'client shop',
      'user ada@example.com',
    ];
    expect(await run(house)).toEqual(made.map((what) => `+ ${what}`));
    expect(await rolesOf()).toEqual([['EDITOR'], ['EDITOR', 'SUPPORT']]);
    expect([await plan(house), await run(house)]).toEqual([[], []]);
  });

  it('are said whole: what the file says no more they open no more', async () => {
    const changed = house.replace('    permissions: [users:read]\n', '').replace('name: Editor', 'name: Chief editor');
    expect(await run(changed)).toEqual(['~ role EDITOR: permissions, name']);
    expect(await atDefault(() => services.roles.find('EDITOR'))).toMatchObject({
      name: 'Chief editor',
      permissions: [],
    });
    expect(await run(house)).toHaveLength(1);
  });

  it('of a client are those of the file where it says some, and stay where it does not', async () => {
    expect(await run(house.replace('roles: [EDITOR] }', 'roles: [] }'))).toEqual(['~ client shop: roles']);
    expect(await rolesOf()).toEqual([[], ['EDITOR', 'SUPPORT']]);
    expect(await run(house)).toEqual(['~ client shop: roles']);
    expect(await run(house.replace(', roles: [EDITOR] }', ' }'))).toEqual([]);
  });

  it('are exported so that they apply again', async () => {
    const text = toYaml(await exportDeclarations(services));
    expect(text).toContain('roles:\n  - key: EDITOR\n');
    expect(await plan(text)).toEqual([]);
  });

  it('name their mistakes and where they stand', async () => {
    const wrong = (role: string) => run(`roles: [${role}]`);
    await expect(wrong('{ key: OTHER, name: Other, permissions: [users:fly] }')).rejects.toThrow(
      /house\.yaml:1:\d+: roles\[0\]\.permissions\[0\]: is no scope/,
    );
    await expect(wrong('{ key: ADMIN, name: Mine }')).rejects.toThrow(/roles\[0\]\.key/);
    await expect(wrong('{ key: A1, name: A }, { key: A1, name: A }')).rejects.toThrow(/A1 is there twice/);
    await expect(run('users: [{ email: ada@example.com, roles: [NOBODY] }]')).rejects.toThrow(
      /users\[0\]\.roles\[0\]: is no role of this tenant/,
    );
    expect(await rolesOf()).toEqual([['EDITOR'], ['EDITOR', 'SUPPORT']]);
  });
});
