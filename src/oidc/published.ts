// Discovery and keys (RFC 8414, RFC 7517): what an issuer tells everybody changes with its engine only. The engine is asked once; afterwards its
// words are sent as they are, with a validator, compressed once.
import { createHash } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { routes } from '../../config/protocol.js';

export const discoveryRoutes = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];
const publishedRoutes = new Set<string>([routes.jwks, ...discoveryRoutes]);

/** RFC 8414 §3.2: a member without elements is left out. */
export async function withoutEmptyLists(ctx: { body?: unknown }, next: () => Promise<void>): Promise<void> {
  await next();
  const members = (ctx.body ?? {}) as Record<string, unknown>;
  for (const [name, value] of Object.entries(members))
    if (Array.isArray(value) && value.length === 0) delete members[name];
}

/** Seconds a copy may be used unasked: shorter than any key is published before it signs. */
const maxAge = 60;

type Engine = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

export class Published {
  private readonly documents = new Map<string, Promise<Document>>();

  constructor(
    private readonly engine: Engine,
    private readonly issuer: string,
  ) {}

  /** @returns undefined for whatever the engine answers itself: other routes, other methods, preflights. */
  find(route: string, { method }: IncomingMessage): Promise<Document> | undefined {
    if (!publishedRoutes.has(route) || (method !== 'GET' && method !== 'HEAD')) return undefined;
    let document = this.documents.get(route);
    if (!document) {
      document = ask(this.engine, this.issuer, route);
      this.documents.set(route, document);
      document.catch(() => this.documents.delete(route));
    }
    return document;
  }
}

/** The engine makes addresses of what it is asked; it is asked as the front lets everybody ask. */
async function ask(engine: Engine, issuer: string, route: string): Promise<Document> {
  const { host, protocol, pathname } = new URL(issuer);
  const prefix = pathname === '/' ? '' : pathname;
  const req = Object.assign(new IncomingMessage(new Socket()), {
    method: 'GET',
    url: route,
    originalUrl: `${prefix}${route}`,
    headers: { host, 'x-forwarded-host': host, 'x-forwarded-proto': protocol.slice(0, -1) },
  });
  const res = new ServerResponse(req);
  const body = new Promise<Buffer>((resolve) => {
    res.end = ((text?: string | Buffer) => {
      resolve(Buffer.from(text ?? ''));
      return res;
    }) as typeof res.end;
  });
  await engine(req, res);
  if (res.statusCode !== 200) throw new Error(`the engine answered ${res.statusCode} at ${route}`);
  return new Document(String(res.getHeader('content-type')), await body);
}

class Document {
  private readonly hash: string;
  private readonly forms: Readonly<Record<'identity' | 'gzip' | 'br', { body: string | Buffer; length: number }>>;

  constructor(
    private readonly type: string,
    plain: Buffer,
  ) {
    this.hash = createHash('sha256').update(plain).digest('base64url').slice(0, 22);
    const [gzip, br] = [gzipSync(plain), brotliCompressSync(plain)];
    this.forms = {
      // As text it leaves in one piece with its head.
      identity: { body: plain.toString('utf8'), length: plain.length },
      gzip: { body: gzip, length: gzip.length },
      br: { body: br, length: br.length },
    };
  }

  /** The head leaves as one list: nobody looks at it again, and set one by one each name would cost. */
  send({ method, headers }: IncomingMessage, res: ServerResponse, head: readonly string[] = []): void {
    const encoding = encodingFor(headers['accept-encoding']);
    const { body, length } = this.forms[encoding];
    // One validator per representation, RFC 9110 §8.8.3.3.
    const etag = `"${this.hash}${encoding === 'identity' ? '' : `-${encoding}`}"`;
    const all = [
      ...head,
      'Cache-Control',
      `public, max-age=${maxAge}`,
      'ETag',
      etag,
      'Vary',
      'Origin, Accept-Encoding',
    ];
    // Fetch: anybody may read it, from any page, as the engine says it.
    all.push('Access-Control-Allow-Origin', headers.origin ?? '*');
    if (isKnown(headers['if-none-match'], etag)) return void res.writeHead(304, all).end();
    if (encoding !== 'identity') all.push('Content-Encoding', encoding);
    all.push('Content-Type', this.type, 'Content-Length', String(length));
    res.writeHead(200, all).end(method === 'HEAD' ? undefined : body);
  }
}

/** RFC 9110 §13.1.2, by weak comparison. */
const isKnown = (validators: string | undefined, etag: string): boolean =>
  validators?.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag) ?? false;

/** RFC 9110 §12.5.3, the smaller first; whoever refuses a coding by a weight of zero gets the plain text. */
function encodingFor(accepted: string | undefined): 'br' | 'gzip' | 'identity' {
  if (!accepted || /;\s*q=0(?:\.0*)?\s*(?:,|$)/.test(accepted)) return 'identity';
  const codings = accepted.toLowerCase();
  if (/\bbr\b/.test(codings)) return 'br';
  return /\bgzip\b/.test(codings) ? 'gzip' : 'identity';
}
