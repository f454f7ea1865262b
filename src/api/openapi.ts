// The endpoint objects printed as OpenAPI 3.1: what is mounted is what is described, for it is the same array.
import { STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import {
  createDocument,
  type oas31,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import type { Endpoint } from '../platform/endpoint.js';
import { Problem, problemType } from '../platform/problem.js';
import { waysOf, wordsOf } from '../platform/requirement.js';
import { objectShape } from './contract.js';

type OpenApiDocument = oas31.OpenAPIObject;

interface OpenApiOptions {
  issuer: string;
  version: string;
  prefix?: string;
}

/** The order is the order of the endpoints; the same endpoints print the same text. */
export function buildOpenApi(
  endpoints: readonly Endpoint[],
  { issuer, version, prefix = '/api/v1' }: OpenApiOptions,
): OpenApiDocument {
  const paths: ZodOpenApiPathsObject = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [endpoint.method]: operation(endpoint) };
  }
  const document = createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Ostiary management API',
      version,
      description: 'Errors are RFC 9457 problem details. Unknown members of a request are refused.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [...new Set(endpoints.map(tagOf))].sort().map((name) => ({ name })),
    security: [{ oauth2: [] }, { apiKey: [] }],
    paths,
    components: {
      schemas: { Problem },
      headers,
      parameters,
      securitySchemes: {
        oauth2: { type: 'oauth2', flows: { clientCredentials: { scopes: scopesOf(endpoints) } } },
        apiKey,
      },
      responses: Object.fromEntries(problemStatuses.map((status) => [nameOf(status), problemResponse(status)])),
    },
  });
  const { schemas = {} } = document.components ?? {};
  const ordered = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
  return withIssuer({ ...document, components: { ...document.components, schemas: ordered } }, issuer, prefix);
}

/** The same document as another tenant's. */
export function withIssuer(document: OpenApiDocument, issuer: string, prefix = '/api/v1'): OpenApiDocument {
  const scheme = document.components?.securitySchemes?.oauth2 as oas31.SecuritySchemeObject;
  const scopes = scheme.flows?.clientCredentials?.scopes ?? {};
  const oauth2 = {
    ...scheme,
    description: `Ask for tokens with resource=${issuer}/api (RFC 8707)`,
    flows: { clientCredentials: { tokenUrl: `${issuer}/token`, scopes } },
  };
  const { openapi, info, ...rest } = document;
  return {
    openapi,
    info,
    ...rest,
    servers: [{ url: `${issuer}${prefix}` }],
    components: { ...document.components, securitySchemes: { oauth2, apiKey } },
  };
}

function operation(endpoint: Endpoint): ZodOpenApiOperationObject {
  const { method, path, scope, summary, description, params, query, body, asksOutside } = endpoint;
  const references = [
    ...(method === 'post' && !asksOutside ? ['IdempotencyKey'] : []),
    ...(['put', 'patch', 'delete'].includes(method) ? ['IfMatch'] : []),
    ...(method === 'get' && isVersioned(endpoint) ? ['IfNoneMatch'] : []),
    ...(path.split('/').includes(':organization') ? ['XOrganization'] : []),
  ];
  const type = method === 'patch' ? 'application/merge-patch+json' : 'application/json';
  return {
    operationId: `${method}${path.split('/').map(pascal).join('')}`,
    tags: [tagOf(endpoint)],
    summary,
    ...(description ? { description } : {}),
    security: [...waysOf(scope).map((words) => ({ oauth2: [...words] })), { apiKey: [] }],
    requestParams: { ...(params && { path: params as z.ZodObject }), ...(query && { query: query as z.ZodObject }) },
    parameters: references.map((name) => ({ $ref: `#/components/parameters/${name}` })) as never,
    ...(body
      ? { requestBody: { required: !body.safeParse(undefined).success, content: { [type]: { schema: body } } } }
      : {}),
    responses: responses(endpoint),
  };
}

function responses(endpoint: Endpoint): ZodOpenApiResponsesObject {
  const { method, params, query, body, response } = endpoint;
  const { streams = [] } = endpoint;
  const status = endpoint.status ?? (response || streams.length > 0 ? 200 : 204);
  const type = endpoint.stream ? 'text/event-stream' : 'application/json';
  const content = response ? { [type]: { schema: response } } : streamed(streams);
  const writes = method !== 'get';
  const refusals = [
    400,
    401,
    403,
    // What a body names may not be there either.
    ...(params || body ? [404] : []),
    406,
    ...(writes ? [409] : []),
    ...(writes && method !== 'post' ? [412] : []),
    // A body that nobody asked for is read and refused, too.
    ...(writes ? [413, 415] : []),
    ...(writes || query ? [422] : []),
    429,
    500,
    503,
  ];
  const etag = isVersioned(endpoint) ? { headers: { ETag: { $ref: '#/components/headers/ETag' } } } : {};
  return {
    [`${status}`]: {
      description: STATUS_CODES[status] ?? 'Success',
      ...etag,
      ...(content ? { content } : {}),
    },
    ...(method === 'get' && isVersioned(endpoint) ? { '304': { description: 'Not Modified', ...etag } } : {}),
    ...Object.fromEntries(refusals.map((one) => [`${one}`, { $ref: `#/components/responses/${nameOf(one)}` }])),
  };
}

const streamed = (types: readonly string[]) =>
  types.length > 0
    ? Object.fromEntries(types.map((type) => [type, { schema: { type: 'string' as const } }]))
    : undefined;

const problemStatuses = [400, 401, 403, 404, 406, 409, 412, 413, 415, 422, 429, 500, 503];

const nameOf = (status: number) => (STATUS_CODES[status] ?? '').replace(/\W/g, '');

const problemResponse = (status: number): ZodOpenApiResponseObject => {
  const sent: Record<number, oas31.HeadersObject> = {
    401: { 'WWW-Authenticate': { schema: { type: 'string' } } },
    403: { 'WWW-Authenticate': { schema: { type: 'string' } } },
    429: { 'Retry-After': { schema: { type: 'integer' } } },
    503: { 'Retry-After': { schema: { type: 'integer' } } },
  };
  return {
    description: STATUS_CODES[status] ?? '',
    ...(sent[status] ? { headers: sent[status] } : {}),
    content: { [problemType]: { schema: Problem } },
  };
};

const headers = {
  ETag: { description: 'The version of what is answered (RFC 9110 §8.8.3)', schema: { type: 'string' as const } },
};

/** With the same scopes: OpenAPI has no list of them for this type. */
const apiKey = { type: 'http' as const, scheme: 'bearer', description: 'An API key: ost_live_…, ost_test_…' };

const text = { type: 'string' as const };
const parameters = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header' as const,
    description: 'Repeating a request under its key within 24 hours returns the first answer and does nothing again',
    schema: { ...text, minLength: 1, maxLength: 255 },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header' as const,
    description: 'The ETag last seen; 412 when there is a newer version',
    schema: text,
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header' as const,
    description: 'The ETag already held; 304 when it is still the version',
    schema: text,
  },
  XOrganization: {
    name: 'X-Organization',
    in: 'header' as const,
    description: 'Slug or id of the organization that is meant; 404 for the address of another one',
    schema: { ...text, maxLength: 63 },
  },
};

const isVersioned = ({ response }: Endpoint): boolean =>
  Object.hasOwn((response && objectShape(response)) ?? {}, 'version');

const tagOf = ({ path }: Endpoint): string => path.split('/')[1] ?? '';

const pascal = (segment: string): string =>
  segment.replace(/^:/, 'by-').replace(/(?:^|[-_])(\w)/g, (_, letter: string) => letter.toUpperCase());

/** `clients:write` → "Write clients". */
const scopesOf = (endpoints: readonly Endpoint[]): Record<string, string> =>
  Object.fromEntries(
    [...new Set(endpoints.flatMap(({ scope }) => wordsOf(scope)))].sort().map((scope) => {
      const [noun = '', verb = 'use'] = scope.split(':');
      return [scope, `${pascal(verb)} ${noun.replaceAll('_', ' ')}`];
    }),
  );
