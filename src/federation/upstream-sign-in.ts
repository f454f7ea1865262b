// Owns both halves of a sign-in at an OpenID or OAuth 2.0 provider: the browser is sent there with what the answer is compared with, and the answer is
// believed or not. Hands off to FederatedSignIns, which knows which browser it was, and to Provisioning, which knows who that is here.
import type { Check } from '../features/connections/check.js';
import type { Connection } from '../features/connections/connection.entity.js';
import type { Answered, Started } from '../features/connections/federated-sign-in.js';
import type { FederatedSignIns } from '../features/connections/federated-sign-ins.js';
import type { UpstreamIdentity } from '../features/connections/upstream-identity.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { randomToken } from '../platform/crypto.js';
import { withAppleName } from './apple-name.js';
import { authorizationParameters } from './authorization-request.js';
import { checksOfResponse } from './authorization-response.js';
import { believeOAuth2 } from './oauth2-answer.js';
import { type Answer, believeOidc } from './oidc-answer.js';
import { examineIdToken, Received } from './received.js';
import { Examination, Refused } from './refusal.js';
import type { SignedJwts } from './signed-jwt.js';
import type { UpstreamClients } from './upstream-clients.js';

export interface Believed {
  identity: UpstreamIdentity;
  checks: Check[];
  /** For looking at it again. */
  received: string | undefined;
}

export class UpstreamSignIn {
  constructor(
    private readonly signIns: Pick<FederatedSignIns, 'sent'>,
    private readonly clients: UpstreamClients,
    private readonly jwts: SignedJwts,
    private readonly clock: Clock,
  ) {}

  /** @returns where to send the browser. @throws Refused where the connection says too little. */
  async send(started: Started, redirectUri: string): Promise<string> {
    const { upstream, client } = await this.clients.reach(started.connection);
    const [nonce, verifier] = [randomToken(), randomToken()];
    const sent_at = String(epochSeconds(this.clock.now()));
    const kept = { nonce, verifier, sent_at, server: serverOf(upstream) };
    const { state } = await this.signIns.sent(started, kept);
    return client.authorizationUrl(
      authorizationParameters(upstream, started.asked, { state, nonce, verifier, redirectUri }),
    );
  }

  /** @param given what the browser has brought. @throws Refused */
  async believe(answered: Answered, given: URLSearchParams, redirectUri: string): Promise<Believed> {
    const { connection, asked, kept } = answered;
    const examination = new Examination();
    const { upstream, client, secret } = await this.clients.reach(connection);
    // A code is shown to nobody but whom the person was sent to, even if the connection has been pointed at another one meanwhile (RFC 9700 §4.4).
    examination.pass({ check: 'provider_unchanged', passed: kept.server === serverOf(upstream) });
    const saysIssuer = upstream.endpoints.authorization_response_iss_parameter_supported === true;
    examination.pass(...checksOfResponse(given, { issuer: upstream.issuer, saysIssuer }));
    const answer: Answer = {
      ...{ upstream, client, secret, asked, settings: connection.settings },
      callback: withParameters(redirectUri, given, upstream.issuer !== undefined),
      kept: {
        state: given.get('state') ?? '',
        nonce: upstream.kind === 'oidc' ? kept.nonce : undefined,
        verifier: kept.verifier ?? '',
      },
      sentAt: Number(kept.sent_at),
      now: epochSeconds(this.clock.now()),
    };
    const identity =
      upstream.kind === 'oidc'
        ? await believeOidc(answer, this.jwts, examination)
        : await believeOAuth2(answer, examination);
    const named = connection.preset === 'apple' ? withAppleName(identity, given.get('user')) : identity;
    return { identity: named, checks: examination.checks, received: examination.received };
  }

  /** What was received then, with the settings of today: nothing is redeemed, and nobody is asked but for keys. */
  async validate(connection: Connection, message: string, receivedAt: Date): Promise<Check[]> {
    const examination = new Examination();
    try {
      const reached = await this.clients.reach(connection);
      const received = Received.parse(JSON.parse(message));
      await examineIdToken(received, reached, this.jwts, examination, epochSeconds(receivedAt));
      return examination.checks;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return [...error.checks];
    }
  }
}

/** Who answers for it, and where the code goes. */
const serverOf = ({ issuer, endpoints }: { issuer: string | undefined; endpoints: { token_endpoint: string } }) =>
  `${issuer ?? ''} ${endpoints.token_endpoint}`;

/** @param knowsIssuer where nobody has said what it is, there is nothing to compare it with (RFC 9207 §2.4); the address is for this connection alone. */
function withParameters(redirectUri: string, given: URLSearchParams, knowsIssuer: boolean): URL {
  const url = new URL(redirectUri);
  for (const name of ['code', 'state', ...(knowsIssuer ? ['iss'] : [])]) {
    const value = given.get(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  return url;
}
