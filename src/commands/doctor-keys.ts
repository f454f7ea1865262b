// The checks of keys: whether what is sealed with ENCRYPTION_KEYS opens, and whether keys are as old as they may be.
import { keyState } from '../features/keys/key-state.js';
import { type Check, fail, ok, warn } from './doctor-check.js';
import type { CommandServices } from './terminal.js';

export const keyChecks = async (services: CommandServices): Promise<Check[]> => [
  await signingKeysCheck(services),
  await encryptionKeysCheck(services),
];

/** Sealed with ENCRYPTION_KEYS: keys and secrets of every tenant have to open. */
async function signingKeysCheck(services: CommandServices): Promise<Check> {
  const all = await services.tenants.list();
  let count = 0;
  const sealed: string[] = [];
  const without: string[] = [];
  const old: string[] = [];
  for (const tenant of all) {
    try {
      const { open, overdue } = await keyState(services, tenant);
      count += open;
      if (open === 0) without.push(tenant.slug);
      if (overdue) old.push(tenant.slug);
    } catch {
      sealed.push(tenant.slug);
    }
  }
  if (sealed.length > 0)
    return fail(
      'signing keys',
      `those of ${sealed.join(', ')} do not open`,
      'ENCRYPTION_KEYS has to hold the key they were sealed with, at any place in the list',
    );
  if (old.length > 0)
    return warn(
      'signing keys',
      `those of ${old.join(', ')} are older than settings.signing_keys.rotation_days says`,
      'see to it that a server runs; or rotate now: ostiary keys rotate --tenant <slug>',
    );
  if (without.length > 0)
    return ok('signing keys', `${count} open; ${without.join(', ')} gets its own at the first use`);
  return ok(
    'signing keys',
    all.length === 0 ? 'none yet; made at the first start' : `${count} open, of ${all.length} tenants`,
  );
}

/** What was sealed with a key that is not there any more is lost; what with an older one, waits to be sealed anew. */
async function encryptionKeysCheck({ rewrap, sealer }: CommandServices): Promise<Check> {
  const found = await rewrap.survey();
  const of = (age: string) => found.filter(({ version }) => sealer.ageOf(version) === age);
  const told = (some: typeof found) =>
    some.map(({ table, column, version, count }) => `${count} of ${table}.${column} with ${version}`).join(', ');
  const [lost, older] = [of('unknown'), of('older')];
  if (lost.length > 0)
    return fail(
      'encryption',
      `sealed with a key that is not configured: ${told(lost)}`,
      'bring the key back into ENCRYPTION_KEYS, at any place in the list',
    );
  if (older.length > 0)
    return warn(
      'encryption',
      `sealed with an older key: ${told(older)}`,
      'leave that key in ENCRYPTION_KEYS until the server has sealed them anew; now: ostiary keys rewrap',
    );
  return ok('encryption', `${found.reduce((sum, { count }) => sum + count, 0)} values, all with the newest key`);
}
