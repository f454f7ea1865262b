// An application as somebody else would write it: openid-client and a small web server of its own, on http or https. It knows the server
// by its issuer alone, and remembers requests by state, because cookies are shared by all ports of a host.
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import * as client from 'openid-client';
import { freePort } from './server.js';
import type { Certificate } from './tls.js';

interface Ticket {
  verifier: string;
  nonce: string;
}

/** The last sign-in. */
export interface Outcome {
  tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;
  userinfo: client.UserInfoResponse;
}

export class RelyingParty {
  readonly redirectUri: string;
  readonly postLogoutRedirectUri: string;
  /** One per sign-in. */
  readonly outcomes: Outcome[] = [];
  configuration!: client.Configuration;
  private readonly tickets = new Map<string, Ticket>();

  private constructor(
    readonly origin: string,
    private readonly server: Server,
  ) {
    this.redirectUri = `${origin}/callback`;
    this.postLogoutRedirectUri = `${origin}/`;
  }

  static async start(tls?: Certificate): Promise<RelyingParty> {
    const port = await freePort();
    const server = tls ? createSecureServer(tls) : createPlainServer();
    const party = new RelyingParty(`${tls ? 'https' : 'http'}://localhost:${port}`, server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void party.serve(request, response));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return party;
  }

  /** What it asks to be registered as (RFC 7591 §2). */
  metadata(more: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      client_name: 'Trip Planner',
      redirect_uris: [this.redirectUri],
      post_logout_redirect_uris: [this.postLogoutRedirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      scope: 'openid profile email offline_access',
      ...more,
    };
  }

  async learn(issuer: string, clientId: string, clientSecret?: string, fetch?: typeof globalThis.fetch): Promise<void> {
    this.configuration = await client.discovery(
      new URL(issuer),
      clientId,
      {},
      clientSecret ? client.ClientSecretBasic(clientSecret) : client.None(),
      {
        ...(fetch ? { [client.customFetch]: fetch as client.CustomFetch } : {}),
        execute: [
          client.enableNonRepudiationChecks,
          ...(issuer.startsWith('http:') ? [client.allowInsecureRequests] : []),
        ],
      },
    );
  }

  /** OpenID Connect Core §3.1.2.1, with PKCE (RFC 7636), state and nonce made anew. */
  async authorizationUrl(more: Record<string, string> = {}): Promise<URL> {
    const verifier = client.randomPKCECodeVerifier();
    const [state, nonce] = [client.randomState(), client.randomNonce()];
    this.tickets.set(state, { verifier, nonce });
    return client.buildAuthorizationUrl(this.configuration, {
      redirect_uri: this.redirectUri,
      scope: 'openid profile email',
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...more,
    });
  }

  /** Redeems the code and verifies state, iss, nonce and the signature of the ID token (§3.1.3.7), then asks who it is. */
  async redeem(callback: URL | Request, state: string): Promise<Outcome> {
    const ticket = this.tickets.get(state);
    if (!ticket) throw new Error('nobody asked for this');
    this.tickets.delete(state);
    const tokens = await client.authorizationCodeGrant(this.configuration, callback, {
      expectedState: state,
      expectedNonce: ticket.nonce,
      pkceCodeVerifier: ticket.verifier,
      idTokenExpected: true,
    });
    const subject = tokens.claims()?.sub ?? '';
    const userinfo = await client.fetchUserInfo(this.configuration, tokens.access_token, subject);
    this.outcomes.push({ tokens, userinfo });
    return { tokens, userinfo };
  }

  endSessionUrl(more: Record<string, string> = {}): URL {
    return client.buildEndSessionUrl(this.configuration, {
      id_token_hint: this.outcomes.at(-1)?.tokens.id_token ?? '',
      ...more,
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin);
    if (url.pathname === '/') return show(response, 200, 'Trip Planner');
    if (url.pathname !== '/callback') return show(response, 204, '');
    try {
      const body = request.method === 'POST' ? await bodyOf(request) : undefined;
      const answer =
        body === undefined
          ? url
          : new Request(url, {
              method: 'POST',
              headers: { 'content-type': 'application/x-www-form-urlencoded' },
              body,
            });
      const state = (body === undefined ? url.searchParams : new URLSearchParams(body)).get('state') ?? '';
      const { userinfo } = await this.redeem(answer, state);
      show(response, 200, `Hello ${userinfo.email}`);
    } catch (error) {
      const { error: name, message } = error as { error?: string; message: string };
      show(response, 200, `Not signed in: ${name ?? message}`);
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
}

function show(response: ServerResponse, status: number, heading: string): void {
  response.writeHead(status, { 'content-type': 'text/html' });
  response.end(status === 204 ? undefined : `<!doctype html><title>Trip Planner</title><h1>${heading}</h1>`);
}
