// The door of upstream OpenID and OAuth 2.0 providers, wired.
import type Router from '@koa/router';
import { Connection } from '../features/connections/connection.entity.js';
import { IssuerKeys } from '../features/trusted-issuers/issuer-keys.js';
import { LogoutTokens } from '../federation/logout-tokens.js';
import { createFederationRouter } from '../federation/routes.js';
import { SignedJwts } from '../federation/signed-jwt.js';
import { UpstreamClients } from '../federation/upstream-clients.js';
import { UpstreamSignIn } from '../federation/upstream-sign-in.js';
import type { Pages } from '../platform/page.js';
import type { Services } from '../services.js';

export function openFederation(services: Services, { pages }: { pages: Pages }): Router {
  const { db, clock, egress, keys, protocol, rateLimits, limits } = services;
  const { connectionSecrets, federatedSignIns, upstreamSessions, traceValidation } = services;
  const clients = new UpstreamClients(egress, clock, keys, connectionSecrets);
  const jwts = new SignedJwts(new IssuerKeys(egress));
  const upstream = new UpstreamSignIn(federatedSignIns, clients, jwts, clock);
  traceValidation.by('oidc', (...received) => upstream.validate(...received));
  return createFederationRouter({
    signIns: federatedSignIns,
    upstream,
    logoutTokens: new LogoutTokens(db, clients, jwts, protocol.replays, upstreamSessions, clock),
    find: async (id) => (await db.repo(Connection).findOneBy({ id })) ?? undefined,
    pages,
    failures: rateLimits.limiter({ name: 'federation', ...limits.federationFailures }),
  });
}
