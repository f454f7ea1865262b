// A code of the authenticator, or a recovery code where that was lost.
// Hands off to: SecondFactors, which counts the tries of an account wherever they come from.
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import type { CounterHandle } from '../platform/metrics.js';
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

  private async ask(visit: Visit, recovery: boolean, error?: Problem): Promise<void> {
    const { base, need } = visit;
    if (need.kind !== 'second_factor') return;
    const actions = { submit: `${base}/second_factor`, code: base, recovery: `${base}?with=recovery_code` };
    const data = { error, recovery: recovery && need.recovery, canRecover: need.recovery, actions };
    await this.stage.show(visit, 'second-factor', data, { status: error ? 422 : 200 });
  }
}
