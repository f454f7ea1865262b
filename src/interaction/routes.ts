// The pages between an authorization request and its code. The only dispatcher: every step is shown from here and returns to here.
// Hands off to: features for what is true, the engine for what has been established, views for words.
import Router from '@koa/router';
import type { Context } from 'koa';
import { acrValues } from '../../config/protocol.js';
import type { ClientService } from '../features/clients/client.service.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { Engine, Finish } from '../features/protocol/engine.js';
import type { Grants } from '../features/protocol/grants.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import type { UserService } from '../features/users/user.service.js';
import type { Clock } from '../platform/clock.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { badRequest, forbidden } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { CounterHandle } from '../platform/metrics.js';
import type { Pages } from '../platform/page.js';
import type { RateLimits } from '../platform/rate-limit.js';
import { ChangePasswordStep } from './change-password.js';
import { ConsentStep } from './consent.js';
import { LoginStep } from './login.js';
import { SelectAccountStep } from './select-account.js';
import { nextStep, Progress, type StepName } from './steps.js';
import { describeClient, type Form, Stage, type Step, text, type Visit } from './visit.js';

export interface InteractionDependencies {
  engine: Engine;
  clients: ClientService;
  passwords: PasswordService;
  users: UserService;
  grants: Grants;
  resources: ResourceService;
  rateLimits: RateLimits;
  csrf: Csrf;
  pages: Pages;
  clock: Clock;
  layout: () => Promise<'two_pages' | 'one_page'>;
  signIns: CounterHandle<'outcome'>;
  limits: { signInFailures: { points: number; seconds: number } };
}

export function createInteractionRouter(deps: InteractionDependencies): Router {
  const { engine, pages, users, csrf } = deps;
  const stage = new Stage(pages, engine);
  const steps: Record<StepName, Step> = {
    select_account: new SelectAccountStep(stage, engine, users, (visit) => finish(visit)),
    login: new LoginStep(stage, deps),
    change_password: new ChangePasswordStep(stage, deps.passwords, users, deps.clock),
    consent: new ConsentStep(stage, engine, deps.grants, deps.resources, users),
  };

  async function visitOf(ctx: Context): Promise<Visit> {
    const interaction = await engine.interaction(ctx.req, ctx.res);
    // The engine goes by the cookie alone; a cookie set for another path must not lead this address on.
    if (interaction.uid !== ctx.params.uid)
      throw badRequest('interaction_expired', 'This sign-in was begun in another browser');
    const progress = Progress.safeParse(interaction.progress ?? {});
    return {
      ctx,
      interaction,
      progress: progress.success ? progress.data : {},
      client: describeClient(interaction, await deps.clients.engineMetadata(interaction.clientId)),
      base: `${ctx.state.prefix}/interaction/${interaction.uid}`,
      csrf: csrf.token(interaction.uid),
    };
  }

  async function stepOf({ ctx, interaction, progress }: Visit): Promise<StepName | 'finish'> {
    const accounts = interaction.prompt.name === 'select_account' ? await engine.accounts(ctx.req, ctx.res) : [];
    return nextStep(interaction.prompt.name, progress, accounts.length);
  }

  /** Another person than the one who is signed in, or another session than at the beginning (a second tab): that one is kept, not ended. */
  async function isSignedInOtherwise({ ctx, interaction: { session } }: Visit, accountId: string): Promise<boolean> {
    const current = (await engine.accounts(ctx.req, ctx.res)).find((account) => account.current);
    if (current && current.accountId !== accountId) return true;
    return session !== undefined && session.uid !== current?.sessionUid;
  }

  /** The one place where what was established becomes a sign-in. */
  async function finish(visit: Visit): Promise<void> {
    const { ctx, interaction, progress } = visit;
    const result: Finish = interaction.prompt.name === 'select_account' ? { select_account: {} } : {};
    const { proof } = progress;
    if (proof) {
      if (await isSignedInOtherwise(visit, proof.user_id)) await engine.setAside(ctx.req, ctx.res);
      const user = await users.findActive(proof.user_id);
      if (!user)
        return seeOther(visit.ctx, await engine.refuse(ctx.req, ctx.res, 'access_denied', 'the account is not active'));
      await users.signedIn(user, { amr: proof.amr, clientId: interaction.clientId });
      result.login = { accountId: proof.user_id, acr: acrValues[0], amr: proof.amr, ts: proof.ts };
    }
    seeOther(visit.ctx, await engine.finish(ctx.req, ctx.res, result));
  }

  const router = new Router({ prefix: '/interaction', sensitive: true, strict: true });

  router.get('/:uid', async (ctx) => {
    const visit = await visitOf(ctx);
    const step = await stepOf(visit);
    await (step === 'finish' ? finish(visit) : steps[step].show(visit));
  });

  // A link on the consent page: asks for another account, and changes nothing until one has signed in.
  router.get('/:uid/switch', async (ctx) => {
    const visit = await visitOf(ctx);
    if (visit.interaction.prompt.name === 'consent') await stage.remember(visit, { other_account: true });
    seeOther(visit.ctx, visit.base);
  });

  router.post('/:uid/:step', shed(deps.passwords), readForm, async (ctx) => {
    const visit = await visitOf(ctx);
    const body = (ctx.request.body ?? {}) as Form;
    assertSameOrigin(ctx.headers, ctx.state.origin);
    if (!csrf.verify(visit.interaction.uid, text(body.csrf) ?? ''))
      throw forbidden('other_browser', 'The form was not made for this browser');
    // Out of order, twice, or from the back button: no progress, the dispatcher shows where the person is.
    const step = await stepOf(visit);
    if (step !== 'finish' && step === ctx.params.step) await steps[step].submit(visit, body);
    if (ctx.body === undefined && !ctx.response.get('location')) seeOther(visit.ctx, visit.base);
  });
  return router;
}

/** Where no more passwords can be hashed, the answer comes before body, database and CSRF work. */
const shed =
  (passwords: PasswordService) =>
  async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    if (ctx.params.step === 'login' || ctx.params.step === 'change_password') passwords.assertRoom();
    await next();
  };
