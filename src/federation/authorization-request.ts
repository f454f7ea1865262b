// The request with which a browser is sent to an identity provider (OpenID Connect Core §3.1.2.1, RFC 7636, RFC 9700 §2.1): what was asked of us is
// asked of it. Our classes of authentication are nothing to it: it is asked for its own, and whoever looks at what was proved knows whether they do.
import { hash } from 'node:crypto';
import { MULTI_FACTOR } from '../features/authentication/assurance.js';
import { meets } from '../features/authentication/requested-acr.js';
import type { Asked } from '../features/connections/federated-sign-in.js';
import type { Upstream } from './upstream.js';

export interface Secrets {
  state: string;
  nonce: string;
  verifier: string;
}

/** Others are for their own pages, or for nobody. */
const prompts = ['login', 'select_account', 'consent', 'none'];

export function authorizationParameters(
  { kind, scopes, responseMode, mfaClasses }: Pick<Upstream, 'kind' | 'scopes' | 'responseMode' | 'mfaClasses'>,
  { prompt, max_age, login_hint, acr = [] }: Partial<Pick<Asked, 'prompt' | 'max_age' | 'login_hint' | 'acr'>>,
  { state, nonce, verifier, redirectUri }: Secrets & { redirectUri: string },
): Record<string, string> {
  const passedOn = (prompt ?? '').split(' ').filter((one) => prompts.includes(one));
  // Whoever is asked for a new sign-in says then when it was (OpenID Connect Core §2, auth_time).
  const oldest = max_age ?? (passedOn.includes('login') ? 0 : undefined);
  const classes = acr.some((one) => meets(one, MULTI_FACTOR)) ? mfaClasses : [];
  const openid = {
    nonce,
    ...(responseMode === 'query' ? {} : { response_mode: responseMode }),
    ...(passedOn.length > 0 ? { prompt: passedOn.join(' ') } : {}),
    ...(oldest === undefined ? {} : { max_age: String(oldest) }),
    ...(classes.length > 0 ? { acr_values: classes.join(' ') } : {}),
    ...(login_hint ? { login_hint } : {}),
  };
  return {
    response_type: 'code',
    redirect_uri: redirectUri,
    ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
    state,
    code_challenge: hash('sha256', verifier, 'base64url'),
    code_challenge_method: 'S256',
    ...(kind === 'oidc' ? openid : {}),
  };
}

/** Whether the person is to prove anew who they are. */
export const asksAnew = ({ prompt }: Partial<Pick<Asked, 'prompt'>>): boolean =>
  (prompt ?? '').split(' ').includes('login');
