// What a sign-out carries through the browser on its way to an identity provider: sealed or signed, and good for a few minutes. Nothing is stored of it:
// our session has ended already, and a ticket that is used twice asks for the end of the same session twice.
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../platform/clock.js';
import { currentTenantId } from '../platform/context.js';
import { hmac, type Sealer, safeEqual } from '../platform/crypto.js';
import { badRequest } from '../platform/errors.js';
import type { NameId } from './emit.js';

export interface Ticket {
  connectionId: string;
  nameId: NameId;
  sessionIndex?: string | undefined;
  /** Where the browser goes on: an address that was checked when the sign-out began. */
  back: string;
}

export const TICKET_SECONDS = 10 * 60;

export class LogoutTickets {
  constructor(
    private readonly sealer: Sealer,
    private readonly key: KeyObject,
    private readonly clock: Clock,
  ) {}

  issue(ticket: Ticket): string {
    return this.seal(ticket, 'saml_logout');
  }

  /** @throws AppError 400 for one of another connection or tenant, one that is too old, and none. */
  open(connectionId: string, sealed: string): Ticket {
    const ticket = this.unseal<Ticket>(sealed, 'saml_logout');
    if (ticket?.connectionId !== connectionId) throw badRequest('interaction_expired', 'This sign-out does not go on');
    return ticket;
  }

  /** What the browser keeps meanwhile. */
  keep(back: string): string {
    return this.seal({ back }, 'saml_logout_back');
  }

  kept(sealed: string): string | undefined {
    return this.unseal<{ back: string }>(sealed, 'saml_logout_back')?.back;
  }

  /** RelayState, of which nobody else makes one (SAML Bindings §3.4.3: 80 bytes at most). */
  stateOf(connectionId: string, requestId: string): string {
    return `${requestId}.${this.sign(connectionId, requestId)}`;
  }

  /** @returns undefined where this server has not sent it for this connection. */
  requestOf(connectionId: string, state: string): string | undefined {
    const [, requestId, signature] = /^(_[0-9a-f]{40})\.([\w-]{32})$/.exec(state) ?? [];
    if (!requestId || !signature) return undefined;
    return safeEqual(this.sign(connectionId, requestId), signature) ? requestId : undefined;
  }

  private sign(connectionId: string, requestId: string): string {
    return hmac(this.key, `saml_logout\0${currentTenantId()}\0${connectionId}\0${requestId}`).slice(0, 32);
  }

  private seal(value: object, purpose: string): string {
    const until = this.clock.now().getTime() + TICKET_SECONDS * 1000;
    return this.sealer.seal(JSON.stringify({ ...value, until }), contextOf(purpose));
  }

  private unseal<T>(sealed: string, purpose: string): T | undefined {
    try {
      const value = JSON.parse(this.sealer.open(sealed, contextOf(purpose))) as T & { until: number };
      return value.until > this.clock.now().getTime() ? value : undefined;
    } catch {
      return undefined;
    }
  }
}

const contextOf = (purpose: string) => `${purpose}:${currentTenantId()}`;
