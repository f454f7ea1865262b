// A code of the authenticator or a passkey, or a recovery code where that was lost.
// Hands off to: SecondFactors, which counts the tries of an account wherever they come from.
import type { PasskeyService } from '../features/credentials/passkey.service.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { User } from '../features/users/user.entity.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import type { CounterHandle } from '../platform/metrics.js';
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
    const method = byRecovery ? 'recovery_code' : 'totp';
    const result = await this.deps.secondFactors.verify(user, method, code.slice(0, 64));
    this.deps.signIns.add({ outcome: result.outcome === 'ok' ? 'ok' : `second_factor_${result.outcome}` });
    if (result.outcome === 'failed')
      return this.ask(visit, byRecovery, { code: `wrong_${byRecovery ? 'recovery_code' : 'code'}` });
    if (result.outcome === 'locked') return this.ask(visit, byRecovery, { code: 'locked', seconds: result.seconds });
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

  private async ask(visit: Visit, recovery: boolean, error?: Problem): Promise<void> {
    const { base, need, progress } = visit;
    if (need.kind !== 'second_factor') return;
    const user = progress.user_id && (await this.deps.users.findActive(progress.user_id));
    const passkey =
      user && need.methods.includes('passkey') ? await passkeyOffer(this.deps.passkeys, visit, user) : undefined;
    const codes = need.methods.includes('totp');
    const actions = { submit: `${base}/second_factor`, code: base, recovery: `${base}?with=recovery_code` };
    const data = { error, passkey, codes, recovery: recovery && need.recovery, canRecover: need.recovery, actions };
    await this.stage.show(visit, 'second-factor', data, { status: error ? 422 : 200 });
  }
}
