// Owns the challenges of passkeys (WebAuthn §13.4.3): each says of itself until when it is good, is bound by a MAC to its tenant, purpose, flow
// and person, and is good once. Making one writes nothing, so a page of sign-in costs no row and tells nothing about an account.
// Hands off to: whoever remembers across processes what was used (RFC 9449 does it alike for proofs).
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { hmac } from '../../platform/crypto.js';
import type { TenantService } from '../tenants/tenant.service.js';

/** Seconds. */
export const CHALLENGE_SECONDS = { registration: 5 * 60, authentication: 10 * 60 } as const;

export interface Ceremony {
  purpose: keyof typeof CHALLENGE_SECONDS;
  /** The sign-in or the session it is part of: another one cannot take it up. */
  flow: string;
  /** Whose ceremony it is, where that is known. */
  userId?: string | undefined;
}

/** @returns true for exactly one of many callers with the same value, in all processes. */
export type Spend = (value: string, exp: number) => Promise<boolean>;

const nonceBytes = 32;
const expBytes = 6;
const macBytes = 32;

export class PasskeyChallenges {
  constructor(
    private readonly tenants: TenantService,
    private readonly spend: Spend,
    private readonly clock: Clock,
  ) {}

  async issue(ceremony: Ceremony): Promise<string> {
    const exp = Buffer.alloc(expBytes);
    exp.writeUIntBE(epochSeconds(this.clock.now()) + CHALLENGE_SECONDS[ceremony.purpose], 0, expBytes);
    const body = Buffer.concat([randomBytes(nonceBytes), exp]);
    return Buffer.concat([body, await this.mac(body, ceremony)]).toString('base64url');
  }

  /** Whether it is one of ours, of this ceremony and in time; spent by asking. Late, used, of another flow, person or tenant: all false. */
  async redeem(challenge: string, ceremony: Ceremony): Promise<boolean> {
    const bytes = Buffer.from(challenge, 'base64url');
    if (bytes.length !== nonceBytes + expBytes + macBytes || bytes.toString('base64url') !== challenge) return false;
    const body = bytes.subarray(0, nonceBytes + expBytes);
    if (!timingSafeEqual(bytes.subarray(body.length), await this.mac(body, ceremony))) return false;
    const exp = body.readUIntBE(nonceBytes, expBytes);
    if (exp <= epochSeconds(this.clock.now())) return false;
    return this.spend(challenge, exp);
  }

  private async mac(body: Buffer, { purpose, flow, userId = '' }: Ceremony): Promise<Buffer> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    const bound = JSON.stringify(['passkey-challenge', currentTenantId(), purpose, flow, userId]);
    return Buffer.from(hmac(identifierKey, `${bound}\0${body.toString('base64url')}`), 'base64url');
  }
}
