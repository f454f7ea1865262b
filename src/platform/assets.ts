// Owns the files browsers load beside a page: hashed names, compressed once, by the first who asks, cached for ever.
// Handed off to: views.ts asks for their addresses; the front mounts the middleware before any door.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { type BrotliOptions, brotliCompress, constants, gzip } from 'node:zlib';
import type { Context, Middleware } from 'koa';

interface Asset {
  hash: string;
  type: string;
  plain: Buffer;
  br: () => Promise<Buffer>;
  gzip: () => Promise<Buffer>;
}

const types: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** On threads of their own: nobody else waits. */
const [brotli, zip] = [promisify<Buffer, BrotliOptions, Buffer>(brotliCompress), promisify<Buffer, Buffer>(gzip)];

/** The last tenth of what is long takes seconds, for which the first who asks would wait. */
const effort = ({ length }: Buffer): BrotliOptions => ({
  params: { [constants.BROTLI_PARAM_QUALITY]: length > 256 * 1024 ? 9 : 11 },
});

export class Assets {
  private readonly known = new Map<string, Asset>();

  /**
   * @param cache false reads a file again at every use, for work on it
   * @param only the files of the folder that are served; absent: all of a known type
   */
  constructor(
    private readonly folder: string,
    private readonly cache: boolean,
    private readonly prefix = '/assets/',
    private readonly only?: readonly string[],
  ) {
    if (cache) for (const name of this.names()) this.known.set(name, this.read(name));
  }

  /** The address of a file, e.g. /assets/5f1c9a04b2-ostiary.css. @throws Error when there is no such file */
  url(name: string): string {
    const asset = this.find(name);
    if (!asset) throw new Error(`no asset ${name}`);
    return `${this.prefix}${asset.hash}-${name}`;
  }

  /** The file's text, to stand in a page itself. @throws Error when there is no such file */
  text(name: string): string {
    const asset = this.find(name);
    if (!asset) throw new Error(`no asset ${name}`);
    return asset.plain.toString('utf8');
  }

  middleware(): Middleware {
    return async (ctx, next) => {
      if (!ctx.path.startsWith(this.prefix)) return next();
      const [, hash, name = ''] = /^(?:([0-9a-f]{10})-)?([\w.-]+)$/.exec(ctx.path.slice(this.prefix.length)) ?? [];
      const asset = this.find(name);
      if (!asset || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) {
        ctx.status = asset ? 405 : 404;
        if (asset) ctx.set('Allow', 'GET, HEAD');
        return;
      }
      await send(ctx, asset, hash === asset.hash);
    };
  }

  private find(name: string): Asset | undefined {
    if (this.cache) return this.known.get(name);
    // Only names that stand in the folder: nothing of the address ever becomes part of a path.
    return this.names().includes(name) ? this.read(name) : undefined;
  }

  private read(name: string): Asset {
    const plain = readFileSync(path.join(this.folder, name));
    const hash = createHash('sha256').update(plain).digest('hex').slice(0, 10);
    const type = types[path.extname(name)] ?? 'application/octet-stream';
    return { hash, type, plain, br: once(() => brotli(plain, effort(plain))), gzip: once(() => zip(plain)) };
  }

  private names(): string[] {
    const { only } = this;
    return readdirSync(this.folder).filter((name) => (only ? only.includes(name) : path.extname(name) in types));
  }
}

async function send(ctx: Context, asset: Asset, exact: boolean): Promise<void> {
  // Another hash is a page of the version before or after this one, during a rollout: answered, not kept.
  ctx.set('Cache-Control', exact ? 'public, max-age=31536000, immutable' : 'no-cache');
  ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.vary('Accept-Encoding');
  ctx.type = asset.type;
  const encoding = ctx.acceptsEncodings('br', 'gzip', 'identity');
  const chosen = encoding === 'br' || encoding === 'gzip' ? encoding : undefined;
  // One validator per representation, RFC 9110 §8.8.3.3.
  ctx.etag = chosen ? `${asset.hash}-${chosen}` : asset.hash;
  ctx.status = 200;
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  if (chosen) ctx.set('Content-Encoding', chosen);
  ctx.body = chosen ? await asset[chosen]() : asset.plain;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
