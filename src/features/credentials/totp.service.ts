// Owns codes of an authenticator (RFC 6238): set up by a right code, and each time step is good once.
// Hands off to: the lockout, which counts wrong codes whatever the address; second-factors.ts for what else an account has.
import { generateSecret, generateURI, verify } from 'otplib';
import { LessThan, MoreThanOrEqual } from 'typeorm';
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { User } from '../users/user.entity.js';
import { TotpCredential } from './totp-credential.entity.js';

/** Seconds of a step; codes of one step before and after are accepted (RFC 6238 §5.2). */
const stepSeconds = 30;

export interface TotpOffer {
  /** Base32, for typing. */
  secret: string;
  /** otpauth://, for the camera. */
  uri: string;
  /** Comes back with the first code; good for this person and this flow only. */
  sealed: string;
}

interface Taken {
  replacing?: boolean;
  stands?: (() => Promise<boolean>) | undefined;
}

export class TotpService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    /** In the transaction in which one was added: the owner is told. */
    private readonly added: (user: User) => Promise<void> = async () => {},
  ) {}

  has(userId: string): Promise<boolean> {
    return this.db.repo(TotpCredential).existsBy({ userId });
  }

  /** Whether the account had it before that time. */
  hadBefore(userId: string, time: Date): Promise<boolean> {
    return this.db.repo(TotpCredential).existsBy({ userId, createdAt: LessThan(time) });
  }

  /** Nothing is stored before a right code came back. @param flow what the offer is part of: another one cannot take it up. */
  offer({ id, email }: User, issuer: string, flow: string): TotpOffer {
    const secret = generateSecret();
    return {
      secret,
      uri: generateURI({ issuer, label: email, secret }),
      sealed: this.sealer.seal(secret, setupContext(id, flow)),
    };
  }

  /** The same offer, shown again after a wrong code. @returns undefined where it was made for somebody else, or elsewhere. */
  reopen({ id, email }: User, issuer: string, flow: string, sealed: string): TotpOffer | undefined {
    try {
      const secret = this.sealer.open(sealed, setupContext(id, flow));
      return { secret, uri: generateURI({ issuer, label: email, secret }), sealed };
    } catch {
      return undefined;
    }
  }

  /**
   * Takes the place of an earlier authenticator, unless told not to: whoever was not asked for that one must not take it away. An offer is taken
   * up once, whoever comes with it at the same time.
   * @param stands in the transaction that adds it: whether what this rests on still holds.
   * @returns whether the code was right and the authenticator is the account's now.
   */
  async confirm(
    user: User,
    { secret }: TotpOffer,
    code: string,
    { replacing = true, stands }: Taken = {},
  ): Promise<boolean> {
    const step = await this.stepOf(secret, code);
    if (step === undefined) return false;
    return this.db.transaction(async () => {
      if (stands && !(await stands())) return false;
      await this.db.execute(LOCK, [currentTenantId(), user.id]);
      const earlier = await this.db.repo(TotpCredential).findOneBy({ userId: user.id });
      if (earlier && (!replacing || this.secretOf(earlier) === secret)) return false;
      const credential = Object.assign(new TotpCredential(), {
        userId: user.id,
        secretSealed: this.sealer.seal(secret, sealContext(currentTenantId(), user.id)),
        lastStep: String(step),
        createdAt: this.clock.now(),
      });
      await this.db.repo(TotpCredential).save(credential);
      if (earlier) await this.recordRemoved(earlier);
      await this.audit.record('factor.added', { user_id: user.id, factor: 'totp' });
      await this.added(user);
      return true;
    });
  }

  /** RFC 6238 §5.2: of many who come with one code, one is let in, and nobody comes with it again. */
  async verify({ id: userId }: User, code: string): Promise<boolean> {
    const credential = await this.db.repo(TotpCredential).findOneBy({ userId });
    if (!credential) return false;
    const step = await this.stepOf(this.secretOf(credential), code);
    if (step === undefined) return false;
    return (await this.db.execute(ADVANCE, [currentTenantId(), userId, step])).length > 0;
  }

  /** @param since only one that was set up then or later. */
  async remove({ id: userId }: User, since = new Date(0)): Promise<boolean> {
    return this.db.transaction(async () => {
      const where = { userId, createdAt: MoreThanOrEqual(since) };
      const earlier = await this.db.repo(TotpCredential).findOneBy(where);
      if (!earlier || (await this.db.repo(TotpCredential).delete(where)) === 0) return false;
      await this.recordRemoved(earlier);
      return true;
    });
  }

  private recordRemoved({ userId, createdAt }: TotpCredential): Promise<void> {
    const added_at = createdAt.toISOString();
    return this.audit.record('factor.removed', { user_id: userId, factor: 'totp', added_at });
  }

  private secretOf({ secretSealed, tenantId, userId }: TotpCredential): string {
    return this.sealer.open(secretSealed, sealContext(tenantId, userId));
  }

  /** @returns the step the code is of; undefined where it is of none. */
  private async stepOf(secret: string, code: string): Promise<number | undefined> {
    const token = code.replaceAll(/[\s-]/g, '');
    if (!/^\d{6}$/.test(token)) return undefined;
    const epoch = epochSeconds(this.clock.now());
    const result = await verify({ secret, token, epoch, epochTolerance: stepSeconds });
    return result.valid ? Math.floor(epoch / stepSeconds) + result.delta : undefined;
  }
}

/** There may be no row to lock yet. */
const LOCK = {
  name: 'totp_lock',
  text: `SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text, 21))`,
};

const ADVANCE = {
  name: 'totp_advance',
  text: `UPDATE totp_credentials SET last_step = $3 WHERE tenant_id = $1 AND user_id = $2 AND last_step < $3 RETURNING user_id`,
};

const setupContext = (userId: string, flow: string) => `totp-setup:${currentTenantId()}:${userId}:${flow}`;
const sealContext = (tenantId: string, userId: string) => `totp_credentials:${tenantId}:${userId}`;

export const sealedTotp: SealedColumn = {
  table: 'totp_credentials',
  column: 'secret_sealed',
  key: ['tenant_id', 'user_id'],
  context: ({ tenant_id, user_id }) => sealContext(String(tenant_id), String(user_id)),
};
