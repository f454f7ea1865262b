// A relying party that is told of logouts (OpenID Connect Back-Channel Logout 1.0 §2.5): takes them, refuses them, or says nothing; what it was
// given is kept, and believed as §2.6 says.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createLocalJWKSet, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import { LogoutNotice } from '../../src/features/logout/logout-notice.entity.js';
import type { Clock } from '../../src/platform/clock.js';
import { newId } from '../../src/platform/crypto.js';
import type { Database } from '../../src/platform/database.js';

export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

interface Received {
  path: string;
  method: string;
  contentType: string;
  body: string;
  token: string;
}

export class LogoutReceiver {
  /** Of the next answers, by path; 200 unless said otherwise. */
  readonly manners = new Map<string, number | 'hang'>();
  readonly received: Received[] = [];

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<LogoutReceiver> {
    const server = createServer();
    const receiver = new LogoutReceiver(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void receiver.take(request, response));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  uri(path = '/logout'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  at(path: string): Received[] {
    return this.received.filter((one) => one.path === path);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const path = request.url ?? '';
    const token = new URLSearchParams(body).get('logout_token') ?? '';
    const [method, contentType] = [String(request.method), String(request.headers['content-type'])];
    this.received.push({ path, method, contentType, body, token });
    const manner = this.manners.get(path) ?? 200;
    if (manner === 'hang') return;
    const location = manner >= 300 && manner < 400 ? { location: this.uri('/elsewhere') } : {};
    response.writeHead(manner, { 'cache-control': 'no-store', ...location }).end();
  }
}

/** §2.6. @throws Error where a relying party would not believe it. */
export async function believed(
  { issuer, ask = (path) => fetch(`${issuer}${path}`) }: { issuer: string; ask?: (path: string) => Promise<Response> },
  { clientId }: { clientId: string },
  token: string,
): Promise<{ claims: JWTPayload; header: JWTHeaderParameters }> {
  const { jwks_uri } = (await (await ask('/.well-known/openid-configuration')).json()) as Record<string, string>;
  const keys = await (await ask(String(jwks_uri).slice(issuer.length))).json();
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys as never), {
    issuer,
    audience: clientId,
    typ: 'logout+jwt',
    requiredClaims: ['iss', 'aud', 'iat', 'exp', 'jti', 'events'],
  });
  return { claims: payload, header: protectedHeader };
}

/** One that was given up. @returns its id. */
export async function noticeFor(
  db: Database,
  clock: Clock,
  whose: { clientId: string; sessionUid: string; accountId: string },
): Promise<string> {
  const id = newId();
  const notice = { ...whose, id, sid: `sid-${id}`, status: 'failed', createdAt: clock.now() };
  await db.repo(LogoutNotice).insert(Object.assign(new LogoutNotice(), notice));
  return id;
}
