// Apple says somebody's name once, beside the first code and in no token: https://developer.apple.com/documentation/signinwithapple. The browser carries
// it, unsigned: a name and nothing else is taken of it.
import { z } from 'zod';
import type { UpstreamIdentity } from '../features/connections/upstream-identity.js';
import { attributesOf } from './claims.js';

const word = z.string().max(200).optional().catch(undefined);
const User = z.object({ name: z.object({ firstName: word, lastName: word }) });

export function withAppleName(identity: UpstreamIdentity, user: string | null): UpstreamIdentity {
  const { name } = parse(user) ?? {};
  if (!name) return identity;
  const { firstName: given_name, lastName: family_name } = name;
  const said = attributesOf({ given_name, family_name, name: [given_name, family_name].filter(Boolean).join(' ') });
  return { ...identity, attributes: { ...said, ...identity.attributes } };
}

function parse(user: string | null): z.output<typeof User> | undefined {
  try {
    return User.safeParse(JSON.parse(user ?? '')).data;
  } catch {
    return undefined;
  }
}
