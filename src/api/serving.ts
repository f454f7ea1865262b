// One endpoint, asked by somebody who is known: what arrives, what is done at most once, what is sent.
import { Readable } from 'node:stream';
import type { Context } from 'koa';
import type { Actor } from '../platform/context.js';
import type { Endpoint, Streamed } from '../platform/endpoint.js';
import { AppError } from '../platform/errors.js';
import { readJson } from '../platform/json-body.js';
import { problemType } from '../platform/problem.js';
import { answer, readRequest } from './answer.js';
import { type Answer, fingerprintOf, type IdempotencyKeys, idempotencyKey } from './idempotency.js';
import { assertOrganization, assertWithin, type FindOrganization } from './organization-header.js';
import { isUnchanged } from './preconditions.js';

/** What every endpoint is served with. */
export interface Serving {
  keys: IdempotencyKeys;
  /** Absent where there are none. */
  organization?: FindOrganization | undefined;
  /** Whether X-Organization means anything. */
  namedInHeader?: boolean | undefined;
}

export interface Asking {
  actor: Actor;
  /** For which organization the token is that was shown. */
  organizationId?: string | undefined;
  /** Before anything is done, or an earlier answer is given again. @throws AppError where whoever asks may not. */
  admit?: (request: { params: unknown; body: unknown }) => Promise<unknown>;
}

export async function serveEndpoint(
  ctx: Context,
  endpoint: Endpoint,
  { actor, organizationId, admit }: Asking,
  { keys, organization, namedInHeader }: Serving,
): Promise<void> {
  requireAcceptable(ctx, endpoint.streams);
  const body = await readJson(ctx, bodyTypes(endpoint), endpoint.bodyBytes);
  const request = await readRequest(endpoint, ctx, body);
  await admit?.(request);
  if (organizationId) await assertWithin(organizationId, endpoint, request.params, organization);
  if (organization && namedInHeader) await assertOrganization(ctx, endpoint, request.params, organization);
  if (endpoint.streams) return stream(ctx, (await endpoint.handle(request)) as Streamed);
  const once = endpoint.method === 'post' && !endpoint.asksOutside;
  const key = once ? idempotencyKey(ctx) : undefined;
  const work = () => answer(endpoint, request);
  send(ctx, key === undefined ? await work() : await keys.once(actor, key, fingerprintOf(ctx, body), work));
}

export function send(ctx: Context, { status, body, etag }: Answer): void {
  if (etag) ctx.set('ETag', etag);
  if (ctx.method === 'GET' || ctx.method === 'HEAD') {
    if (isUnchanged(ctx, etag)) {
      ctx.status = 304;
      return;
    }
  }
  ctx.status = status;
  if (body === undefined) {
    // Assigning null would turn any status into 204.
    if (status !== 204) ctx.body = '';
    return;
  }
  ctx.type = 'application/json';
  ctx.body = body;
}

/** Written no faster than it is read, and no further than somebody reads. */
function stream(ctx: Context, { type, name, chunks }: Streamed): void {
  ctx.status = 200;
  ctx.set('Content-Disposition', `attachment; filename="${name}"`);
  ctx.type = type;
  ctx.body = Readable.from(chunks, { objectMode: false });
}

export function requireAcceptable(ctx: Context, types: readonly string[] = ['application/json']): void {
  if (ctx.accepts(...types, problemType)) return;
  throw new AppError(406, 'not_acceptable', `This answers ${[...new Set(types)].join(' or ')}`);
}

/** RFC 7396 names its own type; a plain JSON body means the same on a PATCH. */
const bodyTypes = ({ method }: Endpoint): string[] =>
  method === 'patch' ? ['application/merge-patch+json', 'application/json'] : ['application/json'];
