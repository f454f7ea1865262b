// When a person has to be asked: account choice, login (also because of where they are, of acr and of the tenant's policy), consent.
import { errors, interactionPolicy, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { isSinceKnown, MULTI_FACTOR, type Proof, strength } from '../features/authentication/assurance.js';
import { FRESH_SECONDS } from '../features/authentication/freshness.js';
import { signInOf } from '../features/authentication/ledger.js';
import { answeredAcr, meets, type RequestedAcr, requestedAcr } from '../features/authentication/requested-acr.js';
import { isExcused } from '../features/authentication/requirement.js';
import { API_DOCS_CLIENT } from '../features/clients/built-in-clients.js';
import { settingsOf } from '../features/clients/client-settings.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { Devices } from '../features/devices/device.service.js';
import { readHandles } from '../features/devices/device-handles.js';
import type { OrganizationAccess } from '../features/organization-access/organization-access.js';
import type { Consent } from '../features/protocol/consent.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import { requestOf } from './adapter.js';
import { needsAgreement } from './authorization-details.js';
import { assuranceFor } from './organization.js';
import { bypassNote, organizationPrompt, organizationProof, shownForConsent } from './organization-policy.js';
import type { Telling } from './organization-telling.js';

const { base, Check, Prompt } = interactionPolicy;

export interface SignInRules {
  policy: Pick<AuthenticationPolicy, 'multi_factor' | 'second_factors' | 'remember_days' | 'registration'>;
  devices: Pick<Devices, 'isTrusted'>;
  secondFactors: Pick<SecondFactors, 'of'>;
  /** The cookie in which a browser holds what it is recognised by. */
  handlesCookie: string;
  organizations: OrganizationAccess;
  agreements: Telling['agreements'];
}

type EngineRequest = KoaContextWithOIDC['oidc'];

/** Where people make accounts themselves, they may be sent to do it (Initiating User Registration 1.0 §4.1). */
export function createPolicy(rules: SignInRules) {
  const policy = base();

  // The engine compares acr by equality, so that a stronger class than the one asked for would loop: compared by strength below.
  const login = policy.get('login');
  login?.checks.remove('essential_acrs');
  login?.checks.remove('essential_acr');
  login?.checks.add(
    new Check('session_moved', 'the End-User is to sign in again', 'login_required', (ctx) =>
      Boolean(isSignedIn(ctx.oidc) && requestOf(ctx).session?.moved),
    ),
    0,
  );
  login?.checks.add(
    new Check('since_unknown', 'nobody knows how long ago the End-User signed in', 'login_required', isSinceUnknown),
  );
  // Whatever max_age says: nobody is asked whether they agree, and what the token opens takes a new proof on the pages of the account.
  login?.checks.add(
    new Check('api_docs', 'the management API takes a new proof', 'login_required', ({ oidc }) =>
      Boolean(oidc.client?.clientId === API_DOCS_CLIENT && isSignedIn(oidc) && oidc.session?.past(FRESH_SECONDS)),
    ),
  );
  login?.checks.add(
    new Check('acr_unmet', 'a stronger authentication is required', 'unmet_authentication_requirements', acrUnmet),
  );
  login?.checks.add(
    new Check('mfa_required', 'a second factor is required', 'login_required', (ctx) => needsSecondFactor(ctx, rules)),
  );

  login?.checks.add(organizationProof(rules));
  policy.add(organizationPrompt(rules), 1);
  policy.add(bypassNote(rules.organizations));

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

  if (consent) Object.assign(consent, { details: shownForConsent(rules.organizations) });

  // The engine believes any consent given in this request, also that of an account that was left since.
  consent?.checks.remove('rar_prompt');
  consent?.checks.add(
    new Check('rar_prompt', 'authorization_details were requested', 'consent_required', ({ oidc }) =>
      needsAgreement(oidc),
    ),
  );

  // RFC 8707 §2: a token for a resource may be worth something there without any scope; the engine asks about scopes alone.
  consent?.checks.add(
    new Check(
      'resources_unseen',
      'a resource was not agreed to',
      'consent_required',
      ({ oidc }) => unseenResources(oidc).length > 0,
      ({ oidc }) => ({ unseenResources: unseenResources(oidc) }),
    ),
  );

  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  if (rules.policy.registration === 'open') policy.add(new Prompt({ name: 'create', requestable: true }), 0);
  return policy;
}

/** OpenID Connect Core §5.5.1.1: the claim acr is one of the requested values where one of them is met. */
export function answerAcr(provider: Provider): void {
  Object.defineProperty(provider.OIDCContext.prototype, 'acr', {
    get(this: EngineRequest & { ctx: object }): string | undefined {
      const reached = assuranceFor(this.ctx)?.acr ?? this.session?.acr;
      return answeredAcr(requestedAcr((this.params ?? {}) as Record<string, unknown>), reached);
    },
  });
}

/** Resources of the request that this person was never shown for this client. */
function unseenResources({ client, entities, resourceServers }: EngineRequest): string[] {
  const { consent_policy, dynamic } = settingsOf(client);
  if (consent_policy === 'implicit' && !dynamic) return [];
  const { resources = {}, rejected } = (entities.Grant ?? {}) as Consent;
  return Object.keys(resourceServers ?? {}).filter(
    (identifier) => !Object.hasOwn(resources, identifier) && !Object.hasOwn(rejected?.resources ?? {}, identifier),
  );
}

/** In a session that was there before: whoever has just signed in was asked for all there is to be asked for. */
const isSignedIn = ({ session, result }: EngineRequest): boolean => Boolean(session?.accountId) && !result?.login;

/** OpenID Connect Core §3.1.2.1, max_age: an identity provider that does not say since when has said nothing of it, however new its answer was. */
function isSinceUnknown(ctx: KoaContextWithOIDC): boolean {
  const { session, params } = ctx.oidc;
  if (!session || params?.max_age === undefined || !isSignedIn(ctx.oidc)) return false;
  const proofs = requestOf(ctx).sessionsByUid.get(session.uid)?.proofs as Proof[] | undefined;
  return !isSinceKnown(signInOf({ proofs, amr: session.amr ?? [], ts: session.loginTs ?? 0 }));
}

/** @throws UnmetAuthenticationRequirements when the person has just signed in and an essential class is still out of reach (OIDC Unmet Authentication Requirements 1.0). */
function acrUnmet({ oidc }: KoaContextWithOIDC): boolean {
  const { values, essential } = requestOfAcr(oidc);
  // OpenID Connect Core §3.1.2.1: acr_values is voluntary, so a class that nobody knows here is nothing to be asked for.
  const wanted = essential ? values : values.filter((value) => strength(value) >= 0);
  if (wanted.length === 0 || !oidc.session?.accountId) return false;
  if (wanted.some((value) => meets(oidc.session?.acr, value))) return false;
  if (!oidc.result?.login) return true;
  if (essential)
    throw new errors.UnmetAuthenticationRequirements('none of the requested authentication classes could be reached');
  return false;
}

/** @throws InvalidRequest where what is essential is no list (OpenID Connect Core §5.5.1). */
function requestOfAcr({ params, claims }: EngineRequest): RequestedAcr {
  const { essential, values } =
    (claims?.id_token as { acr?: { essential?: boolean; values?: unknown } | null } | undefined)?.acr ?? {};
  if (essential && values !== undefined && !Array.isArray(values))
    throw new errors.InvalidRequest('invalid claims.id_token.acr.values type');
  return requestedAcr((params ?? {}) as Record<string, unknown>);
}

/** The tenant requires a second factor, this session was begun without one, and not in a browser that is remembered for it. */
async function needsSecondFactor(ctx: KoaContextWithOIDC, rules: SignInRules): Promise<boolean> {
  const { policy, devices, secondFactors, handlesCookie } = rules;
  const { session } = ctx.oidc;
  if (policy.multi_factor !== 'required' || !isSignedIn(ctx.oidc) || meets(session?.acr, MULTI_FACTOR)) return false;
  if (policy.remember_days === 0) return true;
  const accountId = String(session?.accountId);
  if (!(await devices.isTrusted(accountId, readHandles(ctx.cookies.get(handlesCookie))))) return true;
  return !isExcused({ policy, has: await secondFactors.of(accountId), remembered: true });
}
