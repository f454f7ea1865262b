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

const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const house = `
resources:
  - { identifier: https://orders.example, name: Orders, scopes: [{ name: read }] }
  - { identifier: https://stock.example, name: Stock, scopes: [{ name: read }] }
clients:
  - { client_id: shop, redirect_uris: [https://shop.example/cb] }
  - { client_id: kiosk, redirect_uris: [https://kiosk.example/cb] }
  - { client_id: orders, grant_types: ['${exchange}'], response_types: [], redirect_uris: [] }
exchange_policies:
  - client_id: orders
    subject_clients: [shop]
    subject_audiences: [https://orders.example]
    resources: [https://stock.example]
    scopes: [read]
`;
const [kind = 'embedded'] = oneKind;

describe('exchange policies in a declarative file', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'ostiary-apply-'));
  let database: TestDatabase;
  let services: Services;

  beforeAll(async () => {
    database = await freshDatabase(kind, { entities, migrations });
    services = await openServices(loadConfig({ NODE_ENV: 'test', DATA_DIR: dataDir }), {
      connection: database.settings.connection,
      logger: createLogger({ level: 'error', stream: process.stderr }),
      hashing: { processes: 1, parameters: { timeCost: 2, memoryCost: 19_456, parallelism: 1 } },
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
  const policies = () => atDefault(() => services.exchangePolicies.of('orders'));
  const about = 'exchange_policy orders for https://stock.example';

  it('are made once, whole, after what they name', async () => {
    expect(await plan(house)).toContain(`+ ${about}`);
    expect((await run(house)).at(-1)).toBe(`+ ${about}`);
    expect(await policies()).toMatchObject([
      { subjectClients: ['shop'], subjectIssuers: [], scopes: ['read'], acting: 'delegation', actors: ['client'] },
    ]);
    expect([await plan(house), await run(house)]).toEqual([[], []]);
  });

  it('what the file says no more is not in force beside what it says now', async () => {
    const changed = house.replace('[shop]', '[kiosk]').replace('    scopes: [read]\n', '');
    expect(await plan(changed)).toEqual([`~ ${about}: subject_clients, scopes`]);
    expect(await run(changed)).toEqual([`~ ${about}: subject_clients, scopes`]);
    expect(await policies()).toMatchObject([{ subjectClients: ['kiosk'], scopes: null, version: 2 }]);
    expect(await run(house)).toHaveLength(1);
    expect(await policies()).toMatchObject([{ subjectClients: ['shop'], scopes: ['read'] }]);
  });

  it('several about the same become what the file says, and one that it does not name stays', async () => {
    const second = `${house}  - client_id: orders
    subject_clients: [kiosk]
    subject_audiences: [https://orders.example]
    resources: [https://stock.example]
    acting: impersonation
`;
    expect(await plan(second)).toEqual([`+ ${about}`]);
    expect(await run(second)).toEqual([`+ ${about}`]);
    expect(await plan(second)).toEqual([]);
    const both = second.replaceAll('subject_audiences: [https://orders.example]', 'subject_audiences: []');
    expect(await run(both)).toEqual(Array(2).fill(`~ ${about}: subject_audiences`));
    const now = await policies();
    expect(now.map(({ subjectClients, subjectAudiences }) => [subjectClients, subjectAudiences])).toEqual(
      expect.arrayContaining([
        [['shop'], []],
        [['kiosk'], []],
      ]),
    );
    expect([now.length, await plan(both)]).toEqual([2, []]);
    await atDefault(() =>
      services.exchangePolicies.create({ client_id: 'orders', resources: ['https://orders.example'] }),
    );
    expect(await run(both)).toEqual([]);
    expect(await policies()).toHaveLength(3);
  });

  it('are exported so that they apply again', async () => {
    const text = toYaml(await exportDeclarations(services));
    expect(text).toContain('exchange_policies:\n  - client_id: orders\n');
    expect(await plan(text)).toEqual([]);
  });

  it('name their mistakes and where they stand', async () => {
    const wrong = `exchange_policies:
  - { client_id: orders, resources: [https://nowhere.example] }`;
    await expect(run(wrong)).rejects.toThrow(
      /house\.yaml:2:\d+: exchange_policies\[0\]\.resources\[0\]: must be the id/,
    );
    const nobody = wrong.replace('orders', 'nobody');
    await expect(run(nobody)).rejects.toThrow(/house\.yaml:2:5: exchange_policies\[0\]: /);
    expect(() => parse('exchange_policies: [{ client_id: orders, resource: [] }]')).toThrow(/resources/);
    expect(() => parse('exchange_policies: {}')).toThrow(/exchange_policies/);
    expect(await policies()).toHaveLength(3);
  });
});
