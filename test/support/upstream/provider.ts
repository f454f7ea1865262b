// An identity provider that does as it is told: OpenID Connect and OAuth 2.0 as the standards have them, and wrong in whatever a test names.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type Certificate, trusting } from '../tls.js';
import { type Json, UpstreamKeys } from './keys.js';
import { matches, readBasic, secondsNow, sendForm, sendHuge, sendJson } from './wire.js';

/** What it does wrong. Each is given what would be right, and changes it. */
export interface Manners {
  discovery?: (document: Json) => void;
  /** The authorization response; `request` is what was asked. */
  response?: (answer: URLSearchParams, request: URLSearchParams) => void;
  idToken?: (claims: Json, header: Json) => void;
  /** In place of signing it as it should be. */
  sign?: (claims: Json, header: Json, keys: UpstreamKeys) => Promise<string>;
  token?: (body: Json) => void;
  userinfo?: (body: Json) => void;
  emails?: (list: Json[]) => void;
  /** By path. */
  at?: Record<string, 'hang' | 'huge' | 'redirect' | number>;
  /** Takes any verifier. */
  noPkce?: boolean;
}

interface Issued {
  request: URLSearchParams;
  used: boolean;
}

export class UpstreamProvider {
  manners: Manners = {};
  /** Who signs in there. */
  person: Json = {};
  readonly client = { id: 'ostiary', secret: randomBytes(32).toString('hex') };
  /** Paths that were asked for, and what with. */
  readonly asked: { path: string; form: URLSearchParams; headers: IncomingMessage['headers'] }[] = [];
  private readonly codes = new Map<string, Issued>();

  private constructor(
    private readonly server: Server,
    readonly keys: UpstreamKeys,
    private readonly host: string,
    private readonly certificate?: Certificate,
  ) {
    this.behave();
  }

  /** @param certificate speaks https; whoever calls must believe it. @param host a name that leads to this machine. */
  static async start({ certificate, host = 'localhost' }: { certificate?: Certificate; host?: string } = {}) {
    const server: Server = certificate
      ? createSecureServer({ cert: certificate.cert, key: certificate.key })
      : createServer();
    const provider = new UpstreamProvider(server, await UpstreamKeys.make(), host, certificate);
    server.on(
      'request',
      (request: IncomingMessage, response: ServerResponse) => void provider.answer(request, response),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get issuer(): string {
    const { port } = this.server.address() as { port: number };
    return `${this.certificate ? 'https' : 'http'}://${this.host}:${port}`;
  }

  /** Everything is right again. */
  behave(): void {
    this.manners = {};
    this.person = {
      sub: 'maria-upstream',
      email: 'maria@upstream.example',
      email_verified: true,
      name: 'Maria Muster',
    };
    this.asked.length = 0;
  }

  discovery(): Json {
    const document: Json = {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      userinfo_endpoint: `${this.issuer}/userinfo`,
      jwks_uri: `${this.issuer}/jwks`,
      end_session_endpoint: `${this.issuer}/logout`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'ES256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      backchannel_logout_supported: true,
    };
    this.manners.discovery?.(document);
    return document;
  }

  /** The browser arrives there, signs in and is sent back. @returns where to, or the form that it would post. */
  async visit(url: string): Promise<{ location: string; form?: URLSearchParams }> {
    const ask = this.certificate ? trusting(this.certificate) : fetch;
    const answer = await ask(url, { redirect: 'manual' });
    const location = answer.headers.get('location');
    if (location) return { location };
    const html = await answer.text();
    const action = /action="([^"]*)"/.exec(html)?.[1] ?? '';
    const fields = [...html.matchAll(/name="([^"]*)" value="([^"]*)"/g)].map(
      ([, name = '', value = '']): [string, string] => [name, value],
    );
    return { location: action, form: new URLSearchParams(fields) };
  }

  /** OpenID Connect Back-Channel Logout 1.0 §2.4. */
  logoutToken(change: Manners['idToken'] = () => {}, sign?: Manners['sign']): Promise<string> {
    const claims: Json = {
      iss: this.issuer,
      aud: this.client.id,
      iat: secondsNow(),
      exp: secondsNow() + 120,
      jti: randomBytes(16).toString('hex'),
      sub: this.person.sub,
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    };
    const header: Json = { alg: 'RS256', kid: 'rsa', typ: 'logout+jwt' };
    change(claims, header);
    return sign ? sign(claims, header, this.keys) : this.keys.sign(claims, header);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.issuer);
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = request.method === 'POST' ? new URLSearchParams(body) : url.searchParams;
    this.asked.push({ path: url.pathname, form, headers: request.headers });
    response.setHeader('connection', 'close');
    const manner = this.manners.at?.[url.pathname];
    if (manner === 'hang') return;
    if (manner === 'huge') return sendHuge(response);
    if (manner === 'redirect') return void response.writeHead(302, { location: `${this.issuer}/elsewhere` }).end();
    if (manner !== undefined) return sendJson(response, { error: 'server_error' }, manner);
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return sendJson(response, this.discovery());
      case '/jwks':
        return sendJson(response, { keys: this.keys.published });
      case '/authorize':
        return this.authorize(form, response);
      case '/token':
        return this.token(form, request, response);
      case '/userinfo':
      case '/user':
      case '/user/emails':
        return this.resource(url.pathname, request, response);
      default:
        return sendJson(response, { error: 'not_found' }, 404);
    }
  }

  private authorize(request: URLSearchParams, response: ServerResponse): void {
    const code = randomBytes(16).toString('hex');
    this.codes.set(code, { request, used: false });
    const answer = new URLSearchParams({ code, state: request.get('state') ?? '', iss: this.issuer });
    this.manners.response?.(answer, request);
    const back = request.get('redirect_uri') ?? '';
    if (request.get('response_mode') === 'form_post') sendForm(response, back, answer);
    else response.writeHead(302, { location: `${back}?${answer}` }).end();
  }

  private async token(form: URLSearchParams, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const issued = this.codes.get(form.get('code') ?? '');
    // An assertion is looked at by the test that asks for one.
    const { id, secret } = form.has('client_assertion') ? this.client : readBasic(request, form);
    if (id !== this.client.id || secret !== this.client.secret)
      return sendJson(response, { error: 'invalid_client' }, 401);
    const isOurs =
      issued &&
      !issued.used &&
      form.get('redirect_uri') === issued.request.get('redirect_uri') &&
      (this.manners.noPkce || matches(form.get('code_verifier'), issued.request.get('code_challenge')));
    if (!isOurs) return sendJson(response, { error: 'invalid_grant', error_description: 'The code is not good' }, 400);
    issued.used = true;
    const accessToken = `at-${randomBytes(16).toString('hex')}`;
    const body: Json = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: 'rt-of-maria',
    };
    if (issued.request.get('scope')?.split(' ').includes('openid'))
      body.id_token = await this.idToken(issued.request, accessToken);
    this.manners.token?.(body);
    sendJson(response, body);
  }

  private idToken(request: URLSearchParams, accessToken: string): Promise<string> {
    const now = secondsNow();
    const claims: Json = {
      iss: this.issuer,
      aud: this.client.id,
      iat: now,
      exp: now + 300,
      auth_time: now,
      sid: 'session-upstream',
      at_hash: this.keys.halfHash(accessToken),
      ...(request.has('nonce') ? { nonce: request.get('nonce') } : {}),
      ...(request.has('acr_values') ? { acr: request.get('acr_values') } : {}),
      ...this.person,
    };
    const header: Json = { alg: 'RS256', kid: 'rsa' };
    this.manners.idToken?.(claims, header);
    return this.manners.sign ? this.manners.sign(claims, header, this.keys) : this.keys.sign(claims, header);
  }

  /** Userinfo, and what GitHub has in its place. */
  private resource(path: string, request: IncomingMessage, response: ServerResponse): void {
    if (!request.headers.authorization?.startsWith('Bearer at-')) sendJson(response, { error: 'invalid_token' }, 401);
    else sendJson(response, path === '/user/emails' ? this.emails() : this.profile(path));
  }

  private emails(): Json[] {
    const list: Json[] = [
      { email: 'other@upstream.example', primary: false, verified: true },
      { email: this.person.email, primary: true, verified: true },
    ];
    this.manners.emails?.(list);
    return list;
  }

  private profile(path: string): Json {
    const body: Json =
      path === '/user' ? { id: 583_231, login: 'maria', name: 'Maria Muster', email: null } : { ...this.person };
    this.manners.userinfo?.(body);
    return body;
  }
}
