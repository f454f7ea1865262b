// What must hold between the members of client metadata (metadata/), and what a tenant allows.
import { type Issue, invalid } from '../../platform/errors.js';
import { ClientMetadata, type FullMetadata, rules, withDefaults } from './client.metadata.js';
import type { Refuse } from './metadata/rule.js';
import { needsCertificate } from './metadata/tls.js';

export const needsSecret = ({ token_endpoint_auth_method: method }: Pick<FullMetadata, 'token_endpoint_auth_method'>) =>
  method === 'client_secret_basic' || method === 'client_secret_post';

/** @throws AppError 422 that names every member which breaks a rule. */
export function checkedMetadata(members: object): FullMetadata {
  const result = ClientMetadata.safeParse(members);
  const issues = result.success
    ? metadataIssues(withDefaults(result.data))
    : result.error.issues.map(({ path, message }) => ({ pointer: `/${path.join('/')}`, message }));
  if (!result.success || issues.length > 0) throw invalid('The client metadata cannot be used', issues);
  return withDefaults(result.data);
}

export function metadataIssues(client: FullMetadata): Issue[] {
  const issues: Issue[] = [];
  const refuse: Refuse = (member, message) => issues.push({ pointer: `/${member}`, message });
  for (const rule of rules) rule(client, refuse);
  return issues;
}

/** @throws AppError 422 where the client would need a certificate and nobody can show one (MTLS_ORIGIN). */
export function assertCertificates(metadata: FullMetadata, canBeShown: boolean): void {
  if (canBeShown || !needsCertificate(metadata)) return;
  throw invalid('The client metadata cannot be used', [
    { pointer: '/token_endpoint_auth_method', message: 'certificates can be shown where MTLS_ORIGIN is set' },
  ]);
}

/** @throws AppError 422 where request objects were to be encrypted to a key that the tenant has not. */
export function assertOpens({ request_object_encryption_alg: alg }: FullMetadata, algorithms: readonly string[]): void {
  if (!alg || algorithms.includes(alg)) return;
  throw invalid('The client metadata cannot be used', [
    { pointer: '/request_object_encryption_alg', message: 'is none of settings.signing_keys.encryption_algorithms' },
  ]);
}

/** @throws AppError 422 for what the tenant does not allow any client. */
export function assertAllowed({ profile }: FullMetadata, policy: { compatibility: boolean }): void {
  if (profile !== 'compatibility' || policy.compatibility) return;
  const message = 'compatibility is not allowed at this tenant (protocol.compatibility)';
  throw invalid('The client metadata cannot be used', [{ pointer: '/profile', message }]);
}

/** @throws AppError 422 where answers were to be signed with what the tenant has no key of. */
export function assertSigned(metadata: FullMetadata, algorithms: readonly string[]): void {
  const members = [
    'id_token_signed_response_alg',
    'userinfo_signed_response_alg',
    'authorization_signed_response_alg',
    'introspection_signed_response_alg',
  ] as const;
  const issues = members
    .filter((member) => metadata[member] && !algorithms.includes(metadata[member]))
    .map((member) => ({ pointer: `/${member}`, message: `must be ${algorithms.join(' or ')} at this tenant` }));
  if (issues.length > 0) throw invalid('The client metadata cannot be used', issues);
}
