// What becomes elsewhere of what happens to a connection: it stands below those who keep who came by it.
import type { Connection } from './connection.entity.js';

export interface ConnectionHooks {
  /** In the transaction in which it is disabled or goes: what stands on it ends. */
  ended(connection: Connection): Promise<void>;
  /** Whether somebody is known by it. */
  isKnown(connection: Connection): Promise<boolean>;
  /** How many are. */
  known(connection: Connection): Promise<number>;
}
