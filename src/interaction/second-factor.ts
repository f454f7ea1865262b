// A code of the authenticator or by mail, a passkey, or a recovery code where these were lost.
// Hands off to: SecondFactors, which counts the tries of an account wherever they come from; FactorRecoveries for who has none of them left.
import { asTried, type EmailCodes } from '../features/accounts/email-codes.js';
import type { FactorRecoveries } from '../features/accounts/factor-recovery.js';
import type { Proof } from '../features/authentication/assurance.js';
import type { CodeOutcome } from '../features/credentials/attempts.js';
import type { PasskeyCeremonies } from '../features/credentials/passkey-ceremonies.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { Devices } from '../features/devices/device.service.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { seeOther } from '../platform/form.js';
import type { CounterHandle } from '../platform/metrics.js';
import { answerOf, limited, type Problem, pausedFor } from './asking.js';
import type { CaptchaPage, CaptchaQuestion } from './captcha.js';
import { heldHandles, holdHandle } from './device-cookie.js';
import { authenticated, passkeyOffer, proofOf } from './passkey.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

/** What the page asks for. */
type Way = 'code' | 'recovery_code' | 'email_code' | 'lost';

export interface SecondFactorDependencies {
  secondFactors: SecondFactors;
  passkeys: PasskeyCeremonies;
  emailCodes: EmailCodes;
  factorRecoveries: FactorRecoveries;
  devices: Devices;
  captcha: CaptchaQuestion;
  policy: () => Promise<AuthenticationPolicy>;
  clock: Clock;
  signIns: CounterHandle<'outcome'>;
}

export class SecondFactorStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: SecondFactorDependencies,
  ) {}

  async show(visit: Visit): Promise<void> {
    const user = await visit.user();
    if (user) await this.ask(visit, user, wayOf(visit));
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { need } = visit;
    const user = await visit.user();
    if (!user || need.kind !== 'second_factor') return;
    if (field(form, 'lost')) return this.requestRecovery(visit, user);
    if (field(form, 'with') === 'email_code') return this.sendCode(visit, user);
    const passkey = field(form, 'passkey');
    if (passkey) return this.byPasskey(visit, user, passkey);
    const method = (['recovery_code', 'email_code'] as const).find((name) => name in form) ?? 'totp';
    // What the policy does not take, or the class that is asked for cannot be reached with, is not tried: nothing is used up by it.
    if (!(method === 'recovery_code' ? need.recovery : need.methods.includes(method)))
      return this.ask(visit, user, 'code');
    const way = method === 'totp' ? 'code' : method;
    const code = field(form, way)?.slice(0, 64);
    if (!code) return this.ask(visit, user, way, { code: `missing_${way}` });
    if ((await this.question(user)) && !(await this.deps.captcha.passes(form, visit)))
      return this.ask(visit, user, way, { code: 'captcha_required' });
    const at = epochSeconds(this.deps.clock.now());
    const result = await this.verify(visit, user, method, code);
    this.deps.signIns.add({ outcome: result.outcome === 'ok' ? 'ok' : `second_factor_${result.outcome}` });
    if (result.outcome === 'failed') return this.ask(visit, user, way, { code: `wrong_${way}` });
    if (result.outcome === 'gone') return this.ask(visit, user, way, { code: 'email_code_gone' });
    if (result.outcome === 'locked') {
      const canLose = (await this.deps.factorRecoveries.waitFor(user, visit.progress.proofs)) !== undefined;
      return this.ask(visit, user, way, pausedFor(result.seconds, canLose));
    }
    // Not after a recovery code: what it stands in for was lost.
    if (method !== 'recovery_code') await this.remember(visit, user, field(form, 'remember_device'));
    await this.proved(visit, { method, at });
  }

  private verify(
    visit: Visit,
    user: User,
    method: 'totp' | 'recovery_code' | 'email_code',
    code: string,
  ): Promise<CodeOutcome> {
    const { secondFactors, emailCodes } = this.deps;
    if (method !== 'email_code') return secondFactors.verify(user, method, code);
    return secondFactors.counted(user, async () =>
      asTried(await emailCodes.verify(user.email, flowOf(visit), code, 'registrant')),
    );
  }

  private async byPasskey(visit: Visit, user: User, text: string): Promise<void> {
    const { need } = visit;
    const { passkeys, signIns, clock } = this.deps;
    const asked = need.kind === 'second_factor' && need.methods.includes('passkey');
    const since = clock.now();
    const result = asked ? await authenticated(passkeys, visit, text, user) : undefined;
    signIns.add({ outcome: result ? 'ok' : 'second_factor_failed' });
    if (!result) return this.ask(visit, user, 'code', { code: 'passkey_failed' });
    await this.proved(visit, proofOf(result, since));
  }

  /** Only where the policy lists it: the weakest there is (NIST SP 800-63B-4 §3.1.3.1). */
  private async sendCode(visit: Visit, user: User): Promise<void> {
    const { need, progress } = visit;
    if (need.kind !== 'second_factor' || !need.methods.includes('email_code')) return;
    const refused = await limited(this.deps.emailCodes.sendTo(user, flowOf(visit)));
    if (refused) return this.ask(visit, user, 'email_code', refused);
    await this.stage.remember(visit, { ...progress, mailed: true });
  }

  private async requestRecovery(visit: Visit, user: User): Promise<void> {
    const { progress, base } = visit;
    if ((await this.deps.factorRecoveries.waitFor(user, progress.proofs)) === undefined) return;
    const refused = await limited(this.deps.factorRecoveries.request(user, progress.proofs));
    if (refused) return this.ask(visit, user, 'lost', refused);
    await this.stage.remember(visit, { ...progress, recovery_requested: true });
    seeOther(visit.ctx, `${base}?with=lost`);
  }

  private async proved(visit: Visit, proof: Proof): Promise<void> {
    const { progress } = visit;
    const proofs = [...progress.proofs, proof];
    await this.stage.remember(visit, { ...progress, proofs, mailed: undefined, recovery_requested: undefined });
  }

  /** Once it was locked, within a day: until then the lock is enough. */
  private async question(user: Pick<User, 'id'>): Promise<CaptchaPage | undefined> {
    if (!this.deps.captcha.exists) return undefined;
    const failures = await this.deps.secondFactors.failures(user);
    return failures.lockout_count > 0 ? this.deps.captcha.page(failures) : undefined;
  }

  private async remember({ ctx }: Visit, user: User, wanted: string | undefined): Promise<void> {
    const { remember_days: days } = await this.deps.policy();
    if (wanted === 'yes' && days > 0) holdHandle(ctx, await this.deps.devices.trust(user, heldHandles(ctx), days));
  }

  private async ask(visit: Visit, user: User, way: Way, error?: Problem): Promise<void> {
    const { base, need, progress } = visit;
    if (need.kind !== 'second_factor') return;
    const hours = await this.deps.factorRecoveries.waitFor(user, progress.proofs);
    const actions = { submit: `${base}/second_factor`, code: `${base}?with=code` };
    const answer = answerOf(error);
    if (way === 'lost' && hours !== undefined) {
      const data = { seconds: hours * 3600, sent: progress.recovery_requested, error, actions };
      return this.stage.show(visit, 'factor-recovery', data, answer);
    }
    const codes = need.methods.includes('totp');
    const passkey = need.methods.includes('passkey') ? await passkeyOffer(this.deps.passkeys, visit, user) : undefined;
    const [{ remember_days: days }, captcha] = [await this.deps.policy(), await this.question(user)];
    const data = {
      error,
      passkey,
      codes,
      recovery: way === 'recovery_code' && need.recovery,
      canRecover: need.recovery,
      mail: way === 'email_code' && need.methods.includes('email_code'),
      mailed: progress.mailed,
      canMail: need.methods.includes('email_code'),
      others: codes || passkey !== undefined,
      canLose: hours !== undefined,
      days,
      captcha,
      actions: {
        ...actions,
        recovery: `${base}?with=recovery_code`,
        mail: `${base}?with=email_code`,
        lost: `${base}?with=lost`,
      },
    };
    await this.stage.show(visit, 'second-factor', data, { ...answer, widget: captcha?.origin });
  }
}

/** A code that was asked for as a first proof is no second one, and the other way round. */
const flowOf = ({ interaction }: Visit): string => `${interaction.uid}:second_factor`;

function wayOf({ ctx, need, progress }: Visit): Way {
  const wanted = (['code', 'recovery_code', 'email_code', 'lost'] as const).find((way) => way === ctx.query.with);
  if (wanted) return wanted;
  const onlyMail = need.kind === 'second_factor' && need.methods.every((method) => method === 'email_code');
  return progress.mailed || onlyMail ? 'email_code' : 'code';
}
