// What somebody still has to prove in a sign-in that is for an organization. Pure.
import type { FirstFactor } from '../tenants/authentication-policy.js';
import type { OrganizationDecision } from './organization-requirement.js';
import { type Need, needOf, type Situation } from './requirement.js';

/**
 * What the sign-in takes anyway comes first. What nobody can prove is not asked for: the answer to the request says so.
 * @param possible first proofs that the tenant takes and the account has.
 */
export function needIn(situation: Situation, decision: OrganizationDecision, possible: readonly FirstFactor[]): Need {
  if (decision.kind === 'class') {
    const asked = { acr: decision.acr, essential: true };
    const need = needOf({ ...situation, proofs: decision.proofs, asked });
    // A factor is bound by whoever is there now (NIST SP 800-63B-4 §4.1): what was proved in an earlier sign-in does not stand for it.
    const here = need.kind === 'enrolment' ? needOf({ ...situation, asked }) : need;
    if (here.kind !== 'nothing') return here;
    return need.kind === 'nothing' ? needOf(situation) : need;
  }
  const need = needOf(situation);
  if (decision.kind !== 'way' || need.kind !== 'nothing') return need;
  const methods = possible.filter((way) => decision.ways === null || decision.ways.includes(way));
  return methods.length > 0 ? { kind: 'way', methods } : need;
}
