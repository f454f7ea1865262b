// The pages between an authorization request and its code. The only dispatcher: every step is shown from here and returns to here.
// Hands off to: features for what is true, the engine for what has been established, views for words.

import Router from '@koa/router';
import type { Context } from 'koa';
import { limits as defaults } from '../../config/protocol.js';
import type { EmailCodes } from '../features/accounts/email-codes.js';
import { askedAcr } from '../features/authentication/asked.js';
import { assess, proofsOf } from '../features/authentication/assurance.js';
import { type Need, needOf } from '../features/authentication/requirement.js';
import type { ClientService } from '../features/clients/client.service.js';
import type { OwnFactors } from '../features/credentials/own-factors.js';
import type { PasskeyService } from '../features/credentials/passkey.service.js';
import type { PasskeyHints } from '../features/credentials/passkey-hints.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { RecoveryCodes } from '../features/credentials/recovery-codes.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { TotpService } from '../features/credentials/totp.service.js';
import type { Devices } from '../features/devices/device.service.js';
import type { Engine, Finish, Interaction } from '../features/protocol/engine.js';
import type { Grants } from '../features/protocol/grants.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import type { SignInWatch } from '../features/risk/sign-in-watch.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { UserService } from '../features/users/user.service.js';
import type { Clock } from '../platform/clock.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { badRequest, forbidden } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { CounterHandle } from '../platform/metrics.js';
import type { Pages } from '../platform/page.js';
import type { RateLimits } from '../platform/rate-limit.js';
import { strengthMeter } from '../platform/strength-meter.js';
import { AddPasskeyStep } from './add-passkey.js';
import type { CaptchaQuestion } from './captcha.js';
import { ChangePasswordStep } from './change-password.js';
import { ConsentStep } from './consent.js';
import { heldHandles, holdHandle } from './device-cookie.js';
import { EmailCodeStep } from './email.js';
import { EnrolmentStep, RecoveryCodesStep } from './enrolment.js';
import { LoginStep } from './login.js';
import { SecondFactorStep } from './second-factor.js';
import { SelectAccountStep } from './select-account.js';
import { nextStep, Progress, type StepName } from './steps.js';
import { describeClient, type Form, field, Stage, type Step, text, type Visit } from './visit.js';

export interface InteractionDependencies {
  engine: Engine;
  clients: ClientService;
  passwords: PasswordService;
  secondFactors: SecondFactors;
  passkeys: PasskeyService;
  passkeyHints: PasskeyHints;
  ownFactors: OwnFactors;
  devices: Devices;
  signInWatch: SignInWatch;
  captcha: CaptchaQuestion;
  totp: TotpService;
  emailCodes: EmailCodes;
  recoveryCodes: RecoveryCodes;
  users: UserService;
  grants: Grants;
  resources: ResourceService;
  rateLimits: RateLimits;
  csrf: Csrf;
  pages: Pages;
  clock: Clock;
  layout: () => Promise<'two_pages' | 'one_page'>;
  policy: () => Promise<AuthenticationPolicy>;
  issuerName: () => Promise<string>;
  qrCode: (text: string) => Promise<string>;
  signIns: CounterHandle<'outcome'>;
  limits: { signInFailures: { points: number; seconds: number } };
}

export function createInteractionRouter(deps: InteractionDependencies): Router {
  const { engine, pages, users, csrf } = deps;
  const stage = new Stage(pages, engine);
  const addPasskey = new AddPasskeyStep(stage, deps);
  const steps: Record<StepName, Step> = {
    select_account: new SelectAccountStep(stage, engine, users, (visit) => finish(visit)),
    login: new LoginStep(stage, deps),
    email_code: new EmailCodeStep(stage, deps),
    change_password: new ChangePasswordStep(stage, deps.passwords, users, deps.clock),
    second_factor: new SecondFactorStep(stage, deps),
    enrolment: new EnrolmentStep(stage, deps),
    recovery_codes: new RecoveryCodesStep(stage),
    add_passkey: addPasskey,
    consent: new ConsentStep(stage, engine, deps.grants, deps.resources, users),
  };

  async function visitOf(ctx: Context): Promise<Visit> {
    const interaction = await engine.interaction(ctx.req, ctx.res);
    // The engine goes by the cookie alone; a cookie set for another path must not lead this address on.
    if (interaction.uid !== ctx.params.uid)
      throw badRequest('interaction_expired', 'This sign-in was begun in another browser');
    const parsed = Progress.safeParse(interaction.progress ?? {});
    const progress = begunWith(parsed.success ? parsed.data : Progress.parse({}), interaction);
    return {
      ctx,
      interaction,
      progress,
      need: await needed(ctx, progress, interaction),
      client: describeClient(interaction, await deps.clients.engineMetadata(interaction.clientId)),
      base: `${ctx.state.prefix}/interaction/${interaction.uid}`,
      csrf: csrf.token(interaction.uid),
    };
  }

  async function needed(ctx: Context, { user_id, proofs, enrolled }: Progress, { params }: Interaction): Promise<Need> {
    if (!user_id || proofs.length === 0) return { kind: 'first_factor' };
    const policy = await deps.policy();
    const has = await deps.secondFactors.of(user_id);
    // Where the tenant no longer remembers anybody, nobody is remembered.
    const remembered = policy.remember_days > 0 && (await deps.devices.isTrusted(user_id, heldHandles(ctx)));
    return needOf({ policy, asked: askedAcr(params), proofs, has, remembered, enrolled });
  }

  async function stepOf({ ctx, interaction, progress, need }: Visit): Promise<StepName | 'finish'> {
    const askForPasskey = need.kind === 'nothing' && (await addPasskey.isDue(progress));
    const accounts = interaction.prompt.name === 'select_account' ? await engine.accounts(ctx.req, ctx.res) : [];
    return nextStep(interaction.prompt.name, progress, { accounts: accounts.length, need, askForPasskey });
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
    const { user_id: accountId, proofs } = progress;
    if (accountId && proofs.length > 0) {
      if (await isSignedInOtherwise(visit, accountId)) await engine.setAside(ctx.req, ctx.res);
      const user = await users.findActive(accountId);
      if (!user)
        return seeOther(visit.ctx, await engine.refuse(ctx.req, ctx.res, 'access_denied', 'the account is not active'));
      const assurance = assess(proofs);
      const { handle } = await deps.signInWatch.observe(user, heldHandles(ctx), progress.password?.failures ?? 0);
      if (handle) holdHandle(ctx, handle);
      await users.signedIn(user, { amr: assurance.amr, clientId: interaction.clientId });
      result.login = { accountId, ...assurance };
    }
    seeOther(visit.ctx, await engine.finish(ctx.req, ctx.res, result));
  }

  const answerStrength = strengthMeter(deps.passwords, deps.rateLimits, defaults.strength);
  const router = new Router({ prefix: '/interaction', sensitive: true, strict: true });

  router.get('/:uid', async (ctx) => {
    const visit = await visitOf(ctx);
    const step = await stepOf(visit);
    await (step === 'finish' ? finish(visit) : steps[step].show(visit));
  });

  // A link on the consent page: asks for another account, and changes nothing until one has signed in.
  router.get('/:uid/switch', async (ctx) => {
    const visit = await visitOf(ctx);
    if (visit.interaction.prompt.name === 'consent') await stage.remember(visit, { proofs: [], other_account: true });
    seeOther(visit.ctx, visit.base);
  });

  router.post('/:uid/strength', readForm, async (ctx) => {
    const { interaction, progress } = await visitOf(ctx);
    const body = (ctx.request.body ?? {}) as Form;
    assertSameOrigin(ctx.headers, ctx.state.origin);
    csrf.assert(interaction.uid, text(body.csrf) ?? '');
    await answerStrength(ctx, field(body, 'password') ?? '', { email: progress.identifier ?? '' });
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

const stepUps = new Set(['acr_unmet', 'mfa_required']);

/** Where only more is asked of who is signed in, what their session stands on counts; where they are to sign in anew, nothing does. */
function begunWith(progress: Progress, { prompt, session }: Interaction): Progress {
  const stepsUp = prompt.name === 'login' && prompt.reasons.every((reason) => stepUps.has(reason));
  if (!stepsUp || !session || progress.other_account || progress.proofs.length > 0) return progress;
  return { ...progress, user_id: session.accountId, proofs: proofsOf(session) };
}

/** Where no more passwords can be hashed, the answer comes before body, database and CSRF work. */
const shed =
  (passwords: PasswordService) =>
  async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    if (ctx.params.step === 'login' || ctx.params.step === 'change_password') passwords.assertRoom();
    await next();
  };
