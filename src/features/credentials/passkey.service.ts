// Owns the ceremonies of passkeys: made (WebAuthn §7.1) and used (§7.2), alone or after another proof.
// Hands off to: PasskeyChallenges, good once; passkey-verifier.ts, which knows signatures; passkeys.ts for those an account has.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
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
const most = 20;

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

export class PasskeyService {
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
    const handle = await this.handleOf(user);
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

  /** One for each person and tenant, made with the first ceremony. */
  private async handleOf({ id: userId }: User): Promise<string> {
    await this.db.execute(ENSURE_HANDLE, [currentTenantId(), userId, randomBytes(32).toString('base64url')]);
    const row = await this.db.repo(PasskeyUser).findOneBy({ userId });
    if (!row) throw new Error('a person without a handle');
    return row.userHandle;
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
      await this.db.execute(LOCK_USER, [currentTenantId(), userId]);
      if (!(await this.users.findActive(userId))) return { outcome: 'failed' };
      if ((await this.db.repo(Passkey).countBy({ userId })) >= most) return { outcome: 'too_many' };
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
      // §7.1 step 26: an id belongs to one account. It is locked for a moment, so that one of two is told.
      await this.db.execute(LOCK_ID, [currentTenantId(), made.id]);
      if (await this.db.repo(Passkey).existsBy({ credentialId: made.id })) return { outcome: 'known' };
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

  /** §6.1.1, §7.2 step 22: one statement compares and moves the counter on, whoever comes at the same time. */
  private async advance(passkey: Passkey, assertion: Assertion, second: boolean): Promise<Passkey | undefined> {
    const now = this.clock.now();
    const { signCount, backedUp, userVerified } = assertion;
    const raised = second && userVerified;
    const values = [currentTenantId(), passkey.credentialId, signCount, backedUp, raised, now];
    const [row] = await this.db.execute<{ uv_initialized: boolean }>(ADVANCE, values);
    if (row) {
      const uvInitialized = row.uv_initialized;
      return Object.assign(passkey, { signCount: String(signCount), backedUp, uvInitialized, lastUsedAt: now });
    }
    await this.flag(passkey, signCount);
    return undefined;
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

const ENSURE_HANDLE = {
  name: 'passkey_handle',
  text: `INSERT INTO passkey_users (tenant_id, user_id, user_handle) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
};

export const LOCK_USER = {
  name: 'passkey_lock_user',
  text: `SELECT 1 FROM passkey_users WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE`,
};

const LOCK_ID = {
  name: 'passkey_lock_id',
  text: `SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text, 22))`,
};

const ADVANCE = {
  name: 'passkey_advance',
  text: `
    UPDATE passkeys SET sign_count = $3, backed_up = $4, uv_initialized = uv_initialized OR $5, last_used_at = $6
    WHERE tenant_id = $1 AND credential_id = $2 AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0))
    RETURNING uv_initialized`,
};
