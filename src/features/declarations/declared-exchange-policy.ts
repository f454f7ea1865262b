// A policy has no name that somebody could write down: it is known by its client and the resources it is for. Where there are several about the same,
// those that are as declared stay, and the others become what the file says besides, the oldest first: what the file said of these resources before is
// not in force beside what it says now. Other resources are another policy, and nothing is deleted because it is absent.
import type { ExchangePolicies } from '../exchange/exchange-policies.js';
import type { ExchangePolicy } from '../exchange/exchange-policy.entity.js';
import { present } from '../exchange/exchange-policy.schema.js';
import { differing, type Step, same } from './change.js';
import type { DeclaredExchangePolicy, Entry } from './declaration.schema.js';

const DEFAULTS = {
  subject_clients: [],
  subject_audiences: [],
  subject_issuers: [],
  subject_api_keys: false,
  acting: 'delegation',
  actors: ['client'],
} as const;

/** @param declared all of this tenant. */
export async function exchangePolicyStep(
  { exchangePolicies }: { exchangePolicies: ExchangePolicies },
  policy: DeclaredExchangePolicy,
  declared: readonly Entry<DeclaredExchangePolicy>[],
): Promise<Step | undefined> {
  const subject = subjectOf(policy);
  const wanted = declared.map(({ value }) => ({ ...DEFAULTS, ...value })).filter((one) => subjectOf(one) === subject);
  const there = (await exchangePolicies.of(policy.client_id))
    .filter((one) => subjectOf(membersOf(one)) === subject)
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
  const missing = wanted.filter((one) => !there.some((other) => same(membersOf(other), one)));
  const spare = there.filter((one) => !wanted.some((other) => same(membersOf(one), other)));

  const after = { ...DEFAULTS, ...policy };
  const position = missing.findIndex((one) => same(one, after));
  if (position === -1) return undefined;
  const outdated = spare[position];
  if (!outdated) {
    const write = async () => {
      await exchangePolicies.create(policy);
      return undefined;
    };
    return { action: 'create', changed: [], write };
  }
  const changed = differing(membersOf(outdated), after);
  const write = async () => {
    // RFC 7396: what the file does not say has its default again.
    const patch = Object.fromEntries(changed.map((name) => [name, after[name as keyof typeof after] ?? null]));
    await exchangePolicies.update(outdated, patch);
    return undefined;
  };
  return { action: 'update', changed, write };
}

export const subjectOf = ({ client_id, resources }: Pick<DeclaredExchangePolicy, 'client_id' | 'resources'>): string =>
  `${client_id} for ${[...resources].sort().join(', ')}`;

export function membersOf(policy: ExchangePolicy): DeclaredExchangePolicy {
  const { id, created_at, updated_at, version, ...members } = present(policy);
  return members;
}
