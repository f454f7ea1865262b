// What a sign-in at an identity provider proves here: to whom, how strongly, and since when. Pure.
import type { Proof } from '../authentication/assurance.js';
import type { Connection } from './connection.entity.js';
import type { UpstreamIdentity } from './upstream-identity.js';

type Said = Pick<UpstreamIdentity, 'acr' | 'amr' | 'authenticated_at'>;

/**
 * A session that goes on over there does not make a sign-in look new here (OpenID Connect Core §2, auth_time).
 * @param received NumericDate.
 */
export function upstreamProof(
  { id, organizationId, settings }: Pick<Connection, 'id' | 'organizationId' | 'settings'>,
  identity: Said,
  received: number,
): Proof {
  const at = Math.min(received, identity.authenticated_at ?? received);
  return {
    method: 'connection',
    at,
    ...(at < received ? { received } : {}),
    ...(identity.authenticated_at === undefined ? { since_unknown: true } : {}),
    connection: id,
    ...(organizationId ? { organization: organizationId } : {}),
    ...(saysSecondFactor(settings, identity) ? { mfa: true } : {}),
  };
}

function saysSecondFactor({ trust, oidc, saml }: Connection['settings'], { acr, amr = [] }: Said): boolean {
  if (!trust.mfa) return false;
  const classes = [...(oidc?.mfa.acr ?? []), ...(saml?.mfa_contexts ?? [])];
  return (acr !== undefined && classes.includes(acr)) || amr.some((one) => oidc?.mfa.amr.includes(one));
}
