// Who signs out here is signed out over there, too (OpenID Connect RP-Initiated Logout 1.0), where the connection says so. Our session has ended before
// anybody is asked, so that nothing depends on the answer: what the browser carries is sealed, good for a few minutes, and stored nowhere.
import { z } from 'zod';
import type { ConnectionService } from '../features/connections/connection.service.js';
import { federationAddresses } from '../features/connections/connection-addresses.js';
import { providerMetadataOf } from '../features/connections/connection-upstream.js';
import type { UpstreamSessions } from '../features/connections/upstream-sessions.js';
import type { Clock } from '../platform/clock.js';
import { currentTenantId } from '../platform/context.js';
import type { Sealer } from '../platform/crypto.js';
import { badRequest } from '../platform/errors.js';

const Ticket = z.strictObject({
  connection_id: z.string(),
  session_uid: z.string(),
  back: z.string(),
  until: z.number(),
});

export const TICKET_SECONDS = 10 * 60;
/** An address that servers still take; a longer hint is left out, and the person is asked over there. */
const longestHint = 6_000;

export class UpstreamSignOuts {
  constructor(
    private readonly sessions: Pick<UpstreamSessions, 'of'>,
    private readonly connections: Pick<ConnectionService, 'enabled'>,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  /** @returns where to send a browser whose session has just ended; undefined where nobody is to be told. */
  async addressAfter(issuer: string, sessionUid: string, back: string): Promise<string | undefined> {
    for (const { connectionId } of (await this.sessions.of(sessionUid)).reverse()) {
      if (!(await this.place(connectionId))) continue;
      const ticket = this.seal({ connection_id: connectionId, session_uid: sessionUid, back });
      return `${issuer}/federation/${connectionId}/logout?ticket=${encodeURIComponent(ticket)}`;
    }
    return undefined;
  }

  /** @returns the request (§2), and where the browser goes on afterwards. @throws AppError 400 for a ticket that is not good here. */
  async begin(issuer: string, connectionId: string, sealed: string): Promise<{ address: string; back: string }> {
    const ticket = this.unseal(sealed);
    if (ticket?.connection_id !== connectionId) throw badRequest('interaction_expired', 'This sign-out does not go on');
    const { session_uid: uid, back } = ticket;
    const place = await this.place(connectionId);
    if (!place) return { address: back, back };
    const stood = (await this.sessions.of(uid)).filter((one) => one.connectionId === connectionId).at(-1);
    const address = new URL(place.endpoint);
    const { idToken = '' } = stood ?? {};
    if (idToken && idToken.length <= longestHint) address.searchParams.set('id_token_hint', idToken);
    address.searchParams.set('client_id', place.clientId);
    const { post_logout_redirect_uri } = federationAddresses(issuer, { id: connectionId });
    address.searchParams.set('post_logout_redirect_uri', post_logout_redirect_uri);
    return { address: address.href, back };
  }

  /** What the browser keeps meanwhile: it leads nowhere but where the sign-out was asked to. */
  keep(connectionId: string, back: string): string {
    return this.seal({ connection_id: connectionId, session_uid: '', back });
  }

  kept(connectionId: string, sealed: string): string | undefined {
    const ticket = this.unseal(sealed);
    return ticket?.connection_id === connectionId ? ticket.back : undefined;
  }

  private async place(connectionId: string): Promise<{ endpoint: string; clientId: string } | undefined> {
    const connection = await this.connections.enabled(connectionId);
    const { oidc } = connection?.settings ?? {};
    if (!connection || !oidc?.logout.rp_initiated) return undefined;
    const endpoint = providerMetadataOf(connection)?.end_session_endpoint;
    return endpoint === undefined ? undefined : { endpoint, clientId: oidc.client_id };
  }

  private seal(ticket: Omit<z.output<typeof Ticket>, 'until'>): string {
    const until = this.clock.now().getTime() + TICKET_SECONDS * 1000;
    return this.sealer.seal(JSON.stringify({ ...ticket, until }), sealContext());
  }

  private unseal(sealed: string): z.output<typeof Ticket> | undefined {
    try {
      const ticket = Ticket.parse(JSON.parse(this.sealer.open(sealed, sealContext())));
      return ticket.until > this.clock.now().getTime() ? ticket : undefined;
    } catch {
      return undefined;
    }
  }
}

const sealContext = () => `federation_sign_out:${currentTenantId()}`;
