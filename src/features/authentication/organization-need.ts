// What somebody still has to prove in a sign-in that is for an organization. Pure.
import type { FirstFactor } from '../tenants/authentication-policy.js';
import type { OrganizationDecision, WayIn } from './organization-requirement.js';
import { type Need, needOf, type Situation } from './requirement.js';

/** First proofs that somebody could give. */
export interface Possible {
  /** Those that the tenant takes and the account has. */
  methods: readonly FirstFactor[];
  /** The key of the connection of the organization, where it is enabled. */
  connection?: string | undefined;
}

/** What the sign-in takes anyway comes first. What nobody can prove is not asked for: the answer to the request says so. */
export function needIn(situation: Situation, decision: OrganizationDecision, possible: Possible): Need {
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
  const takes = (way: WayIn) => decision.ways === null || decision.ways.includes(way);
  const methods = possible.methods.filter(takes);
  const connection = takes('connection') ? possible.connection : undefined;
  return methods.length > 0 || connection ? { kind: 'way', methods, ...(connection ? { connection } : {}) } : need;
}
