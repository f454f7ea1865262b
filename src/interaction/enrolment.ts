// An authenticator is set up, because the sign-in cannot go on without a second factor.
// Hands off to: TotpService, which keeps it once a right code of it has come back.
import type { RecoveryCodes } from '../features/credentials/recovery-codes.js';
import type { TotpOffer, TotpService } from '../features/credentials/totp.service.js';
import type { User } from '../features/users/user.entity.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

interface EnrolmentDependencies {
  totp: TotpService;
  recoveryCodes: RecoveryCodes;
  users: UserService;
  clock: Clock;
  /** What an authenticator shows beside the account. */
  issuerName: () => Promise<string>;
  /** An image of the address, as SVG. */
  qrCode: (text: string) => Promise<string>;
}

export class EnrolmentStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: EnrolmentDependencies,
  ) {}

  async show(visit: Visit): Promise<void> {
    const user = await this.userOf(visit);
    if (user) await this.ask(visit, this.deps.totp.offer(user, await this.deps.issuerName(), visit.interaction.uid));
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { progress, interaction, need } = visit;
    const user = await this.userOf(visit);
    const { totp, recoveryCodes, issuerName, clock } = this.deps;
    const offer = user && totp.reopen(user, await issuerName(), interaction.uid, field(form, 'offer') ?? '');
    if (!user || !offer || need.kind !== 'enrolment' || !need.methods.includes('totp')) return;
    const code = field(form, 'code');
    if (!code) return this.ask(visit, offer, 'missing_code');
    // Only what was lost is replaced, and a recovery code says so.
    const replacing = progress.proofs.some(({ method }) => method === 'recovery_code');
    if (!(await totp.confirm(user, offer, code.slice(0, 64), { replacing }))) {
      // Set up a moment ago, by a second click or in another tab: the dispatcher shows where the person is.
      if (!replacing && (await totp.has(user.id))) return;
      return this.ask(visit, offer, 'wrong_code');
    }
    const codes = await recoveryCodes.renew(user);
    const proofs = [...progress.proofs, { method: 'totp' as const, at: epochSeconds(clock.now()) }];
    await this.stage.remember(visit, { ...progress, proofs, enrolled: true, recovery_codes: codes });
  }

  private async ask(visit: Visit, offer: TotpOffer, problem?: string): Promise<void> {
    const data = {
      secret: offer.secret.replaceAll(/(.{4})(?=.)/g, '$1 '),
      qr: await this.deps.qrCode(offer.uri),
      offer: offer.sealed,
      error: problem && { code: problem },
      actions: { submit: `${visit.base}/enrolment` },
    };
    await this.stage.show(visit, 'enrolment', data, { status: problem ? 422 : 200 });
  }

  private async userOf({ progress }: Visit): Promise<User | undefined> {
    return progress.user_id ? this.deps.users.findActive(progress.user_id) : undefined;
  }
}

/** Ten codes, shown until the person says that they have them. */
export class RecoveryCodesStep implements Step {
  constructor(private readonly stage: Stage) {}

  show(visit: Visit): Promise<void> {
    const codes = visit.progress.recovery_codes ?? [];
    return this.stage.show(visit, 'recovery-codes', { codes, actions: { submit: `${visit.base}/recovery_codes` } });
  }

  async submit(visit: Visit): Promise<void> {
    await this.stage.remember(visit, { ...visit.progress, recovery_codes: undefined });
  }
}
