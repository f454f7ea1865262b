// What a client may say of itself when it registers (RFC 7591 §2), and later (RFC 7592 §2.2). Decisions only; an administrator has said the policy.
import { z } from 'zod';
import { identityScopes } from '../../../../config/protocol.js';
import type { Issue } from '../../../platform/errors.js';
import { OpenRegistration } from '../../tenants/protocol-policy/registration.js';
import { GRANT_TYPES } from '../metadata/values.js';

export const RegistrationPolicy = z.strictObject({
  ...OpenRegistration.shape,
  grant_types: z.array(z.enum(GRANT_TYPES)).min(1).max(10).optional(),
});
export type RegistrationPolicy = z.infer<typeof RegistrationPolicy>;

/** What a client was registered under, kept for when it changes its registration (RFC 7592 §2.2). */
export interface AgreedRegistration extends RegistrationPolicy {
  /** As it was sent, to be shown again (RFC 7591 §3.2.1), and what it states, which the client cannot say otherwise. */
  statement?: string | undefined;
  stated?: Record<string, unknown> | undefined;
}

type Members = Readonly<Record<string, unknown>>;

interface Decision {
  /** All that the client may ask for, of resources too; undefined where what it said is no scope. */
  scope: string | undefined;
  issues: Issue[];
}

/**
 * @param said the metadata as it was sent: whether its members are well-formed is not decided here.
 * @param held what the client is registered for already: it may repeat that, and keeps it where it says nothing.
 * @param open scopes of resources that are open to clients that register themselves.
 */
export function decideRegistration(
  policy: RegistrationPolicy,
  said: Members,
  held?: string,
  open: readonly string[] = [],
): Decision {
  const issues: Issue[] = [];
  const refuse = (member: string, message: string) => issues.push({ pointer: `/${member}`, message });
  const offered = [...new Set([...scopesOf(policy), ...open])];
  const mayAsk = new Set([...offered, ...words(held)]);
  for (const name of words(said.scope))
    if (!mayAsk.has(name)) refuse('scope', `${name} is not for this client to ask for`);

  // RFC 7591 §2: what is not said is authorization_code.
  const grants = said.grant_types === undefined ? ['authorization_code'] : texts(said.grant_types);
  for (const [index, grant] of grants.entries())
    if (policy.grant_types && !policy.grant_types.some((one) => one === grant))
      refuse(`grant_types/${index}`, `${grant} is not for this client to use`);

  for (const member of ['redirect_uris', 'post_logout_redirect_uris'])
    for (const [index, uri] of texts(said[member]).entries())
      if (policy.redirect_hosts && !policy.redirect_hosts.includes(hostOf(uri)))
        refuse(`${member}/${index}`, 'is at a host that is not for this client');

  // RFC 7591 §2: a default where the client says nothing; who names no scope may ask for no more than who does.
  if (said.scope === undefined) return { scope: held ?? offered.join(' '), issues };
  return { scope: typeof said.scope === 'string' ? said.scope : undefined, issues };
}

/** The most that a client gets under a policy, but at resources that are open to such clients. */
export const scopesOf = ({ scopes }: { scopes?: readonly string[] | undefined }): readonly string[] =>
  scopes ?? identityScopes;

export const words = (scope: unknown): string[] => (typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []);
const texts = (list: unknown): string[] => (Array.isArray(list) ? list.filter((one) => typeof one === 'string') : []);

/** Nothing where there is none: an address of a private-use scheme is at no host. */
function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).hostname : '';
}
