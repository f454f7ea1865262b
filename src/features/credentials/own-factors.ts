// Owns what a person does with the factors of their own account: the last one that the tenant asks for stays, what rests on factors ends with
// the last of them, and none comes or goes without a letter. What an administrator takes away is in second-factors.ts.
import type { Database } from '../../platform/database.js';
import { conflict, forbidden, notFound } from '../../platform/errors.js';
import { type Factors, usable } from '../authentication/requirement.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import { holdPerson } from '../users/user-rows.js';
import type { FactorLetters } from './factor-letters.js';
import type { Passkeys } from './passkeys.js';
import type { RecoveryCodes } from './recovery-codes.js';
import type { SecondFactors } from './second-factors.js';
import type { TotpOffer, TotpService } from './totp.service.js';

/** In the transaction of a change: whether the session or the proof that it rests on still holds. */
type Stands = () => Promise<boolean>;

export class OwnFactors {
  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
    private readonly factors: Pick<SecondFactors, 'of'>,
    private readonly totp: TotpService,
    private readonly recoveryCodes: RecoveryCodes,
    private readonly passkeys: Passkeys,
    private readonly letters: FactorLetters,
    /** In the transaction in which the last one went: remembered browsers end. */
    private readonly lastRemoved: (user: User) => Promise<void>,
  ) {}

  /**
   * @param stands in the transaction: whether the session that adds it still holds.
   * @returns undefined for a wrong code; otherwise the recovery codes, where the account had none.
   */
  addTotp(
    user: User,
    offer: TotpOffer,
    code: string,
    stands?: Stands,
  ): Promise<{ codes: string[] | undefined } | undefined> {
    return this.db.transaction(async () => {
      await holdPerson(this.db, user.id);
      if (!(await this.totp.confirm(user, offer, code, { stands }))) return undefined;
      return { codes: await this.codesWhereNone(user) };
    });
  }

  /**
   * Of two who remove one each at the same time, the second sees what is left.
   * @throws AppError 404 where there is none, 409 where the tenant asks for a second factor and this is the last one.
   */
  removeTotp(user: User, stands?: Stands): Promise<void> {
    return this.db.transaction(async () => {
      await this.assertStands(stands);
      await holdPerson(this.db, user.id);
      const has = await this.factors.of(user.id);
      if (!has.totp) throw notFound('authenticator');
      await this.assertMayLose(has, { ...has, totp: false });
      await this.totp.remove(user);
      await this.letters.removed(user, 'totp');
      await this.endWithLast(user);
    });
  }

  /** @throws AppError 404 for one of somebody else as for none, 409 for the last way in and the last second factor that is asked for. */
  removePasskey(user: User, credentialId: string, stands?: Stands): Promise<void> {
    return this.db.transaction(async () => {
      await this.assertStands(stands);
      await holdPerson(this.db, user.id);
      const passkey = await this.passkeys.find(user, credentialId);
      const has = await this.factors.of(user.id);
      await this.assertMayLose(has, { ...has, passkeys: has.passkeys.slice(1) });
      await this.passkeys.remove(user, passkey);
      await this.letters.removed(user, 'passkey');
      await this.endWithLast(user);
    });
  }

  /** The earlier ones die. @returns the codes: they are shown now or never. @throws AppError 409 where there is nothing they could stand in for. */
  renewCodes(user: User, stands?: Stands): Promise<string[]> {
    return this.db.transaction(async () => {
      await this.assertStands(stands);
      await holdPerson(this.db, user.id);
      if (isBare(await this.factors.of(user.id)))
        throw conflict('no_second_factor', 'Recovery codes stand in for a second factor: set one up first');
      const codes = await this.recoveryCodes.renew(user);
      await this.letters.added(user, 'recovery_codes');
      return codes;
    });
  }

  /** After a factor was added: whoever loses it needs another way. @returns undefined where there are some, or what added it holds no more. */
  codesWhereNone(user: User, stands?: Stands): Promise<string[] | undefined> {
    return this.db.transaction(async () => {
      if (stands && !(await stands())) return undefined;
      await holdPerson(this.db, user.id);
      return (await this.recoveryCodes.left(user.id)) > 0 ? undefined : this.recoveryCodes.renew(user);
    });
  }

  /** After a factor was set up in a sign-in: the earlier ones die with what was lost. @returns undefined where what added it holds no more. */
  freshCodes(user: User, stands: Stands): Promise<string[] | undefined> {
    return this.db.transaction(async () => {
      if (!(await stands())) return undefined;
      await holdPerson(this.db, user.id);
      return this.recoveryCodes.renew(user);
    });
  }

  /** Whoever ended the session, or shut its holder out, was first. @throws AppError 403 */
  private async assertStands(stands: Stands | undefined): Promise<void> {
    if (stands && !(await stands())) throw forbidden('session_ended', 'You were signed out meanwhile');
  }

  private async assertMayLose(has: Factors, left: Factors): Promise<void> {
    const policy = (await this.tenants.current()).settings.authentication;
    if (policy.multi_factor !== 'required' || usable(policy, left).length > 0) return;
    if (usable(policy, has).length > 0)
      throw conflict('last_second_factor', 'A second factor is required here: add another one first');
  }

  /** Codes that stand in for nothing, and browsers that are remembered for nothing, are only in the way. */
  private async endWithLast(user: User): Promise<void> {
    if (!isBare(await this.factors.of(user.id))) return;
    await this.recoveryCodes.remove(user);
    await this.lastRemoved(user);
  }
}

const isBare = ({ totp, passkeys }: Factors): boolean => !totp && passkeys.length === 0;
