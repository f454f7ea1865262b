// Owns the words that we say to an identity provider, and only to it: by openid-client, over the one way out (platform/egress.ts), at our clock.
import * as client from 'openid-client';
import { z } from 'zod';
import type { Egress } from '../platform/egress.js';
import { problemName, Unexpected } from './problem-name.js';
import type { Upstream } from './upstream.js';

/** No answer of an identity provider is larger, unless it is none. */
const mostBytes = 256 * 1024;

/** RFC 6749 §5.1, OpenID Connect Core §3.1.3.3: what of it is kept. */
const Tokens = z.object({
  access_token: z.string().min(1).max(16_384),
  refresh_token: z.string().max(16_384).optional().catch(undefined),
  id_token: z.unknown().optional(),
  expires_in: z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional().catch(undefined),
  scope: z.string().max(4096).optional().catch(undefined),
});
export type Tokens = z.output<typeof Tokens>;

/** What was answered, or in a word why that cannot be taken. */
export type Said<T> = { value: T; problem?: never } | { value?: never; problem: string };

export interface Redeemed {
  /** Undefined where there were none to read. */
  tokens: Tokens | undefined;
  /** Why the library does not take them. */
  problem: string | undefined;
}

export interface Kept {
  state: string;
  nonce: string | undefined;
  verifier: string;
}

export class UpstreamClient {
  private readonly configuration: client.Configuration;
  /** The last answer of the token endpoint, as it was read: the library keeps nothing of what it refuses. */
  private answered: Record<string, unknown> = {};

  /** @param now NumericDate. */
  constructor(
    private readonly upstream: Upstream,
    authentication: client.ClientAuth,
    private readonly egress: Pick<Egress, 'fetch'>,
    now: number,
  ) {
    const { endpoints, algorithms, clientId, tolerance } = upstream;
    const server = {
      ...endpoints,
      issuer: upstream.issuer ?? new URL(endpoints.token_endpoint).origin,
      id_token_signing_alg_values_supported: [...algorithms],
    };
    const skew = now - Math.floor(Date.now() / 1000);
    const times = { [client.clockSkew]: skew, [client.clockTolerance]: tolerance };
    this.configuration = new client.Configuration(server, clientId, times, authentication);
    this.configuration[client.customFetch] = (url, init) => this.fetch(url, init as RequestInit);
    // Which addresses may be called without TLS is decided by the way out, for everybody.
    client.allowInsecureRequests(this.configuration);
  }

  authorizationUrl(parameters: Record<string, string>): string {
    return client.buildAuthorizationUrl(this.configuration, parameters).href;
  }

  /** @param callback our redirect URI with what came back. */
  async redeem(callback: URL, { state, nonce, verifier }: Kept): Promise<Redeemed> {
    this.answered = {};
    const checks = { expectedState: state, pkceCodeVerifier: verifier, idTokenExpected: nonce !== undefined };
    const expected = nonce === undefined ? checks : { ...checks, expectedNonce: nonce };
    const { problem } = await said(client.authorizationCodeGrant(this.configuration, callback, expected));
    return { tokens: Tokens.safeParse(this.answered).data, problem };
  }

  /** @param subject whom the ID token names (OpenID Connect Core §5.3.2). */
  userinfo(accessToken: string, subject: string): Promise<Said<Record<string, unknown>>> {
    return said(client.fetchUserInfo(this.configuration, accessToken, subject));
  }

  /** An API that is asked with the token (RFC 6750 §2.1). */
  read(url: string, accessToken: string): Promise<Said<unknown>> {
    const headers = new Headers({ accept: 'application/json' });
    const asked = [this.configuration, accessToken, new URL(url), 'GET', null, headers] as const;
    return said(client.fetchProtectedResource(...asked).then(jsonOf));
  }

  private async fetch(url: string, init: RequestInit): Promise<Response> {
    const answer = await this.egress.fetch(url, { ...init, maxBytes: mostBytes });
    if (url !== new URL(this.upstream.endpoints.token_endpoint).href) return answer;
    const body = await record(answer.clone());
    this.answered = body;
    if (this.upstream.kind === 'oidc' || !('id_token' in body)) return answer;
    // Nobody asked for one, and nobody reads it.
    const { id_token: _unasked, ...others } = body;
    return Response.json(others, { status: answer.status });
  }
}

const said = <T>(work: Promise<T>): Promise<Said<T>> =>
  work.then(
    (value) => ({ value }),
    (error: unknown) => ({ problem: problemName(error) }),
  );

function jsonOf(answer: Response): Promise<unknown> {
  if (answer.status !== 200) throw new Unexpected(answer.status);
  return answer.json();
}

const record = async (answer: Response): Promise<Record<string, unknown>> =>
  z
    .record(z.string(), z.unknown())
    .catch({})
    .parse(await answer.json().catch(() => ({})));
