// Where a session is at home, and whether somebody asks from there. Pure.
import { addressOf, networkOf } from '../../platform/network.js';
import { deviceOf } from '../../platform/user-agent.js';
import type { SessionPolicy } from '../tenants/tenant.schema.js';

export interface Home {
  /** One, or one of each family: a browser that has both takes now the one, now the other (RFC 8305). */
  addresses: string[];
  userAgent: string | null;
}

/** From where somebody asks; the address as the proxies we trust have told it (front.ts). */
export interface Place {
  ip?: string | null | undefined;
  userAgent?: string | null | undefined;
}

export type Moved = 'network' | 'address' | 'browser';

/** In which ways a place is another; what cannot be read is always another. */
export function movedFrom(binding: SessionPolicy['binding'], home: Home, now: Place): Moved[] {
  if (binding === 'off') return [];
  const moved: Moved[] = [];
  const [place, what] = binding === 'strict' ? ([addressOf, 'address'] as const) : ([networkOf, 'network'] as const);
  const here = place(now.ip);
  if (!here || !home.addresses.some((address) => place(address) === here)) moved.push(what);
  if (browserOf(home) !== browserOf(now)) moved.push('browser');
  return moved;
}

/** Where it is at home once somebody proved here who they are: what was proved at the other family's address stays true of the same browser. */
export function homeHere({ ip, userAgent }: Place, before: Home | undefined): string[] {
  const here = addressOf(ip) ?? 'unknown';
  const same = before && browserOf(before) === browserOf({ userAgent }) ? before.addresses : [];
  return [here, ...same.filter((address) => isSix(address) !== isSix(here)).slice(0, 1)];
}

const isSix = (address: string): boolean => address.includes(':');

/** Of whatever version: it changes by itself. */
export const browserOf = ({ userAgent }: Pick<Place, 'userAgent'>): string => deviceOf(userAgent).browser ?? 'another';
