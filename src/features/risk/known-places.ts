// Owns where an account is at home: the networks and, with Devices, the browsers that a sign-in is compared with; and when they are believed no
// longer, because somebody else has been in the account.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { networkOf } from '../../platform/network.js';
import type { Devices } from '../devices/device.service.js';
import type { User } from '../users/user.entity.js';
import type { RiskSignals } from './assess.js';

type Whose = Pick<User, 'id'>;

/** Of one account. Somebody on their way is in many, and nobody is at home in all of them. */
const MOST_NETWORKS = 100;

export class KnownPlaces {
  constructor(
    private readonly db: Database,
    private readonly devices: Devices,
    private readonly clock: Clock,
  ) {}

  /** Without effect. @param handles what the browser holds. */
  async look(user: Whose, handles: readonly string[]): Promise<Pick<RiskSignals, 'device' | 'network'>> {
    // An address that cannot be read is no network anybody knows.
    const here = networkOf(currentContext()?.ip) ?? '';
    const [row] = await this.db.execute<Found>(LOOK, [currentTenantId(), user.id, here]);
    const first = row?.locked_down ? 'new' : 'first';
    const device = await this.devices.recognised(user, handles);
    const network = row?.known ? 'known' : row?.others ? 'new' : first;
    return { device: device === 'first' ? first : device, network };
  }

  /** At the end of a sign-in. @returns what the browser is to hold where it is new. */
  async remember(user: User, handles: readonly string[]): Promise<string | undefined> {
    const handle = await this.devices.seen(user, handles);
    const here = networkOf(currentContext()?.ip);
    if (here) {
      await this.db.execute(NOTE, [currentTenantId(), user.id, here, this.clock.now()]);
      await this.db.execute(KEEP_NEWEST, [currentTenantId(), user.id, MOST_NETWORKS]);
    }
    return handle;
  }

  /**
   * Joins the transaction in which the owner shuts somebody else out: what came in since then may be theirs. Where nothing is left, no sign-in
   * is taken for the first one any more.
   */
  async forgetSince(user: Whose, since: Date): Promise<void> {
    await this.devices.removeSince(user, since, 'lockdown');
    await this.db.execute(FORGET, [currentTenantId(), user.id, since]);
    await this.db.execute(MARK, [currentTenantId(), user.id, this.clock.now()]);
  }

  /** Joins the transaction in which the account gets its first owner: nobody was at home before. */
  async forget(user: Whose): Promise<void> {
    await this.devices.removeSince(user, new Date(0), 'account_ended');
    await this.db.execute(FORGET, [currentTenantId(), user.id, new Date(0)]);
  }
}

interface Found {
  known: boolean;
  others: boolean;
  locked_down: boolean;
}

const LOOK = {
  name: 'known_places_look',
  text: `
    SELECT EXISTS (SELECT FROM known_networks WHERE tenant_id = $1 AND user_id = $2 AND network = $3) AS known,
           EXISTS (SELECT FROM known_networks WHERE tenant_id = $1 AND user_id = $2) AS others,
           EXISTS (SELECT FROM users WHERE tenant_id = $1 AND id = $2 AND locked_down_at IS NOT NULL) AS locked_down`,
};

const NOTE = {
  name: 'known_places_note',
  text: `
    INSERT INTO known_networks (tenant_id, user_id, network, created_at, last_seen_at) VALUES ($1, $2, $3, $4, $4)
    ON CONFLICT (tenant_id, user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at`,
};

const KEEP_NEWEST = {
  name: 'known_places_keep_newest',
  text: `
    DELETE FROM known_networks WHERE tenant_id = $1 AND user_id = $2 AND network IN (
      SELECT network FROM known_networks WHERE tenant_id = $1 AND user_id = $2
      ORDER BY last_seen_at DESC, network DESC OFFSET $3)`,
};

const FORGET = {
  name: 'known_places_forget',
  text: 'DELETE FROM known_networks WHERE tenant_id = $1 AND user_id = $2 AND created_at >= $3::timestamptz',
};

const MARK = {
  name: 'known_places_mark',
  text: 'UPDATE users SET locked_down_at = $3 WHERE tenant_id = $1 AND id = $2',
};
