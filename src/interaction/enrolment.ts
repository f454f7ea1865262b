// A second factor is set up, because the sign-in cannot go on without one: an authenticator or a passkey, whichever would do.
// Hands off to: TotpService, which keeps it once a right code of it has come back; PasskeyCeremonies, which knows what browsers make.
import type { OwnFactors } from '../features/credentials/own-factors.js';
import type { PasskeyCeremonies } from '../features/credentials/passkey-ceremonies.js';
import type { TotpOffer, TotpService } from '../features/credentials/totp.service.js';
import type { SecondFactor } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { proofOfNew, registered } from './passkey.js';
import { type StandingDependencies, standing } from './standing.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

export interface EnrolmentDependencies extends StandingDependencies {
  totp: TotpService;
  passkeys: PasskeyCeremonies;
  ownFactors: OwnFactors;
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
    const user = await visit.user();
    if (user) await this.ask(visit, user, await this.offer(visit, user));
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { progress, interaction } = visit;
    const user = await visit.user();
    const { totp, ownFactors, issuerName, clock } = this.deps;
    const passkey = field(form, 'passkey');
    if (user && passkey) return this.byPasskey(visit, user, passkey);
    const offer =
      user && methodsOf(visit).includes('totp')
        ? totp.reopen(user, await issuerName(), interaction.uid, field(form, 'offer') ?? '')
        : undefined;
    if (!user || !offer) return;
    const code = field(form, 'code');
    if (!code) return this.ask(visit, user, offer, 'missing_code');
    // Only what was lost is replaced, and a recovery code says so.
    const replacing = progress.proofs.some(({ method }) => method === 'recovery_code');
    const stands = standing(this.deps, user, progress);
    if (!(await totp.confirm(user, offer, code.slice(0, 64), { replacing, stands }))) {
      // Set up a moment ago, by a second click or in another tab: the dispatcher shows where the person is.
      if (!replacing && (await totp.has(user.id))) return;
      return this.ask(visit, user, offer, 'wrong_code');
    }
    const codes = await ownFactors.freshCodes(user, stands);
    const proofs = [...progress.proofs, { method: 'totp' as const, at: epochSeconds(clock.now()) }];
    await this.stage.remember(visit, { ...progress, proofs, enrolled: true, recovery_codes: codes });
  }

  private async byPasskey(visit: Visit, user: User, text: string): Promise<void> {
    const { progress } = visit;
    const { passkeys, ownFactors, clock } = this.deps;
    if (!methodsOf(visit).includes('passkey')) return;
    const stands = standing(this.deps, user, progress);
    const made = await registered(passkeys, visit, text, user, stands);
    if (made.outcome !== 'ok') return this.ask(visit, user, await this.offer(visit, user), `passkey_${made.outcome}`);
    const codes = await ownFactors.freshCodes(user, stands);
    const proofs = [...progress.proofs, proofOfNew(made.passkey, clock)];
    await this.stage.remember(visit, { ...progress, proofs, enrolled: true, recovery_codes: codes });
  }

  private async offer(visit: Visit, user: User): Promise<TotpOffer | undefined> {
    if (!methodsOf(visit).includes('totp')) return undefined;
    return this.deps.totp.offer(user, await this.deps.issuerName(), visit.interaction.uid);
  }

  private async ask(visit: Visit, user: User, offer: TotpOffer | undefined, problem?: string): Promise<void> {
    const { passkeys, qrCode } = this.deps;
    const data = {
      totp: offer && { ...shown(offer), qr: await qrCode(offer.uri) },
      passkey: methodsOf(visit).includes('passkey')
        ? { options: await passkeys.registrationOptions(user, visit.interaction.uid) }
        : undefined,
      error: problem && { code: problem },
      actions: { submit: `${visit.base}/enrolment` },
    };
    await this.stage.show(visit, 'enrolment', data, { status: problem ? 422 : 200 });
  }
}

const methodsOf = ({ need }: Visit): readonly SecondFactor[] => (need.kind === 'enrolment' ? need.methods : []);

/** In groups, as it is typed. */
const shown = ({ secret, sealed }: TotpOffer) => ({ secret: secret.replaceAll(/(.{4})(?=.)/g, '$1 '), offer: sealed });

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
