// A sign-in that is not like the others, of somebody who has no second factor: six digits to the address of the account. They are good here only,
// say nothing of how strong the sign-in is, and nothing is sent before somebody asks for it.
import { asTried, type EmailCodes } from '../features/accounts/email-codes.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { User } from '../features/users/user.entity.js';
import type { CounterHandle } from '../platform/metrics.js';
import { answerOf, limited, type Problem, pausedFor } from './asking.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

export interface ConfirmationDependencies {
  emailCodes: EmailCodes;
  /** Whoever is asked knew the password: what comes second is counted together. */
  secondFactors: Pick<SecondFactors, 'counted'>;
  signIns: CounterHandle<'outcome'>;
}

export class ConfirmationStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: ConfirmationDependencies,
  ) {}

  async show(visit: Visit): Promise<void> {
    const user = await visit.user();
    if (user) await this.ask(visit, user);
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const user = await visit.user();
    if (!user) return;
    const { progress } = visit;
    if (!progress.confirmation || field(form, 'send')) return this.send(visit, user);
    const code = field(form, 'code');
    if (!code) return this.ask(visit, user, { code: 'missing_email_code' });
    const { emailCodes, secondFactors, signIns } = this.deps;
    const look = async () => asTried(await emailCodes.verify(user.email, flowOf(visit), code.slice(0, 64)));
    const result = await secondFactors.counted(user, look);
    signIns.add({ outcome: result.outcome === 'ok' ? 'ok' : `email_code_${result.outcome}` });
    if (result.outcome === 'locked') return this.ask(visit, user, pausedFor(result.seconds));
    if (result.outcome !== 'ok')
      return this.ask(visit, user, { code: result.outcome === 'gone' ? 'email_code_gone' : 'wrong_email_code' });
    await this.stage.remember(visit, { ...progress, confirmation: 'given' });
  }

  private async send(visit: Visit, user: User): Promise<void> {
    const refused = await limited(this.deps.emailCodes.sendTo(user, flowOf(visit)));
    if (refused) return this.ask(visit, user, refused);
    await this.stage.remember(visit, { ...visit.progress, confirmation: 'sent' });
  }

  private async ask(visit: Visit, { email }: User, error?: Problem): Promise<void> {
    const sent = visit.progress.confirmation === 'sent';
    const data = { email, sent, error, actions: { submit: `${visit.base}/confirmation` } };
    await this.stage.show(visit, 'confirmation', data, answerOf(error));
  }
}

/** A code that was asked for as a first proof confirms nothing, and the other way round. */
const flowOf = ({ interaction }: Visit): string => `${interaction.uid}:confirmation`;
