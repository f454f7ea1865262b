import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keyChecks } from '../../src/commands/doctor-keys.js';
import type { CommandServices } from '../../src/commands/terminal.js';
import { Sealer } from '../../src/platform/crypto.js';
import { Rewrap } from '../../src/platform/rewrap.js';
import { sealedColumns } from '../../src/sealed-columns.js';
import { openHouse } from './house.js';

describe('ostiary doctor', () => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  beforeAll(async () => {
    house = await openHouse('embedded');
    await house.keys.ensure(house.tenant.id);
  }, 180_000);
  afterAll(() => house.close());

  const check = (keys: [string, Buffer][]) => {
    const sealer = new Sealer(new Map(keys));
    const rewrap = new Rewrap(house.db, sealer, sealedColumns, { info() {}, error() {} });
    return keyChecks({ ...house, sealer, rewrap } as unknown as CommandServices);
  };

  it('warns of a signing key that is older than the schedule of its tenant, and of none that is rotated by hand', async () => {
    const [before] = await check([['t1', Buffer.alloc(32)]]);
    expect(before).toMatchObject({ name: 'signing keys', status: 'ok' });
    house.clock.forward(92 * 24 * 3600);
    const [after] = await check([['t1', Buffer.alloc(32)]]);
    expect(after).toMatchObject({ status: 'warn', detail: expect.stringContaining('default') });
    await house.tenants.update(house.tenant, { settings: { signing_keys: { rotation_days: 0 } } });
    expect((await check([['t1', Buffer.alloc(32)]]))[0]).toMatchObject({ status: 'ok' });
  });

  it('tells values sealed with an older key from those whose key is not configured', async () => {
    const status = async (keys: [string, Buffer][]) => (await check(keys))[1];
    const key = Buffer.alloc(32);
    expect(await status([['t1', key]])).toMatchObject({ name: 'encryption', status: 'ok' });
    expect(
      await status([
        ['t2', key],
        ['t1', key],
      ]),
    ).toMatchObject({
      status: 'warn',
      detail:
        'sealed with an older key: 1 of tenants.secrets_sealed with t1, 4 of signing_keys.private_jwk_sealed with t1',
    });
    expect(await status([['t2', key]])).toMatchObject({
      status: 'fail',
      advice: expect.stringContaining('ENCRYPTION_KEYS'),
    });
  });
});
