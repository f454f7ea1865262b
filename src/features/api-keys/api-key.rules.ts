// Whether a key that was found is good for this request: pure. From outside all refusals look alike; the record knows which it was.
import { isWithin } from '../../platform/network.js';
import type { ApiKey } from './api-key.entity.js';

export type KeyRefusal =
  | 'revoked'
  | 'expired'
  | 'rotated'
  | 'owner_ended'
  | 'network'
  | 'test_keys_refused'
  | 'not_bound';

/** What a key is looked at with. */
export interface Presented {
  key: Pick<ApiKey, 'hash' | 'formerUntil' | 'expiresAt' | 'revokedAt' | 'userId' | 'environment' | 'allowedNetworks'>;
  /** Of what was shown. */
  hash: string;
  /** Whether the person may come in for whom it acts. */
  ownerActive: boolean;
}

export interface Surroundings {
  now: Date;
  ip: string | undefined;
  /** What the tenant says. */
  testKeys: boolean;
  /** Nothing but tokens that are bound to a certificate opens the API, and a key is bound to nothing. */
  boundOnly: boolean;
}

export function refusalOf({ key, hash, ownerActive }: Presented, around: Surroundings): KeyRefusal | undefined {
  const { now, ip, testKeys, boundOnly } = around;
  if (key.revokedAt) return 'revoked';
  if (key.expiresAt && key.expiresAt <= now) return 'expired';
  if (key.hash !== hash && !(key.formerUntil && key.formerUntil > now)) return 'rotated';
  if (key.userId && !ownerActive) return 'owner_ended';
  if (key.allowedNetworks.length > 0 && !isWithin(ip, key.allowedNetworks)) return 'network';
  if (key.environment === 'test' && !testKeys) return 'test_keys_refused';
  return boundOnly ? 'not_bound' : undefined;
}
