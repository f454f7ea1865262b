// An identity provider of SAML where browsers go: pages of another site that send messages themselves, or by a button where scripts are off.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { inflateRawSync } from 'node:zlib';
import type { Certificate } from '../tls.js';
import { HonestIdp } from './honest-idp.js';
import { samlKey } from './keys.js';
import { type AssertionSaid, type Changed, logoutRequestXml, logoutResponseXml } from './messages.js';
import { posted, redirected, signed } from './sign.js';

interface ServiceProvider {
  entity_id: string;
  assertion_consumer_service: string;
  single_logout_service: string;
}

export class SamlWebsite {
  /** Who signs in there, and what is said of them. */
  person: Changed<AssertionSaid> = {};
  /** How it sends messages of a logout. */
  logoutBinding: 'redirect' | 'post' = 'redirect';
  /** What it was sent, as XML. */
  readonly received: string[] = [];
  /** Whoever trusts it. */
  sp!: ServiceProvider;

  private constructor(
    private readonly server: Server,
    readonly idp: HonestIdp,
  ) {}

  /** On another site than `localhost`, as browsers see it. */
  static async start(certificate?: Certificate): Promise<SamlWebsite> {
    const server: Server = certificate
      ? createSecureServer({ cert: certificate.cert, key: certificate.key })
      : createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const origin = `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`;
    const website = new SamlWebsite(server, new HonestIdp(origin, samlKey()));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void website.serve(request, response));
    return website;
  }

  get origin(): string {
    return this.idp.entityId;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin);
    let body = '';
    for await (const chunk of request) body += chunk;
    const isPost = request.method === 'POST';
    const given = isPost ? new URLSearchParams(body) : url.searchParams;
    const state = given.get('RelayState') ?? undefined;
    const message = given.get('SAMLRequest') ?? given.get('SAMLResponse');
    const xml = message === null ? '' : read(message, isPost);
    if (xml) this.received.push(xml);
    if (url.pathname === '/sso') return this.signIn(response, requestIdOf(xml), state);
    if (url.pathname === '/start') return this.signIn(response, null);
    if (url.pathname === '/sign-out') return this.signOut(response);
    if (url.pathname === '/slo' && given.has('SAMLRequest'))
      return this.answerLogout(response, requestIdOf(xml), state);
    if (url.pathname === '/slo') return show(response, '<h1>Signed out everywhere</h1>');
    response.writeHead(204).end();
  }

  private signIn(response: ServerResponse, requestId: string | null, state?: string): void {
    const { assertion_consumer_service: acs } = this.sp;
    const xml = this.idp.respond({ ...this.between(requestId), acs }, { assertion: this.person });
    post(response, acs, { SAMLResponse: posted(xml), ...(state === undefined ? {} : { RelayState: state }) });
  }

  /** A sign-out that begins here. */
  private signOut(response: ServerResponse): void {
    const { name_id = null, session_index } = this.person;
    const xml = logoutRequestXml(this.between(null), { name_id, session_index: session_index ? [session_index] : [] });
    this.sendLogout(response, 'SAMLRequest', 'LogoutRequest', xml, 'of theirs');
  }

  private answerLogout(response: ServerResponse, requestId: string | null, state?: string): void {
    this.sendLogout(response, 'SAMLResponse', 'LogoutResponse', logoutResponseXml(this.between(requestId)), state);
  }

  private sendLogout(
    response: ServerResponse,
    name: 'SAMLRequest' | 'SAMLResponse',
    element: string,
    xml: string,
    state?: string,
  ): void {
    const { key } = this.idp;
    const relay = state === undefined ? {} : { relay_state: state };
    const at = this.sp.single_logout_service;
    if (this.logoutBinding === 'redirect')
      return void response.writeHead(302, { location: `${at}?${redirected(name, xml, { key, ...relay })}` }).end();
    const message = posted(signed(xml, element, key));
    post(response, at, { [name]: message, ...(state === undefined ? {} : { RelayState: state }) });
  }

  private between(requestId: string | null) {
    const { entity_id: sp, single_logout_service: acs } = this.sp;
    return { idp: this.origin, sp, acs, request_id: requestId, now: new Date() };
  }
}

const requestIdOf = (xml: string): string | null => /\bID="([^"]+)"/.exec(xml)?.[1] ?? null;

const read = (message: string, isPost: boolean): string => {
  const bytes = Buffer.from(message, 'base64');
  return (isPost ? bytes : inflateRawSync(bytes)).toString();
};

/** SAML Bindings §3.5. */
function post(response: ServerResponse, action: string, fields: Record<string, string>): void {
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`);
  const form = `<form method="post" action="${action}">${inputs.join('')}<button id="idp-next">Go on</button></form>`;
  show(response, `${form}<script>document.forms[0].submit()</script>`);
}

function show(response: ServerResponse, html: string): void {
  response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' });
  response.end(`<!doctype html><title>Directory</title><link rel="icon" href="data:,">${html}`);
}
