// The pages and the JSON of a sign-in, wired: what the dispatcher and its steps are made of.
import type Router from '@koa/router';
import type { Engine } from '../features/protocol/engine.js';
import { CaptchaQuestion } from '../interaction/captcha.js';
import { createInteractionRouter, type InteractionDependencies } from '../interaction/routes.js';
import type { Csrf } from '../platform/csrf.js';
import type { Pages } from '../platform/page.js';
import type { Services } from '../services.js';

interface Surroundings {
  engine: Engine;
  csrf: Csrf;
  pages: Pages;
  signIns: InteractionDependencies['signIns'];
}

export function openInteraction(services: Services, surroundings: Surroundings): { pages: Router; json: Router } {
  const { tenants } = services;
  const settings = async () => (await tenants.current()).settings;
  return createInteractionRouter({
    ...surroundings,
    clients: services.clients,
    passwords: services.passwords,
    secondFactors: services.secondFactors,
    passkeys: services.passkeyCeremonies,
    passkeyHints: services.passkeyHints,
    ownFactors: services.ownFactors,
    devices: services.devices,
    organizationAccess: services.organizationAccess,
    signInWatch: services.signInWatch,
    captcha: new CaptchaQuestion(services.captcha, async () => (await settings()).lockout),
    totp: services.totp,
    emailCodes: services.emailCodes,
    magicLinks: services.magicLinks,
    emailVerification: services.emailVerification,
    registration: services.registration,
    forgottenPasswords: services.forgottenPasswords,
    factorRecoveries: services.factorRecoveries,
    homeRealms: services.homeRealms,
    sessionSeconds: async () => (await settings()).sessions.absolute_seconds,
    organizationRealms: services.organizationRealms,
    federatedSignIns: services.federatedSignIns,
    provisioning: services.provisioning,
    domainAuthority: services.domainAuthority,
    users: services.users,
    sessions: services.ownSessions,
    grants: services.protocol.grants,
    resources: services.resources,
    logger: services.logger,
    rateLimits: services.rateLimits,
    clock: services.clock,
    limits: services.limits,
    layout: async () => (await settings()).sign_in_layout,
    policy: async () => (await settings()).authentication,
    issuerName: services.issuerName,
    qrCode: services.qrCode,
  });
}
