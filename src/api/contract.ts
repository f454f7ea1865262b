// What every endpoint object must promise, checked once when the door is mounted, and the inventory of all of them.
import { z } from 'zod';
import type { Endpoint, Method } from '../platform/endpoint.js';
import { type Requirement, wordsOf } from '../platform/requirement.js';

interface InventoryEntry {
  method: Method;
  path: string;
  scope: Requirement;
  role?: Requirement;
}

/** Every route behind the bearer check, for the test that walks them all. */
export const inventory = (endpoints: readonly Endpoint[]): InventoryEntry[] =>
  endpoints.map(({ method, path, scope, role }) => ({ method, path, scope, ...(role ? { role } : {}) }));

/** @throws Error that names every endpoint which would take or give more than it says. */
export function assertContract(endpoints: readonly Endpoint[]): void {
  const seen = new Set<string>();
  const problems = endpoints.flatMap((endpoint) => {
    const route = `${endpoint.method} ${endpoint.path}`;
    const shape = route.replace(/:\w+/g, ':');
    const found = [...(seen.has(shape) ? ['is declared twice'] : []), ...faults(endpoint)];
    seen.add(shape);
    return found.map((fault) => `${route}: ${fault}`);
  });
  if (problems.length > 0) throw new Error(`These endpoints break their contract:\n  ${problems.join('\n  ')}`);
}

export const pathParameters = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');

function faults(endpoint: Endpoint): string[] {
  const { method, path, scope, role, params, query, body, response, status = 200, member, proof } = endpoint;
  const found: string[] = [];
  if (!/^(?:\/(?:[a-z0-9-]+|:[a-z][a-z0-9_]*))+$/.test(path)) found.push('the path is not plain');
  if (!wordsOf(scope).every((word) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(word)))
    found.push('the scope is not a scope-token (RFC 6749 §3.3)');
  for (const [name, words] of Object.entries({ scope: wordsOf(scope), ...(role ? { role: wordsOf(role) } : {}) }))
    if (words.length === 0) found.push(`the ${name} names nothing, so nobody gets in`);
  if (status < 200 || status > 299) found.push('the status is not a success');
  if (endpoint.streams && (response || method !== 'get')) found.push('what is streamed is read, and has no response');
  if (status === 204 && response) found.push('204 has no body');
  const declared = params ? Object.keys(objectShape(params) ?? {}) : [];
  if (declared.sort().join() !== pathParameters(path).sort().join()) found.push('params do not match the path');
  if (body && (method === 'get' || method === 'delete')) found.push(`a ${method} has no body`);
  const changesOne = member !== undefined && method !== 'get' && pathParameters(path).includes('organization');
  if (changesOne !== (proof !== undefined)) found.push('proof is said of what members may change in one organization');
  if (query && !objectShape(query)) found.push('query is not an object');
  for (const [name, schema] of Object.entries({ query, body }))
    if (schema) for (const where of openObjects(schema, 'unless strict')) found.push(`${name}${where} is not strict`);
  if (response) for (const where of openObjects(response, 'if loose')) found.push(`response${where} is loose`);
  return found;
}

/** The members of an object schema, seen through refinements and transformations of the whole. */
export function objectShape(schema: z.ZodType): Record<string, z.ZodType> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape as Record<string, z.ZodType>;
  if (schema instanceof z.ZodPipe) return objectShape(schema.def.in as z.ZodType);
  return undefined;
}

/** What is inside optional, nullable, default and the like. */
export function unwrapped(schema: z.ZodType): z.ZodType {
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return innerType ? unwrapped(innerType) : schema;
}

type Rule = 'unless strict' | 'if loose';
/** What was found in a schema and below it. Endpoints share most of theirs, and a schema never changes: each is looked at once. */
const looked = { 'unless strict': new WeakMap<z.ZodType, string[]>(), 'if loose': new WeakMap<z.ZodType, string[]>() };

/**
 * Where a schema has objects that let unknown members through. Requests are strict, so that a misspelt or privileged member is refused
 * rather than ignored; responses may strip, but not pass on.
 */
function openObjects(schema: z.ZodType, rule: Rule): string[] {
  const known = looked[rule].get(schema);
  if (known) return known;
  // Before its children: a schema that contains itself is told once, at its beginning.
  looked[rule].set(schema, []);
  const open: string[] = [];
  if (schema instanceof z.ZodObject) {
    const { catchall } = schema.def;
    const isStrict = catchall instanceof z.ZodNever;
    if (rule === 'unless strict' ? !isStrict : catchall && !isStrict) open.push('');
  }
  for (const [name, child] of children(schema))
    for (const where of openObjects(child, rule)) open.push(`${name}${where}`);
  looked[rule].set(schema, open);
  return open;
}

/** Where the definition that zod keeps of each kind has the schemas directly inside one, and how their place is told. */
const insides: Record<string, string | undefined> = {
  innerType: '',
  in: '',
  out: '',
  left: '',
  right: '',
  options: '',
  items: '',
  element: '[]',
  valueType: '[]',
  rest: '[]',
};

function children(schema: z.ZodType): [string, z.ZodType][] {
  const found: [string, z.ZodType][] = [];
  const add = (name: string, value: unknown) => {
    if (value instanceof z.ZodType) found.push([name, value]);
  };
  if (schema instanceof z.ZodLazy) add('', schema.unwrap());
  if (schema instanceof z.ZodObject) for (const [name, member] of Object.entries(schema.shape)) add(`.${name}`, member);
  for (const [part, value] of Object.entries(schema.def)) {
    const name = insides[part];
    if (name === undefined) continue;
    if (Array.isArray(value)) for (const one of value) add(name, one);
    else add(name, value);
  }
  return found;
}
