// What proof a token for an organization takes: its policy, and what of the ledger of a session counts for it. Pure.
import { isWithin } from '../../platform/network.js';
import { type Acr, type Assurance, assuranceOf, isSinceKnown, type Proof, strength } from './assurance.js';

/** A first proof, by which somebody comes in. */
export type WayIn = 'password' | 'passkey' | 'email_code' | 'magic_link' | 'connection';

export interface EarlierClass {
  acr: Acr;
  /** ISO 8601; null: always. */
  since: string | null;
}

/** Of what an organization has set (organizations/organization-settings.ts). */
export interface OrganizationPolicy {
  /** The class that is required; null: none. */
  acr: Acr | null;
  /** Days after joining, or after the class was raised, without the class. */
  grace_days: number;
  /** Networks from which the class is not asked for. */
  trusted_networks: readonly string[];
  /** First proofs of which there has to be one; null: any. */
  ways_in: readonly WayIn[] | null;
  /** Older proofs do not count; null: however old. */
  session_seconds: number | null;
  /** Networks from which there are tokens at all; empty: everywhere. */
  ip_allow_list: readonly string[];
  /** When the class was raised; ISO 8601. */
  since?: string | null | undefined;
  /** Weaker classes that were asked for before it, and since when: each of them still is, when its own days are over. */
  earlier?: readonly EarlierClass[] | undefined;
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
  const spared = sparedOf(asking);
  const still = stronger(spared?.still, asked);
  const without = spared && fewest(asking, still);
  if (without) return satisfied(asking, without, spared);
  const counted = counting(asking);
  if (!wanted || !hasWayIn(policy, counted)) return { kind: 'way', ways: policy.ways_in };
  return { kind: 'class', acr: spared ? (still ?? wanted) : wanted, proofs: counted };
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
const countsFor = ({ organization }: Proof, asked: string): boolean =>
  organization === undefined || organization === asked;

/** Whether somebody has come in at all, as far as this organization goes: whatever its policy takes, tokens for it are given on no less. */
export const hasComeIn = (ledger: readonly Proof[], organization: string): boolean =>
  ledger.some((proof) => wayOf(proof) !== undefined && countsFor(proof, organization));

function counting({ organization, policy, ledger, now, maxAge, signedInAt }: AskedOfOrganization): Proof[] {
  const { session_seconds } = policy;
  return ledger.filter(
    (proof) =>
      countsFor(proof, organization) &&
      (session_seconds === null || proof.at > now - session_seconds) &&
      (maxAge === undefined || (isSinceKnown([proof]) && (proof.at >= signedInAt || proof.at >= now - maxAge))),
  );
}

function hasWayIn({ ways_in }: OrganizationPolicy, proofs: readonly Proof[]): boolean {
  return proofs.some((proof) => {
    const way = wayOf(proof);
    if (way === undefined || ways_in === null) return way !== undefined;
    // Of those that count: an organization that takes connections means its own, not one that anybody may sign in by.
    if (way === 'connection') return proof.organization !== undefined && ways_in.includes(way);
    return ways_in.includes(way) || isInPlaceOfCode(way, ways_in);
  });
}

/** A link goes out where codes of an address are paused. */
const isInPlaceOfCode = (way: WayIn, ways: readonly WayIn[]): boolean =>
  way === 'magic_link' && ways.includes('email_code');

const wayOf = ({ method }: Proof): WayIn | undefined =>
  method === 'totp' || method === 'recovery_code' ? undefined : method;

function satisfied({ policy }: AskedOfOrganization, proofs: Proof[], spared: Spared | undefined): OrganizationDecision {
  const assurance = assuranceOf(proofs);
  const ends = [
    ...(policy.session_seconds === null ? [] : [assurance.ts + policy.session_seconds]),
    ...(spared?.ends === undefined ? [] : [spared.ends]),
  ];
  return { kind: 'satisfied', assurance, until: ends.length > 0 ? Math.min(...ends) : undefined, bypass: spared?.why };
}

/**
 * Whether what was given before for this class goes on. What may be from a trusted network does: whoever refreshes a token is the client, at an address
 * that says nothing of the person.
 */
export function goesOnWith(reached: Acr, asking: Pick<AskedOfOrganization, 'policy' | 'now' | 'joinedAt'>): boolean {
  const { acr, trusted_networks } = asking.policy;
  if (strength(reached) >= strength(acr ?? undefined) || trusted_networks.length > 0) return true;
  const grace = graceOf(asking);
  return grace !== undefined && strength(reached) >= strength(grace.still);
}

const day = 86_400;

interface Spared {
  why: Bypass;
  /** The class that is asked for all the same. */
  still?: Acr | undefined;
  /** NumericDate. */
  ends?: number;
}

function sparedOf(asking: AskedOfOrganization): Spared | undefined {
  const { policy, ip } = asking;
  if (policy.acr === null) return undefined;
  return isWithin(ip, policy.trusted_networks) ? { why: 'trusted_network' } : graceOf(asking);
}

/** Whoever has just joined is asked for nothing; where the class was raised, for those before whose days are over. */
function graceOf({
  policy,
  now,
  joinedAt,
}: Pick<AskedOfOrganization, 'policy' | 'now' | 'joinedAt'>): Spared | undefined {
  const grace = policy.grace_days * day;
  const own = joinedAt + grace;
  if (now < own) return { why: 'grace_period', ends: own };
  const endOf = (since: string | null | undefined) => (since ? Math.floor(Date.parse(since) / 1000) : 0) + grace;
  if (now >= endOf(policy.since)) return undefined;
  const earlier = (policy.earlier ?? []).map(({ acr, since }) => ({ acr, ends: endOf(since) }));
  const over = earlier.filter(({ ends }) => now >= ends);
  const coming = earlier.filter(({ ends }) => now < ends);
  return {
    why: 'grace_period',
    still: over.map(({ acr }) => acr).reduce<Acr | undefined>(stronger, undefined),
    ends: Math.min(endOf(policy.since), ...coming.map(({ ends }) => ends)),
  };
}

function stronger(a: Acr | undefined, b: Acr | undefined): Acr | undefined {
  return strength(a) >= strength(b) ? a : b;
}
