// The account door, wired: what its pages and its JSON are made of.
import type Router from '@koa/router';
import { createAccountApi } from './account/api.js';
import { AccountDoor } from './account/door.js';
import { createAccountRouter } from './account/routes.js';
import { WayBack } from './account/way-back.js';
import type { Engine } from './features/protocol/engine.js';
import { deriveKey } from './platform/crypto.js';
import type { Csrf } from './platform/csrf.js';
import type { Pages } from './platform/page.js';
import type { Services } from './services.js';

interface Surroundings {
  engine: Engine;
  csrf: Csrf;
  pages: Pages;
}

export function openAccount(services: Services, surroundings: Surroundings): { pages: Router; api: Router } {
  const { config, tenants, users, clients, resources, ownSessions: sessions } = services;
  const { secondFactors, devices, lockdown, clock, logger } = services;
  const wayBack = new WayBack(config.cookieKeys.map((key) => deriveKey(key, 'account')));
  const door = new AccountDoor({
    ...surroundings,
    users,
    secondFactors,
    policy: async () => (await tenants.current()).settings.authentication,
    wayBack,
    clock,
    logger,
  });
  const pages = createAccountRouter(door, {
    wayBack,
    users,
    locales: services.views.locales.available,
    sessions,
    devices,
    grants: services.ownGrants,
    clients,
    resources,
    activity: services.ownActivity,
    lockdown,
    clientName: async (clientId) => (await clients.engineMetadata(clientId))?.client_name as string | undefined,
  });
  return { pages, api: createAccountApi(door, { sessions, secondFactors, logger }) };
}
