// The account door, wired: what its pages and its JSON are made of.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { createAccountApi } from '../account/api.js';
import { AccountDoor } from '../account/door.js';
import type { OrganizationApiDependencies } from '../account/organization-api.js';
import { createAccountRouter } from '../account/routes.js';
import { WayBack } from '../account/way-back.js';
import { requireBearer } from '../api/bearer.js';
import { IdempotencyKeys } from '../api/idempotency.js';
import { serveEndpoint } from '../api/serving.js';
import { tenantEndpoints } from '../endpoints.js';
import { settingsOf } from '../features/clients/client-settings.js';
import type { Engine } from '../features/protocol/engine.js';
import { stateOf } from '../front.js';
import { deriveKey } from '../platform/crypto.js';
import type { Csrf } from '../platform/csrf.js';
import type { Pages } from '../platform/page.js';
import type { Services } from '../services.js';
import { organizationsOf, tokenBearer } from './api.js';

interface Surroundings {
  engine: Engine;
  csrf: Csrf;
  pages: Pages;
}

export function openAccount(services: Services, surroundings: Surroundings): { pages: Router; api: Router } {
  const { config, tenants, users, clients, resources, ownSessions: sessions } = services;
  const { secondFactors, devices, organizations, standings, db, sealer, clock, logger } = services;
  const wayBack = new WayBack(config.cookieKeys.map((key) => deriveKey(key, 'account')));
  const policy = async () => (await tenants.current()).settings.authentication;
  const door = new AccountDoor({
    ...surroundings,
    users,
    sessions,
    secondFactors,
    domainAuthority: services.domainAuthority,
    policy,
    wayBack,
    clock,
    logger,
  });
  const factors = {
    secondFactors,
    totp: services.totp,
    passkeys: services.passkeys,
    passkeyCeremonies: services.passkeyCeremonies,
    passkeyHints: services.passkeyHints,
    ownFactors: services.ownFactors,
    issuerName: services.issuerName,
    qrCode: services.qrCode,
  };
  const asked = {
    requests: services.backchannelRequests,
    resources,
    organizationAccess: services.organizationAccess,
    application: async (clientId: string) => {
      const metadata = (await clients.engineMetadata(clientId)) ?? {};
      return { name: String(metadata.client_name ?? clientId), dynamic: settingsOf(metadata).dynamic === true };
    },
  };
  const pages = createAccountRouter(door, {
    ...factors,
    ...asked,
    policy,
    pages: surroundings.pages,
    passwords: services.passwords,
    ownPassword: services.ownPassword,
    rateLimits: services.rateLimits,
    clock,
    wayBack,
    users,
    emailChange: services.emailChange,
    accountDeletion: services.accountDeletion,
    invitationAnswers: services.invitationAnswers,
    keptInvitations: services.keptInvitations,
    emailVerification: services.emailVerification,
    dataExport: services.dataExport,
    locales: services.views.locales.available,
    sessions,
    ownIdentities: services.ownIdentities,
    federatedSignIns: services.federatedSignIns,
    devices,
    grants: services.ownGrants,
    clients,
    activity: services.ownActivity,
    lockdownLinks: services.lockdownLinks,
    db,
    tenants,
    organizations,
    standings,
    memberships: services.memberships,
    invitations: services.invitations,
    teams: services.teams,
    organizationRoles: services.organizationRoles,
    domains: services.domains,
    clientName: async (clientId) => (await clients.engineMetadata(clientId))?.client_name as string | undefined,
  });
  const authenticate = tokenBearer(services);
  const tokenHolder = async (ctx: Context) => {
    ctx.set('Cache-Control', 'no-store');
    const { actor } = await requireBearer(ctx, {
      authenticate,
      realm: `${stateOf(ctx).issuer}/api`,
      scope: 'users:read',
    });
    return actor.type === 'user' ? users.findActive(actor.id) : undefined;
  };
  const serving = { keys: new IdempotencyKeys(db, sealer, clock), ...organizationsOf(services) };
  const asMember: OrganizationApiDependencies = {
    memberEndpoints: tenantEndpoints(services).filter(({ member }) => member),
    db,
    organizations,
    standings,
    serve: (ctx, endpoint, asking) => serveEndpoint(ctx, endpoint, asking, serving),
  };
  const api = createAccountApi(door, {
    ...factors,
    ...asked,
    ...asMember,
    ownIdentities: services.ownIdentities,
    users,
    sessions,
    tokenHolder,
    logger,
  });
  return { pages, api };
}
