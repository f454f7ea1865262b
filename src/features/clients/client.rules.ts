// What must hold between the members of client metadata. Each rule says the member that is wrong and why.
import { type Issue, invalid } from '../../platform/errors.js';
import { ClientMetadata, type FullMetadata, withDefaults } from './client.metadata.js';
import { redirectUriProblem } from './redirect-uri.js';

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
  const refuse = (pointer: string, message: string) => issues.push({ pointer: `/${pointer}`, message });
  const grants = new Set<string>(client.grant_types);
  const method = client.token_endpoint_auth_method;

  for (const member of ['redirect_uris', 'post_logout_redirect_uris'] as const) {
    for (const [index, uri] of (client[member] ?? []).entries()) {
      const problem = redirectUriProblem(uri, client.application_type);
      if (problem) refuse(`${member}/${index}`, problem);
    }
  }
  if (client.response_types.length > 0 && client.redirect_uris.length === 0)
    refuse('redirect_uris', 'at least one is needed with response_types');
  if (grants.has('authorization_code') !== client.response_types.some((type) => type === 'code'))
    refuse('response_types', 'code and the grant type authorization_code belong together (RFC 7591 §2.1)');
  if (grants.has('refresh_token') && !grants.has('authorization_code'))
    refuse('grant_types', 'refresh_token needs a grant type in which a person takes part');
  // RFC 6749 §4.4: only confidential clients.
  if (grants.has('client_credentials') && method === 'none')
    refuse('token_endpoint_auth_method', 'client_credentials needs a client that authenticates');

  if (client.jwks && client.jwks_uri) refuse('jwks', 'jwks and jwks_uri exclude each other (RFC 7591 §2)');
  const needsKeys = method === 'private_key_jwt' || client.request_object_signing_alg;
  if (needsKeys && !client.jwks && !client.jwks_uri) refuse('jwks', 'jwks or jwks_uri is needed');
  if (client.token_endpoint_auth_signing_alg && method !== 'private_key_jwt')
    refuse('token_endpoint_auth_signing_alg', 'is for private_key_jwt');

  if (client.subject_type === 'pairwise' && !client.sector_identifier_uri) {
    // OIDC Core §8.1: with several hosts the sector has to be said.
    const hosts = new Set(client.redirect_uris.map(hostOf));
    if (hosts.size > 1) refuse('sector_identifier_uri', 'is needed with pairwise subjects and more than one host');
  }
  return issues;
}

/** @throws AppError 422 where answers were to be signed with what the tenant has no key of. */
export function assertSigned(metadata: FullMetadata, algorithms: readonly string[]): void {
  const members = ['id_token_signed_response_alg', 'userinfo_signed_response_alg'] as const;
  const issues = members
    .filter((member) => metadata[member] && !algorithms.includes(metadata[member]))
    .map((member) => ({ pointer: `/${member}`, message: `must be ${algorithms.join(' or ')} at this tenant` }));
  if (issues.length > 0) throw invalid('The client metadata cannot be used', issues);
}

function hostOf(uri: string): string {
  try {
    return new URL(uri).host;
  } catch {
    return '';
  }
}
