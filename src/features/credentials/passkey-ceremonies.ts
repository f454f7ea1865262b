// Owns the ceremonies of passkeys: made (WebAuthn §7.1) and used (§7.2), alone or after another proof.
// Hands off to: PasskeyChallenges, good once; passkey-verifier.ts, which knows signatures; passkey-rows.ts, where two at once follow each other;
// passkeys.ts for those an account has.
import type { Clock } from '../../platform/clock.js';
import { hmac } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { SignInFailure } from '../audit/audit.events.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { Passkey } from './passkey.entity.js';
import { type AuthenticationResponse, challengeOf, type RegistrationResponse } from './passkey.schema.js';
import { CHALLENGE_SECONDS, type PasskeyChallenges } from './passkey-challenge.js';
import { providerName } from './passkey-providers.js';
import { advanced, handleOf, holdPasskeys, isTaken } from './passkey-rows.js';
import { PasskeyUser } from './passkey-user.entity.js';
import {
  type Assertion,
  type CreationOptions,
  creationOptions,
  type NewCredential,
  type RequestOptions,
  requestOptions,
  verifiedAssertion,
  verifiedCredential,
} from './passkey-verifier.js';
import { relyingPartyOf } from './relying-party.js';

/** More than anybody carries; without an end an account could be filled. */
const MAX_PASSKEYS = 20;

export type Registration =
  | { outcome: 'ok'; passkey: Passkey }
  /** `not_allowed`: the tenant's policy wants another make, or the proof of it. */
  | { outcome: 'failed' | 'not_allowed' | 'known' | 'too_many' };

export interface Authenticated {
  user: User;
  /** Its holder unlocked it, as at the time it was made. */
  verified: boolean;
  device_bound: boolean;
  credential: Passkey;
}

export class PasskeyCeremonies {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly challenges: PasskeyChallenges,
    private readonly clock: Clock,
    /** In the transaction in which one was added: the owner is told. */
    private readonly added: (user: User) => Promise<void> = async () => {},
  ) {}

  /** @param flow the session or sign-in it is part of: the answer is taken there only. */
  async registrationOptions(user: User, flow: string): Promise<CreationOptions> {
    const { settings } = await this.tenants.current();
    const handle = await handleOf(this.db, user);
    const challenge = await this.challenges.issue({ purpose: 'registration', flow, userId: user.id });
    return creationOptions(
      await relyingPartyOf(this.tenants),
      { handle, name: user.email, displayName: user.claims.name ?? user.email },
      {
        challenge,
        seconds: CHALLENGE_SECONDS.registration,
        attestation: settings.authentication.passkeys.attestation,
        exclude: await this.db.repo(Passkey).findBy({ userId: user.id }),
      },
    );
  }

  /**
   * Not inside a transaction: a challenge stays spent where the caller rolls back.
   * @param stands in the transaction that adds it: whether the session or the proof that this rests on still holds.
   */
  async register(
    user: User,
    flow: string,
    response: RegistrationResponse,
    stands: () => Promise<boolean> = async () => true,
  ): Promise<Registration> {
    this.assertOutside();
    const challenge = challengeOf(response.response.clientDataJSON);
    const ceremony = { purpose: 'registration', flow, userId: user.id } as const;
    if (!challenge || !(await this.challenges.redeem(challenge, ceremony))) return { outcome: 'failed' };
    const made = await verifiedCredential(await relyingPartyOf(this.tenants), response, challenge);
    if (!made) return { outcome: 'failed' };
    const { attestation, allowed_aaguids } = (await this.tenants.current()).settings.authentication.passkeys;
    if (attestation === 'direct' && !made.attested) return { outcome: 'not_allowed' };
    if (allowed_aaguids && !allowed_aaguids.some((one) => one.toLowerCase() === made.aaguid))
      return { outcome: 'not_allowed' };
    return this.keep(user, made, response.response.transports, stands);
  }

  /**
   * Without a user, the first proof: the same for everybody, because whoever holds a passkey is found by it (§1, discoverable credential).
   * With one, the proof after another.
   */
  async authenticationOptions(flow: string, user?: User): Promise<RequestOptions> {
    const challenge = await this.challenges.issue({ purpose: 'authentication', flow, userId: user?.id });
    return requestOptions(await relyingPartyOf(this.tenants), {
      challenge,
      seconds: CHALLENGE_SECONDS.authentication,
      allow: user ? await this.db.repo(Passkey).findBy({ userId: user.id }) : [],
      verification: user ? 'preferred' : 'required',
    });
  }

  /** Not inside a transaction: spent stays spent. @returns undefined for every refusal; the audit log knows the difference. */
  async authenticate(flow: string, response: AuthenticationResponse, user?: User): Promise<Authenticated | undefined> {
    this.assertOutside();
    const challenge = challengeOf(response.response.clientDataJSON);
    const ceremony = { purpose: 'authentication', flow, userId: user?.id } as const;
    const fresh = challenge && (await this.challenges.redeem(challenge, ceremony));
    const passkey = await this.db.repo(Passkey).findOneBy({ credentialId: response.id });
    if (!challenge || !fresh) return this.refuse(response, 'stale_challenge', passkey);
    if (!passkey || !(await this.isOf(passkey, response, user)))
      return this.refuse(response, 'unknown_passkey', passkey);
    const assertion = await verifiedAssertion(await relyingPartyOf(this.tenants), response, challenge, passkey);
    // §7.2 step 19: what may leave its device may always do so, or never.
    if (!assertion || assertion.backupEligible !== passkey.backupEligible)
      return this.refuse(response, 'wrong_passkey', passkey);
    // Alone it is both factors or nothing: whoever finds a key without a PIN could give it one (§7.2, uvInitialized).
    if (!user && !(assertion.userVerified && passkey.uvInitialized))
      return this.refuse(response, 'not_verified', passkey);
    const owner = await this.users.findActive(passkey.userId);
    if (!owner) return this.refuse(response, 'disabled', passkey);
    const credential = await this.advance(passkey, assertion, user !== undefined);
    if (!credential) return this.refuse(response, 'counter_regressed', passkey);
    // Whoever shuts somebody out has lowered it since it was read: alone it opens nothing any more.
    if (!user && !credential.uvInitialized) return this.refuse(response, 'not_verified', passkey);
    return { user: owner, verified: assertion.userVerified, device_bound: credential.deviceBound, credential };
  }

  private keep(
    user: User,
    made: NewCredential,
    transports: string[],
    stands: () => Promise<boolean>,
  ): Promise<Registration> {
    const { id: userId } = user;
    return this.db.transaction(async () => {
      if (!(await stands())) return { outcome: 'failed' };
      // Whoever adds or removes one of this account waits here.
      await holdPasskeys(this.db, userId);
      if (!(await this.users.findActive(userId))) return { outcome: 'failed' };
      if ((await this.db.repo(Passkey).countBy({ userId })) >= MAX_PASSKEYS) return { outcome: 'too_many' };
      const passkey = Object.assign(new Passkey(), {
        credentialId: made.id,
        userId,
        publicKey: Buffer.from(made.publicKey),
        signCount: String(made.signCount),
        transports: [...new Set(transports)],
        aaguid: made.aaguid,
        backupEligible: made.backupEligible,
        backedUp: made.backedUp,
        uvInitialized: made.userVerified,
        name: providerName(made.aaguid) ?? 'Passkey',
        createdAt: this.clock.now(),
      });
      // §7.1 step 26: an id belongs to one account.
      if (await isTaken(this.db, made.id)) return { outcome: 'known' };
      await this.db.repo(Passkey).insert(passkey);
      await this.audit.record('passkey.added', {
        user_id: userId,
        credential_id: made.id,
        aaguid: made.aaguid,
        device_bound: passkey.deviceBound,
      });
      await this.added(user);
      return { outcome: 'ok', passkey };
    });
  }

  /** §7.2 step 6: of the person who is known already, or of the one the authenticator names. */
  private async isOf(passkey: Passkey, { response }: AuthenticationResponse, user?: User): Promise<boolean> {
    if (user && passkey.userId !== user.id) return false;
    if (!response.userHandle) return user !== undefined;
    const row = await this.db.repo(PasskeyUser).findOneBy({ userId: passkey.userId });
    return row?.userHandle === response.userHandle;
  }

  /** @param second after another proof: that it was unlocked is believed from then on. */
  private async advance(passkey: Passkey, assertion: Assertion, second: boolean): Promise<Passkey | undefined> {
    const used = await advanced(this.db, passkey, assertion, second && assertion.userVerified, this.clock.now());
    if (!used) await this.flag(passkey, assertion.signCount);
    return used;
  }

  private flag({ credentialId, userId, signCount }: Passkey, presented: number): Promise<void> {
    return this.db.transaction(async () => {
      const flagged = await this.db.repo(Passkey).update({ credentialId }, { flaggedAt: this.clock.now() });
      if (flagged === 0) return; // removed a moment ago
      const stored = Number(signCount);
      await this.audit.record('passkey.flagged', { user_id: userId, credential_id: credentialId, stored, presented });
    });
  }

  private async refuse({ id }: AuthenticationResponse, reason: SignInFailure, passkey: Passkey | null) {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    await this.audit.record('sign_in.failed', {
      subject_hash: hmac(identifierKey, `passkey\0${id}`),
      user_id: passkey?.userId ?? null,
      factor: 'passkey',
      reason,
    });
    return undefined;
  }

  private assertOutside(): void {
    if (this.db.inTransaction) throw new Error('a ceremony ends outside a transaction');
  }
}
