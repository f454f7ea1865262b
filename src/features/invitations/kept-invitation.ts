// How an invitation that somebody has accepted comes through their sign-in: sealed, in a cookie of the browser in which they did, for as long as a
// sign-in may take. It is in no address, where a history, a log or a Referer would keep it. Pure; doors set and read the cookie.
import { z } from 'zod';
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';

/** Seconds: an address may have to be proved on the way. */
export const KEPT_SECONDS = 2 * 3600;

const Kept = z.strictObject({ token: z.string(), until: z.number() });

export class KeptInvitations {
  constructor(
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  /** With __Host- (RFC 6265bis §4.1.3.2) no other host of the domain can set it. */
  cookie(secure: boolean): string {
    return `${secure ? '__Host-' : ''}ostiary_invitation_${currentTenantId().replaceAll('-', '')}`;
  }

  seal(token: string): string {
    const kept = { token, until: epochSeconds(this.clock.now()) + KEPT_SECONDS };
    return Buffer.from(this.sealer.seal(JSON.stringify(kept), sealContext())).toString('base64url');
  }

  /** @returns undefined where it is too old, of another tenant, or not ours. */
  open(value: string | undefined): string | undefined {
    try {
      const sealed = Buffer.from(value ?? '', 'base64url').toString();
      const { token, until } = Kept.parse(JSON.parse(this.sealer.open(sealed, sealContext())));
      return until > epochSeconds(this.clock.now()) ? token : undefined;
    } catch {
      return undefined;
    }
  }
}

const sealContext = () => `invitation:${currentTenantId()}`;
