// Which names a domain can be proved under, and what they look like: as DNS has them, in A-labels and small letters (RFC 5890 §2.3.2.1).
import { domainToASCII } from 'node:url';
import { z } from 'zod';

/** Where the owner of a domain puts what we ask for. */
const CHALLENGE_LABEL = '_ostiary-challenge';

export const challengeName = (domain: string): string => `${CHALLENGE_LABEL}.${domain}`;
export const challengeValue = (secret: string): string => `ostiary-domain-verification=${secret}`;

/** RFC 1035 §2.3.4, for the longer of the two names. */
const LONGEST = 253 - CHALLENGE_LABEL.length - 1;

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** They belong to nobody, or to everybody who has a network of their own (RFC 6761, RFC 6762, RFC 7686, RFC 8375). */
const OF_NOBODY = new Set([
  'localhost',
  'local',
  'localdomain',
  'internal',
  'intranet',
  'lan',
  'home',
  'corp',
  'invalid',
  'onion',
  'arpa',
]);

/** Below country codes these are where domains are registered, not domains themselves. */
const REGISTRY_LABEL = /^(?:ac|asso|co|com|edu|ed|go|gob|gouv|gov|govt|gv|ltd|me|mil|ne|net|nom|or|org|plc|sch)$/;

const isRegistry = ([first = '', second = '', ...more]: readonly string[]): boolean =>
  more.length === 0 && second.length === 2 && REGISTRY_LABEL.test(first);

/** @returns undefined where it is no domain that somebody could have registered. */
export function normalizeDomain(raw: string): string | undefined {
  const trimmed = raw.trim();
  // domainToASCII reads more than names: addresses in any notation, and what ends before a path.
  if (trimmed.length > 1024 || /[\p{Cc}\p{Cf}\s/?#@:\\%[\]_*]/u.test(trimmed)) return undefined;
  const domain = domainToASCII(trimmed.normalize('NFKC')).toLowerCase();
  const labels = domain.split('.');
  const last = labels.at(-1) ?? '';
  if (domain.length > LONGEST || labels.length < 2 || !labels.every((label) => LABEL.test(label))) return undefined;
  if (!/^(?:[a-z]{2,}|xn--[a-z0-9-]+)$/.test(last) || OF_NOBODY.has(last) || isRegistry(labels)) return undefined;
  return domain;
}

/** Of an address as it is stored for look-up. @returns undefined where it has none that DNS could know. */
export const domainOf = (emailNormalized: string): string | undefined =>
  normalizeDomain(emailNormalized.slice(emailNormalized.lastIndexOf('@') + 1));

export const DomainName = z
  .string()
  .max(1024)
  .transform((raw, context) => {
    const domain = normalizeDomain(raw);
    if (domain) return domain;
    context.addIssue({ code: 'custom', message: 'must be a domain that can be registered, as example.com' });
    return z.NEVER;
  });
