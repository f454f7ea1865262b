// What an assertion says of somebody, in the words that all protocols share. Pure.
import type { UpstreamIdentity } from '../features/connections/upstream-identity.js';
import type { ResponseFacts } from './gate.js';

type Facts = Pick<
  ResponseFacts,
  | 'subject'
  | 'attributes'
  | 'friendly'
  | 'authn_instant'
  | 'authn_context'
  | 'session_index'
  | 'session_not_on_or_after'
>;

/** Of one value. */
const LONGEST = 4096;
const EMAIL_ADDRESS = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';

export function identityOf(facts: Facts): UpstreamIdentity {
  const { subject, session_index: index, session_not_on_or_after: endsAt } = facts;
  return {
    subject: subject.value,
    attributes: attributesOf(facts),
    authenticated_at: facts.authn_instant,
    ...(facts.authn_context === undefined ? {} : { acr: facts.authn_context }),
    session: {
      ...(index === undefined ? {} : { index }),
      ...(endsAt === undefined ? {} : { ends_at: endsAt }),
      name_id: subject,
    },
  };
}

/**
 * By their names; by their friendly names, where nothing has that name (SAML Core §2.7.3.1). Many identity providers send the address as the NameID
 * and nowhere else (§8.3.2): an attribute that says it goes before.
 */
function attributesOf({ subject, attributes, friendly }: Facts): UpstreamIdentity['attributes'] {
  const isAddress = subject.format === EMAIL_ADDRESS;
  const all = { ...(isAddress ? { email: [subject.value] } : {}), ...friendly, ...attributes };
  return Object.fromEntries(Object.entries(all).map(([name, values]) => [name, values.filter(isKept)]));
}

/** A photo says nothing that is read here. */
const isKept = (value: string): boolean => value.length <= LONGEST;
