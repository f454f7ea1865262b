// Reads a request body as JSON and as nothing else: I-JSON (RFC 7493) within limits of size and depth. The same at every door, and so are the
// words in which it is refused.
import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import type { z } from 'zod';
import { AppError, type Issue, invalid } from './errors.js';

export const maxBodyBytes = 256 * 1024;
const maxDepth = 32;

/**
 * @param types the media types this endpoint takes.
 * @param most bytes of it.
 * @returns undefined when the request has no body.
 * @throws AppError 400 not JSON, 413 too large, 415 another type, character set or encoding.
 */
export async function readJson(ctx: Context, types: readonly string[], most = maxBodyBytes): Promise<unknown> {
  const bytes = await readBytes(ctx.req, most);
  if (bytes.length === 0) return undefined;
  requireType(ctx, types);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw notJson('The body is not UTF-8', cause);
  }
  return parseJson(text);
}

/** For routes that read by themselves. @throws AppError as readJson does. */
export const readJsonBody: Middleware = async (ctx, next) => {
  ctx.request.body = await readJson(ctx, ['application/json']);
  await next();
};

/** @throws AppError 422 that names what is wrong. */
export function parsed<T extends z.ZodType>(schema: T, ctx: Context): z.output<T> {
  const read = schema.safeParse(ctx.request.body ?? {});
  if (read.success) return read.data;
  throw invalid('The body is not valid', read.error.issues.flatMap(issuesOf).slice(0, 20));
}

export function sendJson(ctx: Context, status: number, body: object): void {
  ctx.status = status;
  ctx.type = 'application/json';
  ctx.body = JSON.stringify(body);
}

export function issuesOf(issue: z.core.$ZodIssue): Issue[] {
  if (issue.code !== 'unrecognized_keys') return [{ pointer: pointer(issue.path), message: issue.message }];
  return issue.keys.map((key) => ({
    pointer: pointer([...issue.path, key]),
    message: 'This member is not known here',
  }));
}

/** RFC 6901 §3; a name that somebody made very long is cut. */
const pointer = (path: readonly PropertyKey[]): string =>
  path.map((step) => `/${String(step).slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** @throws AppError 400 for what two readers could understand differently, or what no row can hold. */
function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw notJson('The body is not JSON', cause);
  }
  inspectJson(text);
  return value;
}

/** NUL cannot be stored in Postgres, and half a surrogate pair would come back as another character. */
export const isStorable = (text: string): boolean => !text.includes('\0') && !/[\uD800-\uDFFF]/u.test(text);

interface Container {
  names?: Set<string>;
  /** The member this container is the value of. */
  under?: string;
  expectsName: boolean;
  name?: string;
}

// Strings and punctuation. Run only over text that JSON.parse has accepted, so a string always ends and the scan stays linear.
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g;

/** I-JSON, and no deeper than anybody needs. @param text that JSON.parse has accepted. @throws AppError 400 */
export function inspectJson(text: string): void {
  const open: Container[] = [];
  for (const [token] of text.matchAll(tokens)) {
    const here = open.at(-1);
    if (token === '{' || token === '[') {
      if (open.length === maxDepth) throw notJson(`The body is nested deeper than ${maxDepth}`);
      open.push({ names: token === '{' ? new Set() : undefined, under: here?.name, expectsName: true });
    } else if (token === '}' || token === ']') open.pop();
    else if (token === ',') {
      if (here) here.expectsName = true;
    } else {
      const content: string = JSON.parse(token);
      if (!isStorable(content)) throw notJson('The body holds a NUL or half a surrogate pair');
      if (here?.names && here.expectsName) enter(here, content);
    }
  }
}

function enter(object: Container, name: string): void {
  // RFC 7493 §2.3: with names repeated, the reader in front of us and we could each see another value.
  if (object.names?.has(name)) throw notJson('The body names a member twice');
  if (name === '__proto__' || (name === 'prototype' && object.under === 'constructor'))
    throw notJson('The body names a member that is not allowed');
  object.names?.add(name);
  object.name = name;
  object.expectsName = false;
}

function readBytes(request: IncomingMessage, most: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (error: AppError) => {
      // Read on without keeping, so that the refusal reaches a caller who is still sending.
      request.removeAllListeners('data').resume();
      reject(error);
    };
    if (Number(request.headers['content-length'] ?? 0) > most) return refuse(tooLarge(most));
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > most) return refuse(tooLarge(most));
      chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', (cause) => reject(notJson('The body did not arrive', cause)));
    request.once('close', () => reject(notJson('The body did not arrive')));
  });
}

function requireType(ctx: Context, types: readonly string[]): void {
  const [type = '', ...parameters] = ctx
    .get('Content-Type')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const utf8 = parameters.every((parameter) => /^charset="?utf-8"?$/.test(parameter));
  const plain = /^(identity)?$/i.test(ctx.get('Content-Encoding'));
  if (types.includes(type) && utf8 && plain) return;
  // RFC 9110 §15.5.16: the answer names what would have been taken.
  throw new AppError(415, 'unsupported_media_type', `The body must be ${types.join(' or ')} in UTF-8, not encoded`, {
    headers: { Accept: types.join(', ') },
  });
}

const notJson = (message: string, cause?: unknown) => new AppError(400, 'invalid_json', message, { cause });

const tooLarge = (most: number) =>
  new AppError(413, 'body_too_large', `The body is larger than ${most} bytes`, {
    headers: { Connection: 'close' },
  });
