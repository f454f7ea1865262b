// Single logout (SAML Profiles §4.4): a session that ends over there ends those here that stand on it, one that ends here is told over there. Ours has
// ended before anything is sent, so that nothing depends on the answer.
import type { Connection } from '../features/connections/connection.entity.js';
import type { IdentityProvider } from '../features/connections/connection-saml.settings.js';
import type { FederatedSignIns } from '../features/connections/federated-sign-ins.js';
import type { UpstreamSessions } from '../features/connections/upstream-sessions.js';
import type { Replays } from '../features/protocol/replays.js';
import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import { logoutRequest, logoutResponse } from './emit.js';
import type { Opened } from './gate-checks.js';
import { type LogoutExpected, type LogoutRequestFacts, openLogoutRequest, openLogoutResponse } from './gate-logout.js';
import type { Sent as Received } from './gate-message.js';
import { Clocks } from './gate-time.js';
import type { LogoutTickets } from './logout-tickets.js';
import { type Sent, send } from './sending.js';
import type { Party, ServiceProviders } from './service-provider.js';
import type { Binding } from './vocabulary.js';

export type LoggedOut = { kind: 'sent'; sent: Sent } | { kind: 'done' } | { kind: 'refused'; trace: string };

/** How long the identity provider may act on a request of ours. */
const REQUEST_MS = 5 * 60_000;

export class SamlLogouts {
  constructor(
    private readonly db: Database,
    private readonly serviceProviders: ServiceProviders,
    private readonly signIns: Pick<FederatedSignIns, 'refuse'>,
    private readonly sessions: Pick<UpstreamSessions, 'of' | 'endedUpstream'>,
    private readonly replays: Pick<Replays, 'unique'>,
    private readonly tickets: LogoutTickets,
    private readonly clock: Clock,
  ) {}

  /** A LogoutRequest of theirs. @param relayState goes back as it came (SAML Bindings §3.4.3). @throws AppError 404 */
  async requested(connectionId: string, received: Received, relayState?: string): Promise<LoggedOut> {
    const connection = await this.serviceProviders.find(connectionId);
    const party = await this.serviceProviders.partyOf(connection);
    const opened = party
      ? await this.end(party, await openLogoutRequest(received, this.expected(party)))
      : notConfigured;
    if (!party || !opened.ok) return this.refuse(connection, opened);
    const { id } = opened.value;
    const place = placeOf(party.idp, received.binding);
    if (!place) return { kind: 'done' };
    const message = logoutResponse({
      issuer: party.entityId,
      destination: place.response_location ?? place.location,
      at: this.clock.now(),
      inResponseTo: id,
      status: 'success',
    });
    return { kind: 'sent', sent: await send(place.binding, message, relayState, party.signingKey) };
  }

  /** What they say of a LogoutRequest of ours. @throws AppError 404 */
  async answered(connectionId: string, received: Received, relayState = ''): Promise<LoggedOut> {
    const connection = await this.serviceProviders.find(connectionId);
    const party = await this.serviceProviders.partyOf(connection);
    const requestId = this.tickets.requestOf(connectionId, relayState);
    if (!party) return this.refuse(connection, notConfigured);
    if (requestId === undefined) return this.refuse(connection, unknownRequest);
    const opened = await openLogoutResponse(received, { ...this.expected(party), request_id: requestId });
    return opened.ok ? { kind: 'done' } : this.refuse(connection, opened);
  }

  /** @returns where to send a browser whose session has just ended, so that the identity provider is told; undefined where it is not to be. */
  async addressAfter(issuer: string, sessionUid: string, back: string): Promise<string | undefined> {
    for (const { connectionId, sessionIndex, nameId } of (await this.sessions.of(sessionUid)).reverse()) {
      const party = nameId && (await this.partyToTell(connectionId));
      if (!party) continue;
      const ticket = this.tickets.issue({ connectionId, nameId, sessionIndex: sessionIndex ?? undefined, back });
      return `${issuer}/saml/${connectionId}/logout?ticket=${encodeURIComponent(ticket)}`;
    }
    return undefined;
  }

  /** @returns the request on its way, and where the browser goes on afterwards. @throws AppError 400, 404 */
  async begin(connectionId: string, ticket: string): Promise<{ sent: Sent; back: string }> {
    const { nameId, sessionIndex, back } = this.tickets.open(connectionId, ticket);
    const party = await this.partyToTell(connectionId);
    const place = party && placeOf(party.idp, 'redirect');
    if (!party || !place) return { sent: { kind: 'redirect', address: back }, back };
    const at = this.clock.now();
    const message = logoutRequest({
      issuer: party.entityId,
      destination: place.location,
      at,
      until: new Date(at.getTime() + REQUEST_MS),
      nameId,
      sessionIndexes: sessionIndex === undefined ? [] : [sessionIndex],
    });
    const state = this.tickets.stateOf(connectionId, message.id);
    return { sent: await send(place.binding, message, state, party.signingKey), back };
  }

  private async partyToTell(connectionId: string): Promise<Party | undefined> {
    const connection = await this.serviceProviders.enabled(connectionId);
    const party = connection && (await this.serviceProviders.partyOf(connection));
    return party?.saml.single_logout && party.idp.slo.length > 0 ? party : undefined;
  }

  private expected({ idp, slo, saml }: Party): LogoutExpected {
    const clocks = new Clocks(this.clock.now(), saml.clock_skew_seconds);
    return { idp, destination: slo, clocks, assertion_seconds: saml.assertion_seconds };
  }

  /** Spent with what it ends, or not at all. */
  private async end(party: Party, opened: Opened<LogoutRequestFacts>): Promise<Opened<LogoutRequestFacts>> {
    if (!opened.ok) return opened;
    return this.db.transaction(async () => {
      const spent = await this.once(party, opened);
      if (!spent.ok) return spent;
      const { subject, session_index: indexes } = spent.value;
      // All sessions of the person where none is named (SAML Core §3.7.1).
      for (const index of indexes.length > 0 ? indexes : [undefined])
        await this.sessions.endedUpstream(party.connection.id, { subject: subject.value, session_index: index });
      return spent;
    });
  }

  private async once(
    { connection }: Party,
    opened: Opened<LogoutRequestFacts> & { ok: true },
  ): Promise<Opened<LogoutRequestFacts>> {
    const { id, not_on_or_after } = opened.value;
    const passed = await this.replays.unique(`saml logout ${connection.id}`, id, not_on_or_after);
    const checks = [...opened.checks, { check: 'request_once', passed }];
    return passed ? { ...opened, checks } : { ok: false, reason: 'request_once', checks };
  }

  private async refuse({ id }: Connection, why: Opened<unknown>): Promise<LoggedOut> {
    const reason = why.ok ? 'refused' : why.reason;
    return { kind: 'refused', ...(await this.signIns.refuse(id, { reason, checks: why.checks })) };
  }
}

const placeOf = ({ slo }: IdentityProvider, binding: Binding) => slo.find((one) => one.binding === binding) ?? slo[0];

const refusal = (check: string, setting?: string) => ({
  ok: false as const,
  reason: check,
  checks: [{ check, passed: false, ...(setting === undefined ? {} : { setting }) }],
});
const notConfigured = refusal('not_configured', 'saml.idp');
const unknownRequest = refusal('relay_state');
