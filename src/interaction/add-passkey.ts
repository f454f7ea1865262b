// After a sign-in by password, in a browser that can: would they like a passkey? At most every thirty days, and "Not now" goes on as well.
// Hands off to: PasskeyHints, which knows whether it is time; PasskeyCeremonies, which knows what browsers make.

import { assuranceOf, type Proof } from '../features/authentication/assurance.js';
import { FRESH_SECONDS } from '../features/authentication/freshness.js';
import { mayAddPasskey } from '../features/authentication/requirement.js';
import type { OwnFactors } from '../features/credentials/own-factors.js';
import type { PasskeyCeremonies } from '../features/credentials/passkey-ceremonies.js';
import type { PasskeyHints } from '../features/credentials/passkey-hints.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { DomainAuthority } from '../features/domains/domain-authority.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { proofOfNew, registered } from './passkey.js';
import { type StandingDependencies, standing } from './standing.js';
import type { Progress } from './steps.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

export interface AddPasskeyDependencies extends StandingDependencies {
  users: Pick<UserService, 'hold' | 'findActive'>;
  domainAuthority: Pick<DomainAuthority, 'ownProofs'>;
  passkeys: PasskeyCeremonies;
  passkeyHints: PasskeyHints;
  ownFactors: OwnFactors;
  secondFactors: Pick<SecondFactors, 'of'>;
  policy: () => Promise<AuthenticationPolicy>;
  clock: Clock;
}

export class AddPasskeyStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: AddPasskeyDependencies,
  ) {}

  /** Once it was shown here it stays until it is answered: going back or sending it late loses nothing. */
  async isDue({ user_id, password, can_passkey, add_passkey, proofs }: Progress): Promise<boolean> {
    if (!user_id || !password || add_passkey === 'answered') return false;
    if (!(await this.mayAdd(user_id, proofs))) return false;
    if (add_passkey === 'shown') return true;
    return can_passkey === true && this.deps.passkeyHints.isTimeToAsk({ id: user_id });
  }

  /** By what speaks for the account: an identity provider of an organization may not. */
  private async mayAdd(userId: string, proved: readonly Proof[]): Promise<boolean> {
    const { users, domainAuthority, secondFactors, policy, clock } = this.deps;
    const user = await users.findActive(userId);
    const proofs = user ? await domainAuthority.ownProofs(user, proved) : [];
    if (proofs.length === 0 || assuranceOf(proofs).ts < epochSeconds(clock.now()) - FRESH_SECONDS) return false;
    return mayAddPasskey({ policy: await policy(), has: await secondFactors.of(userId), proofs });
  }

  async show(visit: Visit): Promise<void> {
    const user = await visit.user();
    if (!user) return;
    await this.ask(visit, user);
    if (visit.progress.add_passkey) return;
    await this.deps.passkeyHints.asked(user);
    await this.stage.remember(visit, { ...visit.progress, add_passkey: 'shown' });
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { progress } = visit;
    const user = await visit.user();
    const answered = { ...progress, add_passkey: 'answered' as const };
    const text = field(form, 'passkey');
    if (!user || !text) return this.stage.remember(visit, answered);
    const { passkeys, ownFactors, clock } = this.deps;
    const stands = standing(this.deps, user, progress);
    const made = await registered(passkeys, visit, text, user, stands);
    if (made.outcome !== 'ok') return this.ask(visit, user, `passkey_${made.outcome}`);
    const recovery_codes = await ownFactors.codesWhereNone(user, stands);
    const proofs = [...progress.proofs, proofOfNew(made.passkey, clock)];
    await this.stage.remember(visit, { ...answered, proofs, recovery_codes });
  }

  private async ask(visit: Visit, user: User, problem?: string): Promise<void> {
    const data = {
      username: user.email,
      passkey: { options: await this.deps.passkeys.registrationOptions(user, visit.interaction.uid) },
      error: problem && { code: problem },
      actions: { submit: `${visit.base}/add_passkey` },
    };
    await this.stage.show(visit, 'add-passkey', data, { status: problem ? 422 : 200 });
  }
}
