// The pages between an authorization request and its code, and the same steps as forms of programs.
// Hands off to: the dispatcher, which knows the step that is next; views for words.
import Router from '@koa/router';
import { limits as defaults } from '../../config/protocol.js';
import type { ForgottenPasswords } from '../features/accounts/forgotten-passwords.js';
import { readForm, seeOther } from '../platform/form.js';
import type { Logger } from '../platform/logger.js';
import type { Pages } from '../platform/page.js';
import { strengthMeter } from '../platform/strength-meter.js';
import { Dispatcher, type DispatcherDependencies } from './dispatcher.js';
import { Federation, type FederationDependencies, federationRoutes } from './federation.js';
import { createJsonRouter, describe, JSON_PATH } from './json.js';
import { type LinkDependencies, Links, linkRoutes } from './links.js';
import { type PasskeyOptionsDependencies, passkeyOptions } from './passkey.js';
import { type RealmDependencies, Realms } from './realms.js';
import { type Form, field, Stage } from './visit.js';

export interface InteractionDependencies
  extends Omit<DispatcherDependencies, 'realms'>,
    RealmDependencies,
    Omit<FederationDependencies, 'realms'>,
    LinkDependencies,
    PasskeyOptionsDependencies {
  forgottenPasswords: ForgottenPasswords;
  pages: Pages;
  logger: Logger;
}

/** @returns the pages, and the same steps as forms of programs. */
export function createInteractionRouter(deps: InteractionDependencies): { pages: Router; json: Router } {
  const { engine } = deps;
  const stage = new Stage(deps.pages, engine);
  const realms = new Realms(stage, deps);
  const federation = new Federation(stage, { ...deps, realms });
  const dispatcher = new Dispatcher(stage, { ...deps, realms }, federation);
  const links = new Links(stage, deps);
  const answerStrength = strengthMeter(deps.passwords, deps.rateLimits, defaults.strength);
  const router = new Router({ prefix: '/interaction', sensitive: true, strict: true });

  router.get('/:uid', async (ctx) => {
    const visit = await dispatcher.visitOf(ctx);
    const next = await dispatcher.stepOf(visit);
    if (ctx.accepts('html')) return dispatcher.show(visit, next);
    // The form of a program comes to another address than the page: the cookie has to reach that one, too.
    await engine.reach(ctx.req, ctx.res, `${ctx.state.prefix}${JSON_PATH}`);
    ctx.set('Cache-Control', 'no-store');
    ctx.body = describe(visit, next, ctx.state.issuer);
  });

  linkRoutes(router, links, stage, dispatcher);
  federationRoutes(router, federation, realms, dispatcher);

  // A link on the consent page: asks for another account, and changes nothing until one has signed in.
  router.get('/:uid/switch', async (ctx) => {
    const visit = await dispatcher.visitOf(ctx);
    if (visit.interaction.prompt.name === 'consent') await stage.remember(visit, { proofs: [], other_account: true });
    seeOther(visit.ctx, visit.base);
  });

  router.post('/:uid/strength', readForm, async (ctx) => {
    const visit = await dispatcher.visitOf(ctx);
    const body = (ctx.request.body ?? {}) as Form;
    dispatcher.guard(visit, body);
    // Where an account is made, its address is on the same page.
    const email = field(body, 'username') ?? visit.progress.identifier ?? '';
    await answerStrength(ctx, field(body, 'password') ?? '', { email });
  });

  router.post('/:uid/:step', readForm, async (ctx) => {
    const visit = await dispatcher.visitOf(ctx);
    const body = (ctx.request.body ?? {}) as Form;
    dispatcher.guard(visit, body);
    // Where nothing was done, the dispatcher shows where the person is.
    await dispatcher.submit(visit, ctx.params.step, body);
    if (ctx.body === undefined && !ctx.response.get('location')) seeOther(visit.ctx, visit.base);
  });

  const json = createJsonRouter({
    dispatcher,
    links,
    passkeyOptions: (visit, step) => passkeyOptions(deps, visit, step),
    forgottenPasswords: deps.forgottenPasswords,
    captchaField: deps.captcha.field,
    logger: deps.logger,
  });
  return { pages: router, json };
}
