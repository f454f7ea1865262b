// When a person has to be asked: account choice, login (also because of acr), consent.
import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { acrValues } from '../../config/protocol.js';
import { settingsOf } from './engine-types.js';

const { base, Check, Prompt } = interactionPolicy;

/** @param registration whether people make accounts themselves: then they may be sent to do it (Initiating User Registration 1.0 §4.1). */
export function createPolicy(registration: boolean) {
  const policy = base();

  // The engine compares acr by equality, so that a stronger class than the one asked for would loop: compared by strength below.
  const login = policy.get('login');
  login?.checks.remove('essential_acrs');
  login?.checks.remove('essential_acr');
  login?.checks.add(
    new Check('acr_unmet', 'a stronger authentication is required', 'unmet_authentication_requirements', acrUnmet),
  );

  // RFC 8252 §8.6: another application may pose as a native client, so it asks each time, unless it is the house's own.
  const consent = policy.get('consent');
  consent?.checks.remove('native_client_prompt');
  consent?.checks.add(
    new Check(
      'native_client_prompt',
      'native clients require End-User interaction',
      'interaction_required',
      ({ oidc }) => {
        const implicit = settingsOf(oidc.client).consent_policy === 'implicit';
        const asks = oidc.client?.applicationType === 'native' && oidc.params?.response_type !== 'none' && !implicit;
        return Boolean(asks && !oidc.result?.consent);
      },
    ),
  );

  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  if (registration) policy.add(new Prompt({ name: 'create', requestable: true }), 0);
  return policy;
}

/** @throws UnmetAuthenticationRequirements when the person has just signed in and an essential class is still out of reach (OIDC Unmet Authentication Requirements 1.0). */
function acrUnmet({ oidc }: KoaContextWithOIDC): boolean {
  const { wanted, essential } = requestedAcr(oidc);
  if (wanted.length === 0 || !oidc.session?.accountId) return false;
  if (wanted.some((value) => strength(oidc.session?.acr) >= strength(value) && strength(value) >= 0)) return false;
  if (!oidc.result?.login) return true;
  if (essential)
    throw new errors.UnmetAuthenticationRequirements('none of the requested authentication classes could be reached');
  return false;
}

function requestedAcr(oidc: KoaContextWithOIDC['oidc']): { wanted: string[]; essential: boolean } {
  const acr = (
    oidc.claims?.id_token as { acr?: { essential?: boolean; value?: unknown; values?: unknown } } | undefined
  )?.acr;
  if (acr?.essential && (acr.value !== undefined || acr.values !== undefined)) {
    if (acr.values !== undefined && !Array.isArray(acr.values))
      throw new errors.InvalidRequest('invalid claims.id_token.acr.values type');
    return {
      wanted: [acr.value, ...((acr.values as unknown[]) ?? [])].filter((value) => typeof value === 'string'),
      essential: true,
    };
  }
  return {
    wanted: String(oidc.params?.acr_values ?? '')
      .split(' ')
      .filter(Boolean),
    essential: false,
  };
}

const strength = (acr: string | undefined): number => acrValues.indexOf(acr as (typeof acrValues)[number]);
