// OAuth 2.0 (RFC 6749) with PKCE (RFC 7636) and the BCP (RFC 9700), and OpenID Connect Core: rows, keys, scopes, claims, the authorization request.
import type { Configuration } from 'oidc-provider';
import { acrValues, claimsByScope, routes, scopes } from '../../../config/protocol.js';
import { COMPATIBILITY_RESPONSE_TYPES, RESPONSE_TYPES, SERVER_ALGS } from '../../features/clients/metadata/values.js';
import { pairwiseSubject } from '../../features/clients/pairwise.js';
import { grantTypesOff } from '../../features/tenants/protocol-policy/protocol-policy.js';
import { createFindAccount } from '../account.js';
import { createAdapter } from '../adapter.js';
import { needsPkce } from '../compatibility.js';
import { createLoadExistingGrant, keepWithinScope } from '../grant.js';
import { checkHint } from '../identity-provider-hint.js';
import { checkOrganization } from '../organization.js';
import { createPolicy } from '../policy.js';
import type { Chapter } from './chapter.js';

export const core: Chapter = (deps, issuer) => ({
  adapter: createAdapter(deps, grantTypesOff(issuer.protocol)),
  findAccount: createFindAccount(deps.users, deps.organizationAccess) as Configuration['findAccount'],
  jwks: { keys: issuer.jwks },
  routes,
  renderError: deps.pages.renderError,

  responseTypes: [...RESPONSE_TYPES, ...(issuer.protocol.compatibility ? COMPATIBILITY_RESPONSE_TYPES : [])],
  pkce: { required: needsPkce(issuer.protocol) },
  allowOmittingSingleRegisteredRedirectUri: false,
  interactions: {
    policy: createPolicy({
      policy: issuer.authentication,
      devices: deps.devices,
      secondFactors: deps.secondFactors,
      handlesCookie: issuer.handlesCookie,
      organizations: deps.organizationAccess,
      agreements: deps.protocol.grants,
    }),
    url: (_ctx, interaction) => `${issuer.url}/interaction/${interaction.uid}`,
  },
  loadExistingGrant: createLoadExistingGrant(
    deps.protocol,
    deps.organizationAccess,
  ) as Configuration['loadExistingGrant'],

  scopes: [...scopes],
  extraParams: { organization: checkOrganization as never, connection: checkHint, idp_hint: checkHint },
  claims: {
    ...Object.fromEntries(Object.entries(claimsByScope).map(([scope, claims]) => [scope, [...claims]])),
    // Of an ID token only what `openid` stands for: whoever asked for an organization is told there as well which one it is.
    openid: [...claimsByScope.openid, ...claimsByScope.organization],
    sid: null,
    iss: null,
  },
  acrValues: [...acrValues],
  discovery: {
    prompt_values_supported: [
      'none',
      'login',
      'consent',
      'select_account',
      ...(issuer.authentication.registration === 'open' ? ['create'] : []),
    ],
  },
  conformIdTokenClaims: true,
  subjectTypes: ['public', 'pairwise'],
  pairwiseIdentifier: async (_ctx, accountId, client) =>
    pairwiseSubject(issuer.pairwiseSalt, client.sectorIdentifier, accountId),
  enabledJWA: {
    idTokenSigningAlgValues: [...SERVER_ALGS],
    userinfoSigningAlgValues: [...SERVER_ALGS],
  },
  features: {
    // Its pages would be the engine's.
    devInteractions: { enabled: false },
    userinfo: { enabled: true },
    jwtUserinfo: { enabled: true },
    claimsParameter: { enabled: true, assertClaimsParameter: keepWithinScope as never },
  },
});
