// What the attributes of an identity provider make of somebody: an address, whether it counts as proved, claims, groups. Pure.
import { domainOf } from '../domains/domain-name.js';
import { EmailAddress, normalizeIdentifier } from '../users/identifier.js';
import { StandardClaims } from '../users/user.schema.js';
import type { ConnectionSettings } from './connection.settings.js';
import type { UpstreamIdentity } from './upstream-identity.js';

/** Groups that are looked at; who is in more is in too many for anybody to say what they are for. */
const MOST_GROUPS = 1000;

export interface Mapped {
  email?: string;
  /** As it is looked up; there whenever the address is. */
  emailNormalized?: string;
  /** Whether the connection is believed that the address is theirs. */
  emailVerified: boolean;
  claims: StandardClaims;
  groups: string[];
  /** What could not be taken over: the claim, and from which attribute. */
  dropped: { claim: string; attribute: string }[];
}

type Rules = Pick<ConnectionSettings, 'mapping' | 'trust'>;

/** @param domains what the organization has proved, of whom the connection is; null: it is the tenant's own. */
export function mapped(
  { mapping, trust }: Rules,
  { attributes }: Pick<UpstreamIdentity, 'attributes'>,
  domains: readonly string[] | null,
): Mapped {
  const dropped: Mapped['dropped'] = [];
  const take = <T>(claim: string, read: (value: string) => T | undefined): T | undefined => {
    const found = firstOf(attributes, mapping[claim as keyof Rules['mapping']]);
    const value = found && read(found.value);
    if (found && value === undefined) dropped.push({ claim, attribute: found.attribute });
    return value;
  };
  const email = take('email', (value) => EmailAddress.safeParse(value).data);
  const emailNormalized = email === undefined ? undefined : normalizeIdentifier(email);
  const said = firstOf(attributes, mapping.email_verified)?.value;
  const claims: Record<string, unknown> = {};
  for (const claim of CLAIMS) {
    const value = take(claim, (text) => StandardClaims.shape[claim].safeParse(text).data);
    if (value !== undefined) claims[claim] = value;
  }
  return {
    ...(email === undefined || emailNormalized === undefined ? {} : { email, emailNormalized }),
    emailVerified: emailNormalized !== undefined && isBelieved(emailNormalized, { said, trust: trust.email, domains }),
    claims: claims as StandardClaims,
    groups: groupsOf(attributes, mapping.groups),
    dropped,
  };
}

/** Taken over as they are said; the rest of a person is theirs. */
const CLAIMS = [
  'name',
  'given_name',
  'family_name',
  'nickname',
  'preferred_username',
  'picture',
  'locale',
] as const satisfies readonly (keyof StandardClaims & keyof Rules['mapping'])[];

/**
 * As `trust.email` says, and what is said of an address counts more than that nobody has to say it. One of an organization speaks for the mailboxes of
 * the domains that the organization has proved, and for no others, whatever is set.
 */
function isBelieved(
  emailNormalized: string,
  {
    said,
    trust,
    domains,
  }: { said: string | undefined; trust: Rules['trust']['email']; domains: readonly string[] | null },
): boolean {
  if (domains && !isBelow(domains, emailNormalized)) return false;
  const isSaid = said === 'true';
  return trust === 'always' ? isSaid || said === undefined : trust === 'claim' && isSaid;
}

/** Exactly: who has proved a domain has not proved those below it. */
export function isBelow(domains: readonly string[], emailNormalized: string): boolean {
  const domain = domainOf(emailNormalized);
  return domain !== undefined && domains.includes(domain);
}

/** Of the attributes that may say it, the first that says something. */
function firstOf(
  attributes: UpstreamIdentity['attributes'],
  names: readonly string[] = [],
): { attribute: string; value: string } | undefined {
  for (const attribute of names) {
    const value = valuesOf(attributes, attribute).find((text) => text.trim() !== '');
    if (value !== undefined) return { attribute, value };
  }
  return undefined;
}

function groupsOf(attributes: UpstreamIdentity['attributes'], names: readonly string[]): string[] {
  const first = names.find((name) => valuesOf(attributes, name).length > 0);
  const groups = first === undefined ? [] : valuesOf(attributes, first);
  const readable = groups.filter((group) => group.length <= 512 && group !== '' && !/[\p{Cc}\p{Cs}]/u.test(group));
  return [...new Set(readable)].slice(0, MOST_GROUPS);
}

const valuesOf = (attributes: UpstreamIdentity['attributes'], name: string): string[] =>
  Object.hasOwn(attributes, name) ? (attributes[name] ?? []) : [];
