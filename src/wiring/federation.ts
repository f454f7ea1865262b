// The door of upstream OpenID and OAuth 2.0 providers, wired.
import type Router from '@koa/router';
import { Connection } from '../features/connections/connection.entity.js';
import { IssuerKeys } from '../features/trusted-issuers/issuer-keys.js';
import { LogoutTokens } from '../federation/logout-tokens.js';
import { createFederationRouter } from '../federation/routes.js';
import { UpstreamSignOuts } from '../federation/sign-outs.js';
import { SignedJwts } from '../federation/signed-jwt.js';
import { UpstreamClients } from '../federation/upstream-clients.js';
import { UpstreamSignIn } from '../federation/upstream-sign-in.js';
import type { Pages } from '../platform/page.js';
import type { Services } from '../services.js';

export interface Federation {
  router: Router;
  /** @returns where a browser goes whose session has just ended, before it goes on. */
  afterSignOut: UpstreamSignOuts['addressAfter'];
}

export function openFederation(services: Services, { pages }: { pages: Pages }): Federation {
  const { db, clock, sealer, egress, keys, protocol, rateLimits, limits } = services;
  const { connections, connectionSecrets, federatedSignIns, upstreamSessions, traceValidation } = services;
  const clients = new UpstreamClients(egress, clock, keys, connectionSecrets);
  const jwts = new SignedJwts(new IssuerKeys(egress));
  const upstream = new UpstreamSignIn(federatedSignIns, clients, jwts, clock);
  traceValidation.by('oidc', (...received) => upstream.validate(...received));
  const signOuts = new UpstreamSignOuts(upstreamSessions, connections, sealer, clock);
  const router = createFederationRouter({
    signIns: federatedSignIns,
    upstream,
    logoutTokens: new LogoutTokens(db, clients, jwts, protocol.replays, upstreamSessions, clock),
    find: async (id) => (await db.repo(Connection).findOneBy({ id })) ?? undefined,
    signOuts,
    pages,
    failures: rateLimits.limiter({ name: 'federation', ...limits.federationFailures }),
  });
  return { router, afterSignOut: signOuts.addressAfter.bind(signOuts) };
}
