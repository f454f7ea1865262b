// A password that somebody else has set is replaced before the sign-in goes on.
import type { PasswordService } from '../features/credentials/password.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { AppError } from '../platform/errors.js';
import { type StandingDependencies, standing } from './standing.js';
import { begunAnew } from './steps.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

export interface ChangePasswordDependencies extends StandingDependencies {
  passwords: PasswordService;
  clock: Clock;
}

export class ChangePasswordStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: ChangePasswordDependencies,
  ) {}

  show(visit: Visit): Promise<void> {
    return this.ask(visit, []);
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { progress } = visit;
    const password = field(form, 'password');
    const user = await visit.user();
    if (!user || !progress.password) return;
    if (!password) return this.ask(visit, ['missing']);
    try {
      const { passwords, clock } = this.deps;
      const stands = standing(this.deps, user, progress);
      const outcome = await passwords.replace(user, password, new Date(progress.password.set_at), {
        stands,
        // The one that is stepped up goes on: the password was shown in it.
        keptSession: progress.from_session?.uid,
      });
      if (outcome === 'same') return this.ask(visit, ['same']);
      // Somebody else was faster, here or as administrator: what was proved is not the password any more, and proves nothing.
      if (outcome === 'outdated') return this.stage.remember(visit, begunAnew(progress));
      // What was proved before a change begins no session, but this one: the other proofs are as old as they are (OpenID Connect Core §2, auth_time).
      const now = clock.now();
      const at = epochSeconds(now);
      const proofs = progress.proofs.map((proof) => (proof.method === 'password' ? { ...proof, at } : proof));
      const proved = { ...progress.password, must_change: false, set_at: outcome.changedAt.getTime() };
      return await this.stage.remember(visit, { ...progress, proofs, since: now.getTime(), password: proved });
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 422) throw error;
      return this.ask(visit, error.details.issues?.map(({ message }) => message) ?? ['unknown']);
    }
  }

  private async ask(visit: Visit, reasons: string[]): Promise<void> {
    const data = {
      username: visit.progress.identifier,
      minLength: await this.deps.passwords.minLength(await visit.user()),
      reasons,
      actions: { submit: `${visit.base}/change_password`, strength: `${visit.base}/strength` },
    };
    return this.stage.show(visit, 'change-password', data, { status: reasons.length > 0 ? 422 : 200 });
  }
}
