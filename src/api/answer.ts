// One endpoint, from its validated request to what it sends.
import type { Context } from 'koa';
import { z } from 'zod';
import type { Endpoint, EndpointRequest } from '../platform/endpoint.js';
import { badRequest, invalid, notFound } from '../platform/errors.js';
import { isStorable, issuesOf } from '../platform/json-body.js';
import { objectShape, unwrapped } from './contract.js';
import type { Answer } from './idempotency.js';
import { etagOf, ifMatch } from './preconditions.js';

type Request = EndpointRequest<unknown, unknown, unknown>;

/**
 * @param body what arrived, undefined for nothing.
 * @throws AppError 404 for an address that names nothing, 400 or 422 for a query or body, 412 or 400 for If-Match.
 */
export async function readRequest(endpoint: Endpoint, ctx: Context, body: unknown): Promise<Request> {
  const params = await z.safeParseAsync(endpoint.params ?? z.object({}), ctx.params);
  if (!params.success || !Object.values<string>(ctx.params).every(isStorable)) throw notFound('resource');
  const version = ['put', 'patch', 'delete'].includes(endpoint.method) ? ifMatch(ctx) : undefined;
  return {
    params: params.data,
    query: await validate(endpoint.query ?? nothing, readQuery(endpoint, ctx.querystring), 'The query'),
    body: await validate(endpoint.body ?? nothing.optional(), body, 'The body'),
    ...(version === undefined ? {} : { ifMatch: version }),
  };
}

/** @throws Error when the result is not what the endpoint says it answers: a bug, and nothing of it may leave. */
export async function answer(endpoint: Endpoint, request: Request): Promise<Answer> {
  const result = await endpoint.handle(request);
  const version = (result as { version?: unknown } | null | undefined)?.version;
  const etag = typeof version === 'number' ? { etag: etagOf(version) } : {};
  if (!endpoint.response) return { status: endpoint.status ?? 204, ...etag };
  const checked = await z.safeParseAsync(endpoint.response, result);
  if (!checked.success)
    throw new Error(`${endpoint.method} ${endpoint.path} answered something it does not declare`, {
      cause: checked.error,
    });
  return { status: endpoint.status ?? 200, body: JSON.stringify(checked.data), ...etag };
}

const nothing = z.strictObject({});

async function validate(schema: z.ZodType, value: unknown, what: string): Promise<unknown> {
  const result = await z.safeParseAsync(schema, value).catch(tooMuchIsWrong);
  if (result.success) return result.data;
  throw invalid(`${what} is not valid`, result.error.issues.slice(0, 50).flatMap(issuesOf).slice(0, 50));
}

/** Zod hands issues on as arguments, and no call takes more than about a hundred thousand. */
function tooMuchIsWrong(error: unknown): { success: false; error: { issues: [] } } {
  if (error instanceof RangeError) return { success: false, error: { issues: [] } };
  throw error;
}

/** A name that came twice is a list; a name whose schema is a list is one even when it came once. */
function readQuery(endpoint: Endpoint, querystring: string): Record<string, string | string[]> {
  const shape = endpoint.query ? objectShape(endpoint.query) : undefined;
  const values = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(querystring)) {
    if (name === '__proto__' || !isStorable(name) || !isStorable(value))
      throw badRequest('invalid_query', 'The query holds something that is not allowed');
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  const isList = (name: string) => {
    const schema = shape && Object.hasOwn(shape, name) ? shape[name] : undefined;
    return schema !== undefined && unwrapped(schema) instanceof z.ZodArray;
  };
  return Object.fromEntries(
    [...values].map(([name, all]) => [name, all.length === 1 && !isList(name) ? (all[0] ?? '') : all]),
  );
}
