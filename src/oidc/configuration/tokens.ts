// Codes and tokens (RFC 6749, RFC 6750, RFC 9068): how long they are good, what they carry, and with what they end.
import { lifetimes } from '../../../config/protocol.js';
import { settingsOf } from '../../features/clients/client-settings.js';
import type { EngineContext } from '../engine-types.js';
import { actOf } from '../grants/acting.js';
import { saySubject } from '../grants/presented-keys.js';
import { authenticationOf, standsOn } from '../jwt-claims.js';
import { membershipSaid, noLongerThan } from '../organization-claims.js';
import { profileOf } from '../profile.js';
import { rolesSaid } from '../role-claims.js';
import type { Chapter } from './chapter.js';

export const tokens: Chapter = ({ organizationAccess, protocol, ...deps }) => ({
  ttl: {
    AccessToken: (ctx, token, client) =>
      noLongerThan(
        ctx,
        token.resourceServer?.accessTokenTTL ?? settingsOf(client).access_token_ttl ?? lifetimes.accessToken,
      ),
    AuthorizationCode: lifetimes.authorizationCode,
    ClientCredentials: (_ctx, token, client) =>
      token.resourceServer?.accessTokenTTL ?? settingsOf(client).access_token_ttl ?? lifetimes.clientCredentials,
    IdToken: lifetimes.idToken,
    RefreshToken: (_ctx, token, client) => {
      const { refresh_token_ttl, profile } = settingsOf(client);
      // One that is never replaced does not begin anew when it is used.
      const idle =
        refresh_token_ttl ?? (profile === 'fapi2' ? lifetimes.refreshTokenAbsolute : lifetimes.refreshTokenIdle);
      return Math.max(1, Math.min(idle, lifetimes.refreshTokenAbsolute - token.totalLifetime()));
    },
  },
  // FAPI 2.0 §5.3.2.1 no. 9.
  rotateRefreshToken: ({ oidc }) => profileOf(oidc.client) !== 'fapi2',
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  // RFC 8628: a device goes on when the browser that approved it is closed; it ends with its grant.
  expiresWithSession: async (_ctx, token) => token.kind !== 'DeviceCode' && !token.scopes.has('offline_access'),
  revokeGrantPolicy: (ctx) => !(ctx.oidc.route === 'revocation' && ctx.oidc.entities.AccessToken),
  // Without a request it is for somebody who acts for a person: for no organization, and not by a sign-in.
  extraTokenClaims: async (ctx: EngineContext | undefined, token) =>
    // For an organization the membership says which roles count, and those of the tenant say nothing.
    extraClaims(ctx, token, {
      ...(await rolesSaid(ctx, deps, token as object)),
      ...(ctx && (await membershipSaid(ctx, organizationAccess, protocol, token as object))),
    }),
  formats: { customizers: { jwt: saySubject } },
  features: {
    clientCredentials: { enabled: true },
  },
});

function extraClaims(ctx: EngineContext | undefined, token: object, rights: object) {
  const claims = { ...standsOn(token), ...(ctx && authenticationOf(ctx, token)), ...actOf(token), ...rights };
  return Object.keys(claims).length > 0 ? claims : undefined;
}
