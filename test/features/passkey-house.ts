// Passkeys over the house, in each of its processes.
import { PasskeyCeremonies } from '../../src/features/credentials/passkey-ceremonies.js';
import { PasskeyChallenges } from '../../src/features/credentials/passkey-challenge.js';
import { Passkeys } from '../../src/features/credentials/passkeys.js';
import { Replays } from '../../src/features/protocol/replays.js';
import type { User } from '../../src/features/users/user.entity.js';
import { Authenticator, type Behaviour } from '../support/authenticator.js';
import type { Kind } from '../support/postgres.js';
import { openHouse } from './house.js';

export const origin = 'https://id.example.com';

type House = Awaited<ReturnType<typeof openHouse>>;

function ceremoniesOf(
  { db, audit, tenants, users }: House['others'][number],
  clock: House['clock'],
): PasskeyCeremonies {
  const replays = new Replays(db);
  const challenges = new PasskeyChallenges(tenants, (value, exp) => replays.unique('webauthn', value, exp), clock);
  return new PasskeyCeremonies(db, audit, tenants, users, challenges, clock);
}

export async function openPasskeyHouse(kind: Kind, processes = 1) {
  const house = await openHouse(kind, processes);
  const all = [house, ...house.others].map((room) => ceremoniesOf(room, house.clock));
  const [ceremonies] = all;
  if (!ceremonies) throw new Error('a house has a process');
  const passkeys = new Passkeys(house.db, house.audit, house.tenants, house.passwords);
  let people = 0;

  /** Somebody with a passkey. */
  async function holder(behaviour: Behaviour = {}) {
    people += 1;
    const user = await house.users.create({ email: `holder-${people}@example.com` });
    const authenticator = new Authenticator({ origin, ...behaviour });
    return { user, authenticator, passkey: await add(user, authenticator) };
  }

  async function add(user: User, authenticator: Authenticator, told: Behaviour = {}) {
    const options = await ceremonies?.registrationOptions(user, 'flow');
    if (!options) throw new Error('no options');
    const made = await ceremonies?.register(user, 'flow', authenticator.create(options, told));
    if (made?.outcome !== 'ok') throw new Error(`not made: ${made?.outcome}`);
    return made.passkey;
  }

  return { ...house, ceremonies, all, passkeys, holder, add };
}
