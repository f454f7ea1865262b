// What proof a token for an organization takes: its policy, and what of the ledger of a session counts for it. Pure.
import { isWithin } from '../../platform/network.js';
import { type Acr, type Assurance, assuranceOf, type Proof, strength } from './assurance.js';

/** A first proof, by which somebody comes in. */
export type WayIn = 'password' | 'passkey' | 'email_code' | 'magic_link' | 'connection';

/** Of what an organization has set (organizations/organization-settings.ts). */
export interface OrganizationPolicy {
  /** The class that is required; null: none. */
  acr: Acr | null;
  /** Days after joining, or after the policy was set, without the class. */
  grace_days: number;
  /** Networks from which the class is not asked for. */
  trusted_networks: readonly string[];
  /** First proofs of which there has to be one; null: any. */
  ways_in: readonly WayIn[] | null;
  /** Older proofs do not count; null: however old. */
  session_seconds: number | null;
  /** Networks from which there are tokens at all; empty: everywhere. */
  ip_allow_list: readonly string[];
  /** When the policy was set; ISO 8601. */
  since?: string | null | undefined;
}

export interface AskedOfOrganization {
  organization: string;
  policy: OrganizationPolicy;
  ledger: readonly Proof[];
  /** NumericDate of the oldest proof of the session's last sign-in: what came before goes along only where it is needed. */
  signedInAt: number;
  /** NumericDate. */
  now: number;
  ip: string | null | undefined;
  /** NumericDate. */
  joinedAt: number;
  /** A class without which the client cannot do (OpenID Connect Core §5.5.1.1). */
  asked?: Acr | undefined;
  /** OpenID Connect Core §3.1.2.1, in seconds; 0 where a new sign-in was asked for. */
  maxAge?: number | undefined;
}

export type Bypass = 'grace_period' | 'trusted_network';

export type OrganizationDecision =
  /** `until`, NumericDate: when the oldest of the proofs stops counting, or the days without the class are over. `bypass`: why the class was not asked for. */
  | { kind: 'satisfied'; assurance: Assurance; until: number | undefined; bypass: Bypass | undefined }
  /** None of the proofs that count is a way in that is allowed; null: any will do. */
  | { kind: 'way'; ways: readonly WayIn[] | null }
  /** What counts so far is not enough for this class. */
  | { kind: 'class'; acr: Acr; proofs: Proof[] }
  | { kind: 'refused'; why: 'address' };

export function decideForOrganization(asking: AskedOfOrganization): OrganizationDecision {
  const { policy, ip, asked } = asking;
  // Also where the address cannot be read.
  if (policy.ip_allow_list.length > 0 && !isWithin(ip, policy.ip_allow_list))
    return { kind: 'refused', why: 'address' };
  const wanted = stronger(policy.acr ?? undefined, asked);
  const whole = fewest(asking, wanted);
  if (whole) return satisfied(asking, whole, undefined);
  const bypass = bypassOf(asking);
  const without = bypass && fewest(asking, asked);
  if (without) return satisfied(asking, without, bypass);
  const counted = counting(asking);
  if (!wanted || !hasWayIn(policy, counted)) return { kind: 'way', ways: policy.ways_in };
  return { kind: 'class', acr: bypass ? (asked ?? wanted) : wanted, proofs: counted };
}

/** What the session was signed in with last, and as little as will do of what was proved before: a token is no older than it has to be. */
function fewest(asking: AskedOfOrganization, wanted: Acr | undefined): Proof[] | undefined {
  const { policy, signedInAt } = asking;
  const counted = counting(asking);
  const last = counted.filter(({ at }) => at >= signedInAt);
  const earlier = counted.filter(({ at }) => at < signedInAt).sort((a, b) => b.at - a.at);
  for (let taken = 0; taken <= earlier.length; taken += 1) {
    const proofs = [...last, ...earlier.slice(0, taken)];
    if (hasWayIn(policy, proofs) && strength(assuranceOf(proofs).acr) >= strength(wanted)) return proofs;
  }
  return undefined;
}

/** What a connection of another organization has proved counts for nothing, also where nothing is asked. */
function counting({ organization, policy, ledger, now, maxAge, signedInAt }: AskedOfOrganization): Proof[] {
  const { session_seconds } = policy;
  return ledger.filter(
    (proof) =>
      (proof.organization === undefined || proof.organization === organization) &&
      (session_seconds === null || proof.at > now - session_seconds) &&
      (maxAge === undefined || proof.at >= signedInAt || proof.at >= now - maxAge),
  );
}

function hasWayIn({ ways_in }: OrganizationPolicy, proofs: readonly Proof[]): boolean {
  return proofs.some((proof) => {
    const way = wayOf(proof);
    return way !== undefined && (ways_in === null || ways_in.includes(way) || isInPlaceOfCode(way, ways_in));
  });
}

/** A link goes out where codes of an address are paused. */
const isInPlaceOfCode = (way: WayIn, ways: readonly WayIn[]): boolean =>
  way === 'magic_link' && ways.includes('email_code');

function wayOf({ method, connection }: Proof): WayIn | undefined {
  if (connection) return 'connection';
  return method === 'totp' || method === 'recovery_code' ? undefined : method;
}

function satisfied(asking: AskedOfOrganization, proofs: Proof[], bypass: Bypass | undefined): OrganizationDecision {
  const { session_seconds } = asking.policy;
  const assurance = assuranceOf(proofs);
  const ends = [
    ...(session_seconds === null ? [] : [assurance.ts + session_seconds]),
    ...(bypass === 'grace_period' ? [graceEnd(asking)] : []),
  ];
  return { kind: 'satisfied', assurance, until: ends.length > 0 ? Math.min(...ends) : undefined, bypass };
}

/**
 * Whether what was given before for this class goes on. What may be from a trusted network does: whoever refreshes a token is the client, at an address
 * that says nothing of the person.
 */
export function goesOnWith(reached: Acr, asking: Pick<AskedOfOrganization, 'policy' | 'now' | 'joinedAt'>): boolean {
  const { acr, trusted_networks } = asking.policy;
  return (
    strength(reached) >= strength(acr ?? undefined) || trusted_networks.length > 0 || asking.now < graceEnd(asking)
  );
}

const day = 86_400;

function bypassOf(asking: AskedOfOrganization): Bypass | undefined {
  const { policy, now, ip } = asking;
  if (policy.acr === null) return undefined;
  if (isWithin(ip, policy.trusted_networks)) return 'trusted_network';
  return now < graceEnd(asking) ? 'grace_period' : undefined;
}

/** NumericDate. */
function graceEnd({ policy, joinedAt }: Pick<AskedOfOrganization, 'policy' | 'joinedAt'>): number {
  const since = policy.since ? Math.floor(Date.parse(policy.since) / 1000) : 0;
  return Math.max(joinedAt, since) + policy.grace_days * day;
}

const stronger = (a: Acr | undefined, b: Acr | undefined): Acr | undefined => (strength(a) >= strength(b) ? a : b);
