// Whether a policy asks for less than the one before, and since when it asks for what it does. Pure.
import { acrValues } from '../../../config/protocol.js';
import type { FullSettings, OrganizationPolicy, PolicyTimes } from './organization-settings.js';

/** Somebody gets in who would not have got in before. Where no class was asked for, there was nothing to be spared. */
export function weakens(before: OrganizationPolicy, after: OrganizationPolicy): boolean {
  return (
    (before.acr !== null &&
      (strength(after) < strength(before) ||
        after.grace_days > before.grace_days ||
        !within(after.trusted_networks, before.trusted_networks))) ||
    (before.ways_in !== null && (after.ways_in === null || !within(after.ways_in, before.ways_in))) ||
    (before.ip_allow_list.length > 0 &&
      (after.ip_allow_list.length === 0 || !within(after.ip_allow_list, before.ip_allow_list))) ||
    (before.session_seconds !== null && (after.session_seconds ?? Number.POSITIVE_INFINITY) > before.session_seconds) ||
    (after.password.min_length ?? 0) < (before.password.min_length ?? 0)
  );
}

/**
 * What people have or have set may not be enough from now on. Nothing else begins their time anew, and what they had to show before they show in that
 * time too, when their time for that is over: it would be a way around the rule.
 */
export function timesOf(before: FullSettings['policy'], after: OrganizationPolicy, now: Date): PolicyTimes {
  const longer = (after.password.min_length ?? 0) > (before.password.min_length ?? 0);
  const password_since = longer ? now.toISOString() : before.passwordSince;
  const asked = [...before.earlier, ...(before.acr ? [{ acr: before.acr, since: before.since }] : [])];
  const known = asked.find(({ acr }) => acr === after.acr);
  const raised = strength(after) > strength(before);
  const policy_since = raised ? now.toISOString() : (known ?? before).since;
  const policy_earlier = asked.filter(({ acr }) => acrValues.indexOf(acr) < strength(after));
  return {
    ...(policy_since && { policy_since }),
    ...(policy_earlier.length > 0 && { policy_earlier }),
    ...(password_since && { password_since }),
  };
}

const strength = ({ acr }: OrganizationPolicy): number => (acr ? acrValues.indexOf(acr) : 0);

const within = (given: readonly string[], known: readonly string[]) => given.every((one) => known.includes(one));
