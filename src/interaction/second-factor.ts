// A code of the authenticator or a passkey, or a recovery code where that was lost.
// Hands off to: SecondFactors, which counts the tries of an account wherever they come from.
import type { PasskeyService } from '../features/credentials/passkey.service.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { Devices } from '../features/devices/device.service.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import type { CounterHandle } from '../platform/metrics.js';
import type { CaptchaPage, CaptchaQuestion } from './captcha.js';
import { heldHandles, holdHandle } from './device-cookie.js';
import { authenticated, passkeyOffer, proofOf } from './passkey.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

interface Problem {
  code: string;
  seconds?: number;
}

export class SecondFactorStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: {
      secondFactors: SecondFactors;
      passkeys: PasskeyService;
      devices: Devices;
      captcha: CaptchaQuestion;
      policy: () => Promise<AuthenticationPolicy>;
      users: UserService;
      clock: Clock;
      signIns: CounterHandle<'outcome'>;
    },
  ) {}

  show(visit: Visit): Promise<void> {
    return this.ask(visit, 'with' in visit.ctx.query && visit.ctx.query.with === 'recovery_code');
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { progress } = visit;
    const user = progress.user_id && (await this.deps.users.findActive(progress.user_id));
    if (!user) return;
    const passkey = field(form, 'passkey');
    if (passkey) return this.byPasskey(visit, user, passkey);
    const recovery = field(form, 'recovery_code');
    const byRecovery = 'recovery_code' in form;
    const code = recovery ?? field(form, 'code');
    if (!code) return this.ask(visit, byRecovery, { code: byRecovery ? 'missing_recovery_code' : 'missing_code' });
    if ((await this.question(user)) && !(await this.deps.captcha.passes(form, visit)))
      return this.ask(visit, byRecovery, { code: 'captcha_required' });
    const method = byRecovery ? 'recovery_code' : 'totp';
    const result = await this.deps.secondFactors.verify(user, method, code.slice(0, 64));
    this.deps.signIns.add({ outcome: result.outcome === 'ok' ? 'ok' : `second_factor_${result.outcome}` });
    if (result.outcome === 'failed')
      return this.ask(visit, byRecovery, { code: `wrong_${byRecovery ? 'recovery_code' : 'code'}` });
    if (result.outcome === 'locked') return this.ask(visit, byRecovery, { code: 'locked', seconds: result.seconds });
    await this.remember(visit, user, byRecovery ? undefined : field(form, 'remember_device'));
    const at = epochSeconds(this.deps.clock.now());
    await this.stage.remember(visit, { ...progress, proofs: [...progress.proofs, { method, at }] });
  }

  private async byPasskey(visit: Visit, user: User, text: string): Promise<void> {
    const { progress, need } = visit;
    const { passkeys, signIns, clock } = this.deps;
    const asked = need.kind === 'second_factor' && need.methods.includes('passkey');
    const result = asked ? await authenticated(passkeys, visit, text, user) : undefined;
    signIns.add({ outcome: result ? 'ok' : 'second_factor_failed' });
    if (!result) return this.ask(visit, false, { code: 'passkey_failed' });
    await this.stage.remember(visit, { ...progress, proofs: [...progress.proofs, proofOf(result, clock)] });
  }

  /** Once it was locked, within a day: until then the lock is enough. */
  private async question(user: Pick<User, 'id'>): Promise<CaptchaPage | undefined> {
    if (!this.deps.captcha.exists) return undefined;
    const failures = await this.deps.secondFactors.failures(user);
    return failures.lockout_count > 0 ? this.deps.captcha.page(failures) : undefined;
  }

  /** Not after a recovery code: what it stands in for was lost. */
  private async remember({ ctx }: Visit, user: User, wanted: string | undefined): Promise<void> {
    const { remember_days: days } = await this.deps.policy();
    if (wanted === 'yes' && days > 0) holdHandle(ctx, await this.deps.devices.trust(user, heldHandles(ctx), days));
  }

  private async ask(visit: Visit, recovery: boolean, error?: Problem): Promise<void> {
    const { base, need, progress } = visit;
    if (need.kind !== 'second_factor') return;
    const user = progress.user_id && (await this.deps.users.findActive(progress.user_id));
    const passkey =
      user && need.methods.includes('passkey') ? await passkeyOffer(this.deps.passkeys, visit, user) : undefined;
    const { remember_days: days } = await this.deps.policy();
    const captcha = user ? await this.question(user) : undefined;
    const codes = need.methods.includes('totp');
    const actions = { submit: `${base}/second_factor`, code: base, recovery: `${base}?with=recovery_code` };
    const ways = { passkey, codes, recovery: recovery && need.recovery, canRecover: need.recovery };
    const data = { error, ...ways, days, captcha, actions };
    await this.stage.show(visit, 'second-factor', data, { status: error ? 422 : 200, widget: captcha?.origin });
  }
}
