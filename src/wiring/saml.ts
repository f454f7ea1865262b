// The door of SAML, wired: to identity providers, back from them, and the sign-outs of both sides.
import type Router from '@koa/router';
import { routes } from '../../config/protocol.js';
import { WayBack } from '../account/way-back.js';
import { ACCOUNT_CLIENT, SIGNED_IN_PATH } from '../features/clients/built-in-clients.js';
import { Connection } from '../features/connections/connection.entity.js';
import { deriveKey, secretKey } from '../platform/crypto.js';
import type { Csrf } from '../platform/csrf.js';
import type { Pages } from '../platform/page.js';
import { SamlAnswers } from '../saml/answer.js';
import { SamlLogouts } from '../saml/logout.js';
import { LogoutTickets } from '../saml/logout-tickets.js';
import { SamlRequests } from '../saml/request.js';
import { createSamlRouter } from '../saml/routes.js';
import { ServiceProviders } from '../saml/service-provider.js';
import type { Services } from '../services.js';

export interface Saml {
  router: Router;
  /** @returns where a browser goes whose session has just ended, before it goes on. */
  afterSignOut: SamlLogouts['addressAfter'];
}

export function openSaml(services: Services, { csrf, pages }: { csrf: Csrf; pages: Pages }): Saml {
  const { config, db, tenants, clock, sealer, protocol, rateLimits, limits } = services;
  const { connections, connectionKeys, federatedSignIns: signIns, upstreamSessions } = services;
  const any = (id: string) => db.repo(Connection).findOneBy({ id });
  const enabled = connections.enabled.bind(connections);
  const issuer = async () => tenants.issuerOf(await tenants.current());
  const serviceProviders = new ServiceProviders({ enabled, any }, connectionKeys, issuer);
  const tickets = new LogoutTickets(sealer, secretKey(deriveKey(config.cookieKeys[0] ?? '', 'saml-logout')), clock);
  const { replays } = protocol;
  const logouts = new SamlLogouts(db, serviceProviders, signIns, upstreamSessions, replays, tickets, clock);
  const wayBack = new WayBack(config.cookieKeys.map((key) => deriveKey(key, 'account')));
  const answers = new SamlAnswers(serviceProviders, signIns, replays, clock);
  services.traceValidation.by('saml', answers.validate.bind(answers));
  const router = createSamlRouter({
    serviceProviders,
    requests: new SamlRequests(serviceProviders, signIns, clock),
    answers,
    logout: { logouts, tickets },
    arrival: { serviceProviders, signIns, csrf, signIn: (at, connection) => signInBy(at, connection, wayBack) },
    pages,
    failures: rateLimits.limiter({ name: 'federation', ...limits.federationFailures }),
  });
  return { router, afterSignOut: logouts.addressAfter.bind(logouts) };
}

/** The account asks for a sign-in by this connection, as any application could. */
function signInBy(issuer: string, { key }: Connection, wayBack: WayBack): string {
  const request = new URLSearchParams({
    client_id: ACCOUNT_CLIENT,
    response_type: 'none',
    redirect_uri: `${issuer}${SIGNED_IN_PATH}`,
    scope: 'openid',
    state: wayBack.state('/account'),
    connection: key,
  });
  return `${issuer}${routes.authorization}?${request}`;
}
