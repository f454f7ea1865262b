// The pages between an authorization request and its code. The only dispatcher: every step is shown from here and returns to here.
// Hands off to: features for what is true, the engine for what has been established, views for words.

import Router from '@koa/router';
import type { Context } from 'koa';
import { limits as defaults } from '../../config/protocol.js';
import type { EmailCodes } from '../features/accounts/email-codes.js';
import type { EmailVerification } from '../features/accounts/email-verification.js';
import type { FactorRecoveries } from '../features/accounts/factor-recovery.js';
import type { ForgottenPasswords } from '../features/accounts/forgotten-passwords.js';
import type { MagicLinks } from '../features/accounts/magic-links.js';
import type { RegistrationService } from '../features/accounts/registration.js';
import { askedAcr } from '../features/authentication/asked.js';
import { assess, proofsOf } from '../features/authentication/assurance.js';
import { FRESH_SECONDS } from '../features/authentication/freshness.js';
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
import { type Clock, epochSeconds } from '../platform/clock.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { badRequest, forbidden } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { Logger } from '../platform/logger.js';
import type { CounterHandle } from '../platform/metrics.js';
import type { Pages } from '../platform/page.js';
import type { RateLimits } from '../platform/rate-limit.js';
import { strengthMeter } from '../platform/strength-meter.js';
import { AddPasskeyStep } from './add-passkey.js';
import type { CaptchaQuestion } from './captcha.js';
import { ChangePasswordStep } from './change-password.js';
import { ConfirmationStep } from './confirmation.js';
import { ConsentStep } from './consent.js';
import { heldHandles, holdHandle } from './device-cookie.js';
import { Doubt, decisionOf } from './doubt.js';
import { EmailCodeStep } from './email.js';
import { EnrolmentStep, RecoveryCodesStep } from './enrolment.js';
import { createJsonRouter, describe, JSON_PATH } from './json.js';
import { Links, linkRoutes } from './links.js';
import { LoginStep } from './login.js';
import { RegisteredStep, RegisterStep } from './register.js';
import { SecondFactorStep } from './second-factor.js';
import { SelectAccountStep } from './select-account.js';
import { begunAnew, goesOn, nextStep, Progress, type StepName, taken } from './steps.js';
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
  magicLinks: MagicLinks;
  emailVerification: EmailVerification;
  registration: RegistrationService;
  forgottenPasswords: ForgottenPasswords;
  factorRecoveries: FactorRecoveries;
  logger: Logger;
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

/** @returns the pages, and the same steps as forms of programs. */
export function createInteractionRouter(deps: InteractionDependencies): { pages: Router; json: Router } {
  const { engine, users, csrf } = deps;
  const stage = new Stage(deps.pages, engine);
  const doubt = new Doubt(deps);
  const links = new Links(stage, deps);
  const addPasskey = new AddPasskeyStep(stage, deps);
  const steps: Record<StepName, Step> = {
    select_account: new SelectAccountStep(stage, engine, users, (visit) =>
      finish({ ...visit, progress: { proofs: [] } }),
    ),
    login: new LoginStep(stage, deps),
    register: new RegisterStep(stage, deps),
    registered: new RegisteredStep(stage, deps.emailVerification),
    email_code: new EmailCodeStep(stage, deps),
    change_password: new ChangePasswordStep(stage, deps.passwords, users, deps.clock),
    second_factor: new SecondFactorStep(stage, deps),
    confirmation: new ConfirmationStep(stage, deps),
    enrolment: new EnrolmentStep(stage, deps),
    recovery_codes: new RecoveryCodesStep(stage),
    add_passkey: addPasskey,
    consent: new ConsentStep(stage, engine, deps.grants, deps.resources, users),
  };

  async function visitOf(ctx: Context, uid = String(ctx.params.uid)): Promise<Visit> {
    const interaction = await engine.interaction(ctx.req, ctx.res);
    // The engine goes by the cookie alone; a cookie set for another path must not lead this address on.
    if (interaction.uid !== uid) throw badRequest('interaction_expired', 'This sign-in was begun in another browser');
    const parsed = Progress.safeParse(interaction.progress ?? {});
    const begun = await stillGood(begunWith(parsed.success ? parsed.data : Progress.parse({}), interaction));
    const weighed = await doubt.weighed(ctx, begun, interaction);
    const need = await needed(ctx, weighed, interaction);
    return {
      ctx,
      interaction,
      progress: need.kind === 'first_factor' && weighed.proofs.length > 0 ? begunAnew(weighed) : weighed,
      need,
      registration: (await deps.policy()).registration === 'open',
      client: describeClient(interaction, await deps.clients.engineMetadata(interaction.clientId)),
      base: `${ctx.state.prefix}/interaction/${interaction.uid}`,
      csrf: csrf.token(interaction.uid),
    };
  }

  /** Whoever ended all sessions of the account ended this sign-in too: it is begun anew, with nothing kept of it. */
  async function stillGood(progress: Progress): Promise<Progress> {
    const { user_id, proofs } = progress;
    if (!user_id || proofs.length === 0 || !(await users.isOutdated(user_id, assess(proofs).ts))) return progress;
    return begunAnew(progress);
  }

  async function needed(ctx: Context, progress: Progress, { params }: Interaction): Promise<Need> {
    const { user_id, proofs, enrolled } = progress;
    if (!user_id || proofs.length === 0) return { kind: 'first_factor' };
    const policy = await deps.policy();
    const has = await deps.secondFactors.of(user_id);
    // Where the tenant no longer remembers anybody, nobody is remembered.
    const remembered = policy.remember_days > 0 && (await deps.devices.isTrusted(user_id, heldHandles(ctx)));
    const doubted = decisionOf(progress) === 'step_up';
    const mailbox = doubted && (await doubt.canConfirm(progress));
    const recovered = await deps.factorRecoveries.isRecovered(user_id);
    const asked = askedAcr(params);
    const need = needOf({ policy, asked, proofs, has, remembered, enrolled, recovered, doubted, mailbox });
    // NIST SP 800-63B-4 §4.1: a factor is bound to an account by whoever is there now, not on the word of a session that was left open.
    const isStale = assess(proofs).ts < epochSeconds(deps.clock.now()) - FRESH_SECONDS;
    return need.kind === 'enrolment' && isStale ? { kind: 'first_factor' } : need;
  }

  async function stepOf({ ctx, interaction, progress, need, registration }: Visit): Promise<StepName | 'finish'> {
    if (decisionOf(progress) === 'deny') return 'finish';
    const askForPasskey = need.kind === 'nothing' && (await addPasskey.isDue(progress));
    const accounts = interaction.prompt.name === 'select_account' ? await engine.accounts(ctx.req, ctx.res) : [];
    return nextStep(interaction.prompt.name, progress, {
      accounts: accounts.filter(({ moved }) => !moved).length,
      need,
      registration,
      askForPasskey,
    });
  }

  const isOurs = ({ interaction }: Visit, token: unknown) => csrf.verify(interaction.uid, token);

  /** @throws AppError 403 where the form is not one of ours, made for this browser. */
  function guard(visit: Visit, body: Form): void {
    assertSameOrigin(visit.ctx.headers, visit.ctx.state.origin);
    if (!isOurs(visit, text(body.csrf) ?? ''))
      throw forbidden('other_browser', 'The form was not made for this browser');
  }

  /** @returns the step that is next, where this one is not to be taken now: out of order, twice, or from the back button. */
  async function submit(visit: Visit, step: unknown, form: Form): Promise<StepName | 'finish' | undefined> {
    const next = await stepOf(visit);
    const meant = taken(next, step, visit);
    if (meant === undefined || meant === 'finish') return next;
    await steps[meant].submit(visit, form);
    return undefined;
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
    if (decisionOf(progress) === 'deny') return deny(visit);
    const { name: prompt } = interaction.prompt;
    const result: Finish = prompt === 'select_account' || prompt === 'create' ? { [prompt]: {} } : {};
    const { user_id: accountId, proofs } = progress;
    if (accountId && proofs.length > 0) {
      if (await isSignedInOtherwise(visit, accountId)) await engine.setAside(ctx.req, ctx.res);
      const user = await users.findActive(accountId);
      if (!user)
        return seeOther(visit.ctx, await engine.refuse(ctx.req, ctx.res, 'access_denied', 'the account is not active'));
      const assurance = assess(proofs);
      const handle = await doubt.admitted(ctx, user, progress);
      if (handle) holdHandle(ctx, handle);
      await deps.factorRecoveries.signedIn(user, proofs);
      await users.signedIn(user, { amr: assurance.amr, clientId: interaction.clientId });
      result.login = { accountId, ...assurance };
    }
    seeOther(visit.ctx, await engine.finish(ctx.req, ctx.res, result));
  }

  /** Ends the sign-in of whoever it is too unlikely to be. */
  async function deny({ ctx, progress }: Visit): Promise<void> {
    deps.signIns.add({ outcome: 'denied' });
    await doubt.denied(progress);
    seeOther(ctx, await engine.refuse(ctx.req, ctx.res, 'access_denied', 'the sign-in was refused'));
  }

  /** As on the page of the step that is next. */
  async function passkeyOptions({ interaction, progress, need }: Visit, step: StepName | 'finish') {
    if (step === 'second_factor') {
      const asked = need.kind === 'second_factor' && need.methods.includes('passkey');
      const user = asked && progress.user_id ? await users.findActive(progress.user_id) : undefined;
      return user && deps.passkeys.authenticationOptions(interaction.uid, user);
    }
    const first = need.kind === 'first_factor' && (await deps.policy()).first_factors.includes('passkey');
    return first ? deps.passkeys.authenticationOptions(interaction.uid) : undefined;
  }

  const answerStrength = strengthMeter(deps.passwords, deps.rateLimits, defaults.strength);
  const router = new Router({ prefix: '/interaction', sensitive: true, strict: true });

  router.get('/:uid', async (ctx) => {
    const visit = await visitOf(ctx);
    const next = await stepOf(visit);
    if (!ctx.accepts('html')) {
      // The form of a program comes to another address than the page: the cookie has to reach that one, too.
      await engine.reach(ctx.req, ctx.res, `${ctx.state.prefix}${JSON_PATH}`);
      ctx.set('Cache-Control', 'no-store');
      ctx.body = describe(visit, next, ctx.state.issuer);
      return;
    }
    const step = taken(next, ctx.query.with, visit) ?? next;
    await (step === 'finish' ? finish(visit) : steps[step].show(visit));
  });

  linkRoutes(router, links, { stage, visitOf, guard });

  // A link on the consent page: asks for another account, and changes nothing until one has signed in.
  router.get('/:uid/switch', async (ctx) => {
    const visit = await visitOf(ctx);
    if (visit.interaction.prompt.name === 'consent') await stage.remember(visit, { proofs: [], other_account: true });
    seeOther(visit.ctx, visit.base);
  });

  router.post('/:uid/strength', readForm, async (ctx) => {
    const visit = await visitOf(ctx);
    const body = (ctx.request.body ?? {}) as Form;
    guard(visit, body);
    // Where an account is made, its address is on the same page.
    const email = field(body, 'username') ?? visit.progress.identifier ?? '';
    await answerStrength(ctx, field(body, 'password') ?? '', { email });
  });

  router.post('/:uid/:step', readForm, async (ctx) => {
    const visit = await visitOf(ctx);
    const body = (ctx.request.body ?? {}) as Form;
    guard(visit, body);
    // Where nothing was done, the dispatcher shows where the person is.
    await submit(visit, ctx.params.step, body);
    if (ctx.body === undefined && !ctx.response.get('location')) seeOther(visit.ctx, visit.base);
  });
  const json = createJsonRouter({
    visitOf,
    stepOf,
    submit,
    isOurs,
    links,
    passkeyOptions,
    forgottenPasswords: deps.forgottenPasswords,
    captchaField: deps.captcha.field,
    logger: deps.logger,
  });
  return { pages: router, json };
}

/** A step up begins with what the session stands on. */
function begunWith(progress: Progress, interaction: Interaction): Progress {
  const { session } = interaction;
  if (!session || progress.proofs.length > 0 || !goesOn(progress, interaction)) return progress;
  return { ...progress, user_id: session.accountId, proofs: proofsOf(session) };
}
