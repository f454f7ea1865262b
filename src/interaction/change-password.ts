// A password that somebody else has set is replaced before the sign-in goes on.
import type { PasswordService } from '../features/credentials/password.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { AppError } from '../platform/errors.js';
import { begunAnew } from './steps.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

export class ChangePasswordStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly passwords: PasswordService,
    private readonly clock: Clock,
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
      const outcome = await this.passwords.replace(user, password, new Date(progress.password.set_at));
      if (outcome === 'same') return this.ask(visit, ['same']);
      // Somebody else was faster, here or as administrator: what was proved is not the password any more, and proves nothing.
      if (outcome === 'outdated') return this.stage.remember(visit, begunAnew(progress));
      // The proof is now that of the new password: what was proved before a change begins no session.
      const now = this.clock.now();
      const proofs = progress.proofs.map((proof) => ({ ...proof, at: epochSeconds(now) }));
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
      minLength: await this.passwords.minLength(),
      reasons,
      actions: { submit: `${visit.base}/change_password`, strength: `${visit.base}/strength` },
    };
    return this.stage.show(visit, 'change-password', data, { status: reasons.length > 0 ? 422 : 200 });
  }
}
