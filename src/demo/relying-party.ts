// Owns the protocol: what any OpenID Connect application does with openid-client, and a record of every request for the pages to explain.
// Hands off to sessions.ts for what is remembered, to trace.ts for what is shown.
import * as client from 'openid-client';
import type { DecodedToken, Pending, Tokens } from './sessions.js';
import { describe, type Exchange, record, recordingFetch } from './trace.js';

export interface ClientSettings {
  issuer: string;
  clientId: string;
  /** Absent for a public client (RFC 6749 §2.1). */
  clientSecret?: string | undefined;
  /** Where the demo is reached, without a slash at the end. */
  origin: string;
  /** Plain http towards the issuer; for a server on the same machine only. */
  allowInsecure: boolean;
}

export class RelyingParty {
  private discovered: Promise<client.Configuration> | undefined;
  readonly redirectUri: string;
  readonly postLogoutRedirectUri: string;

  constructor(readonly settings: ClientSettings) {
    this.redirectUri = `${settings.origin}/callback`;
    this.postLogoutRedirectUri = `${settings.origin}/`;
  }

  /** Discovery on first use: server and demo start at the same time. A failure is forgotten, so that the next request tries again. */
  configuration(): Promise<client.Configuration> {
    this.discovered ??= this.discover().catch((error: unknown) => {
      this.discovered = undefined;
      throw error;
    });
    return this.discovered;
  }

  /** Every parameter of a proper authorization request, with fresh state, nonce and PKCE secret. */
  async authorizationParameters(): Promise<{ parameters: Record<string, string>; codeVerifier: string }> {
    const codeVerifier = client.randomPKCECodeVerifier();
    const parameters = {
      response_type: 'code',
      redirect_uri: this.redirectUri,
      scope: 'openid profile email offline_access',
      state: client.randomState(),
      nonce: client.randomNonce(),
      code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      prompt: 'consent', // OpenID Connect Core §11: asked for together with offline_access
    };
    return { parameters, codeVerifier };
  }

  /** @param connection the identity provider at which the person signs in, as the server knows it by key. */
  async begin(connection?: string): Promise<{ url: URL; pending: Pending }> {
    const configuration = await this.configuration();
    const { parameters, codeVerifier } = await this.authorizationParameters();
    const url = client.buildAuthorizationUrl(configuration, { ...parameters, ...(connection && { connection }) });
    const request: Exchange = {
      title: 'Authorization request',
      why: 'Your browser was sent to the server, where you sign in. This application never sees your password.',
      by: 'browser',
      method: 'GET',
      url: url.origin + url.pathname,
      sent: describe(url.searchParams, 'sent'),
      received: [],
    };
    return { url, pending: { state: parameters.state ?? '', nonce: parameters.nonce ?? '', codeVerifier, request } };
  }

  /**
   * Redeems the code and verifies state, issuer, nonce and the ID token's signature (OpenID Connect Core §3.1.3.7).
   * @throws when any of them is wrong; `exchanges` then shows how far it came.
   */
  async finish(callback: URL, pending: Pending, exchanges: Exchange[]): Promise<Tokens & { decoded: DecodedToken }> {
    exchanges.push(pending.request, callbackExchange(callback));
    const configuration = await this.configuration();
    return record(exchanges, async () => {
      const response = await client.authorizationCodeGrant(configuration, callback, {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.codeVerifier,
        idTokenExpected: true,
      });
      const idToken = response.id_token ?? '';
      const subject = response.claims()?.sub ?? '';
      const { email, name } = await client.fetchUserInfo(configuration, response.access_token, subject);
      return {
        accessToken: response.access_token,
        ...(response.refresh_token ? { refreshToken: response.refresh_token } : {}),
        idToken,
        code: callback.searchParams.get('code') ?? '',
        codeVerifier: pending.codeVerifier,
        subject,
        person: email ?? name ?? subject,
        decoded: decode(idToken),
      };
    });
  }

  /** RFC 6749 §6; the answer carries the next refresh token, and the one just used is over (RFC 9700 §4.14.2). */
  async refresh(tokens: Tokens, exchanges: Exchange[]): Promise<Tokens & { decoded: DecodedToken }> {
    const configuration = await this.configuration();
    return record(exchanges, async () => {
      const response = await client.refreshTokenGrant(configuration, tokens.refreshToken ?? '');
      const idToken = response.id_token ?? tokens.idToken;
      const refreshToken = response.refresh_token ?? tokens.refreshToken;
      return {
        ...tokens,
        accessToken: response.access_token,
        ...(refreshToken ? { refreshToken } : {}),
        idToken,
        decoded: decode(idToken),
      };
    });
  }

  async userinfo(tokens: Tokens, exchanges: Exchange[]): Promise<void> {
    const configuration = await this.configuration();
    await record(exchanges, () => client.fetchUserInfo(configuration, tokens.accessToken, tokens.subject));
  }

  /** OpenID Connect RP-Initiated Logout 1.0 §2. */
  async endSessionUrl(tokens: Tokens): Promise<URL> {
    return client.buildEndSessionUrl(await this.configuration(), {
      id_token_hint: tokens.idToken,
      post_logout_redirect_uri: this.postLogoutRedirectUri,
      state: 'signed-out',
    });
  }

  private async discover(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret, allowInsecure } = this.settings;
    let endpoints: Partial<client.ServerMetadata> = {};
    const configuration = await client.discovery(
      new URL(issuer),
      clientId,
      {},
      clientSecret ? client.ClientSecretBasic(clientSecret) : client.None(),
      {
        [client.customFetch]: recordingFetch((url) => captionFor(url, endpoints)),
        // The ID token came straight from the server over a connection we opened; its signature is checked all the same, to show it.
        execute: [client.enableNonRepudiationChecks, ...(allowInsecure ? [client.allowInsecureRequests] : [])],
      },
    );
    endpoints = configuration.serverMetadata();
    return configuration;
  }
}

function callbackExchange(callback: URL): Exchange {
  const error = callback.searchParams.get('error');
  return {
    title: 'Callback',
    why: 'The server sent your browser back with its answer. state and iss are checked before anything else.',
    by: 'browser',
    method: 'GET',
    url: callback.origin + callback.pathname,
    sent: [],
    received: describe(callback.searchParams, 'received'),
    ...(error ? { error } : {}),
  };
}

/** Caption by endpoint: the same words whoever makes the call. */
export function captionFor(url: URL, endpoints: Partial<client.ServerMetadata>): Pick<Exchange, 'title' | 'why'> {
  switch (url.origin + url.pathname) {
    case endpoints.token_endpoint:
      return {
        title: 'Token request',
        why: 'A direct call: the code or refresh token is traded for tokens. Your browser sees none of it.',
      };
    case endpoints.userinfo_endpoint:
      return { title: 'Userinfo request', why: 'The access token is shown to read the facts you agreed to share.' };
    case endpoints.jwks_uri:
      return { title: 'Public keys', why: 'Fetched once and kept, to verify the signature of the ID token.' };
    case endpoints.revocation_endpoint:
      return { title: 'Revocation request', why: 'The token is ended before its time (RFC 7009).' };
    case endpoints.authorization_endpoint:
      return {
        title: 'Authorization request',
        why: 'Sent by this application in place of a browser, to read the answer.',
      };
    default:
      return { title: 'Discovery', why: 'The server describes itself: addresses, keys, what it supports.' };
  }
}

function decode(jwt: string): DecodedToken {
  const [header = '', payload = ''] = jwt.split('.');
  const json = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
  return { header: json(header), claims: json(payload) };
}
