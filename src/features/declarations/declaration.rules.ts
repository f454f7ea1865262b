// What must hold beyond the shape of one member: between the members of an entry, and between the entries of a file.
import { judgeHash } from '../../platform/hash-formats/taking-over.js';
import { withDefaults } from '../clients/client.metadata.js';
import { metadataIssues, needsSecret } from '../clients/client.rules.js';
import { type PasswordProblem, passwordProblem } from '../credentials/password-policy.js';
import { normalizeIdentifier } from '../users/identifier.js';
import type { Finding } from './declaration.problems.js';
import type { DeclaredClient, DeclaredTenant, DeclaredUser, Entry } from './declaration.schema.js';

/** Paths are relative to the entry. */
export function clientFindings(client: DeclaredClient): Finding[] {
  const { client_id, client_secret, disabled, roles, consent_policy, ...metadata } = client;
  const full = withDefaults(metadata);
  const found: Finding[] = metadataIssues(full).map(({ pointer, message }) => ({ path: segments(pointer), message }));
  if (client_secret !== undefined && !needsSecret(full))
    found.push({
      path: ['client_secret'],
      message: `a client with token_endpoint_auth_method ${full.token_endpoint_auth_method} has no client_secret`,
    });
  return found;
}

export function userFindings({ email, password, password_hash: hash }: DeclaredUser): Finding[] {
  const found: Finding[] = [];
  if (password !== undefined && hash !== undefined)
    found.push({ path: ['password_hash'], message: 'password and password_hash exclude each other' });
  const problem = password === undefined ? undefined : passwordProblem(password, { email });
  if (problem) found.push({ path: ['password'], message: passwordWords[problem] });
  const verdict = hash === undefined ? undefined : judgeHash(hash);
  if (typeof verdict === 'string') found.push({ path: ['password_hash'], message: verdict });
  return found;
}

/** Two entries of one name in one tenant would overwrite each other, one way and then the other. */
export function duplicates(tenants: readonly DeclaredTenant[]): Finding[] {
  const found: Finding[] = [];
  for (const { clients, users, resources, roles } of tenants) {
    found.push(
      ...repeated(clients, 'client_id', ({ client_id }) => client_id),
      ...repeated(users, 'email', ({ email }) => normalizeIdentifier(email) ?? email),
      ...repeated(resources, 'identifier', ({ identifier }) => identifier),
      ...repeated(roles, 'key', ({ key }) => key),
    );
  }
  const owners = tenants.filter(({ own }) => own?.host).map(({ path, own }) => ({ path, value: own?.host ?? '' }));
  return [...found, ...repeated(owners, 'host', (host) => host)];
}

export function repeated<T>(entries: readonly Entry<T>[], member: string, nameOf: (value: T) => string): Finding[] {
  const seen = new Set<string>();
  return entries.flatMap(({ path, value }) => {
    const name = nameOf(value);
    if (seen.has(name)) return [{ path: [...path, member], message: `${name} is there twice` }];
    seen.add(name);
    return [];
  });
}

/** RFC 6901, where list indices are numbers again. */
export const segments = (pointer: string): (string | number)[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')));

const passwordWords: Record<PasswordProblem, string> = {
  too_short: 'must have at least 8 characters',
  too_long: 'must have at most 1024 characters',
  common: 'is one of the passwords that everybody guesses first',
  contains_email: 'is too much like the e-mail address',
  contains_name: 'is too much like the name of the tenant',
  repeated: 'repeats the same few characters',
  sequence: 'is a sequence of the alphabet or the keyboard',
};
