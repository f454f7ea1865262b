// Tenants beside each other, and what one has given out shown at another: refused like what nobody has given out, telling nothing, and
// good for what it was where it came from.
import { expect } from '@jest/globals';
import { ask } from './api.js';
import { type Artefact, artefactsOf } from './artefacts.js';
import { Browser } from './browser.js';
import { authorizationUrl, codeOf, pkce, post, signIn } from './party.js';
import { defaultKind, runsBesidePostgres, startServer, type TestServer } from './server.js';
import { show, type Verdict, verdict, type Way } from './shown.js';
import { at, furnish, type House, sharedByAll } from './tenancy.js';
import { ways } from './ways.js';
import { api, refusedByItsPath } from './ways-api.js';

export interface Neighbours {
  server: TestServer;
  houses: House[];
  house(slug: string): House;
}

/** Every address of 127/8 is this machine: hosts that need no DNS. */
const hosts: Record<string, string> = { own: '127.0.0.1', two: '127.0.0.2' };

/** The default tenant, and others: on a path, or on a host of its own where the name is one of those above. */
export async function neighbours(...slugs: string[]): Promise<Neighbours> {
  const server = await startServer({ environment: { HOST: '0.0.0.0' }, quiet: true });
  const { port } = new URL(server.issuer);
  const { tenants } = server.services;
  const shared = await sharedByAll();
  const houses = [await furnish(server, await tenants.ensureDefault(), shared)];
  for (const slug of slugs) {
    const host = hosts[slug] && { host: `${hosts[slug]}:${port}` };
    const tenant = await tenants.create({ name: slug, slug, ...host });
    houses.push(await furnish(at(server, tenant), tenant, shared));
  }
  const house = (slug: string) => houses.find((one) => one.slug === slug) as House;
  return { server, houses, house };
}

/** What is kept in Redis, or in the database where there is none; everything else is kept in the same way on both. */
const keptElsewhere = ['pushed request_uri', 'interaction uid', 'interaction cookies'];
const brief = new Set(['authorization code', 'pushed request_uri']);

interface Pair {
  way: string;
  shown: Way;
  kind: string;
  artefact: Artefact;
  /** One more with each way, and with each kind. */
  place: number;
}

/**
 * @param direction its number, of how many: in each of them every value and every way takes part, and what is for each other meets. All other
 * pairs meet in one of them, as tenants differ by neither.
 * @returns how many pairs of a value and a way to show it there were, and what is wrong with which.
 */
export async function shownAt(
  a: House,
  b: House,
  direction: { number: number; of: number },
): Promise<{ pairs: number; wrong: string[]; dead: string[] }> {
  const all = await artefactsOf(a, b);
  const artefacts = Object.entries(all).filter(([kind]) => !runsBesidePostgres || keptElsewhere.includes(kind));
  const pairs = unrefused(
    b,
    Object.entries(ways(b)).flatMap(([way, shown], row) =>
      artefacts
        .map(([kind, artefact], column) => ({ way, shown, kind, artefact, place: row + column }))
        .filter(({ kind }) => fits(way, kind)),
    ),
  ).filter(({ way, kind, place }) => isFor(way, kind) || place % direction.of === direction.number);
  const compare = comparison(a, b);
  const [wrong, dead]: [string[], string[]] = [[], []];
  // What lives for a minute comes first; within each part, what spends or shows something last.
  for (const isBrief of [true, false]) {
    const part = pairs.filter(({ kind }) => brief.has(kind) === isBrief);
    await inTurns(part, async (pair) => void wrong.push(...(await compare(pair))));
    for (const [kind, { works }] of artefacts) if (brief.has(kind) === isBrief && !(await works())) dead.push(kind);
  }
  return { pairs: pairs.length, wrong, dead };
}

/**
 * Without what the path's own schema refuses before anything is looked up (api/answer.ts); one such value is still shown at each, so that
 * the schema is seen to stand there.
 */
function unrefused(b: House, pairs: Pair[]): Pair[] {
  const isShown = new Set<string>();
  return pairs.filter(({ way, artefact: { value } }) => {
    if (!refusedByItsPath(b, way, value)) return true;
    const isFirst = !isShown.has(way);
    isShown.add(way);
    return isFirst;
  });
}

function comparison(a: House, b: House) {
  const answered = new Map<string, Promise<string>>();
  /** What is said to something that nobody has given out. */
  const toNobody = (key: string, { shown, artefact: { forged, uid } }: Pair): Promise<string> => {
    const known = answered.get(key);
    if (known) return known;
    const asked = Promise.resolve(shown(forged, uid)).then(async (one) => textOf(await show(b, one)));
    answered.set(key, asked);
    return asked;
  };
  return async (pair: Pair): Promise<string[]> => {
    const { way, shown, kind, artefact } = pair;
    const { text, ...answer } = await show(b, await shown(artefact.value, artefact.uid));
    const said = textOf(answer);
    const wrong: string[] = [];
    const likeNobody = await toNobody(`${way} ${shapeOf(kind, artefact)}`, pair);
    // What the shape does not explain has to be what is said to something of the very same kind.
    const likeItsKind = said === likeNobody ? said : await toNobody(`${way} = ${kind}`, pair);
    if (said !== likeItsKind) wrong.push(`${kind} at ${way}: ${said}, nobody's: ${likeItsKind}`);
    if (text.includes(a.mark)) wrong.push(`${kind} at ${way}: tells of ${a.slug}`);
    if (/ \w+_id$/.test(way) && way.includes('/api') && answer.status !== 404)
      wrong.push(`${kind} at ${way}: ${answer.status}`);
    return wrong;
  };
}

const textOf = (answer: Verdict): string => JSON.stringify(verdict(answer));

/** How it looks to whoever reads it: what looks alike is asked for once. */
function shapeOf(kind: string, { forged }: Artefact): string {
  if (kind.endsWith('cookies')) return kind;
  if (/^[\da-f]{8}-[\da-f-]{27}$/.test(forged)) return 'UUID';
  return forged.startsWith('urn:') ? 'URN' : `${forged.split('.').length} parts`;
}

/** Cookies are shown as cookies, everything else everywhere, but to the API as a bearer token only what could be one. */
function fits(way: string, kind: string): boolean {
  if (way.includes('cookies') !== kind.endsWith('cookies')) return false;
  if (way.endsWith('registered')) return kind === 'client_id';
  // These take an interaction, a CSRF token and what is in a letter, and are asked for nothing else.
  if (/\/api\/v1\/(auth|passkeys)\//.test(way) && !way.includes('cookies')) return /link|CSRF|uid/.test(kind);
  return !/\/api.* bearer$/.test(way) || /token|code|link|hint|secret|request$/.test(kind);
}

/** Whether the way takes such values, or may think so; at the engine, where a sign-in runs through several doors, each takes all. */
function isFor(way: string, kind: string): boolean {
  if (way.startsWith('/') || way.endsWith(` ${kind}`) || /\/api\/v1\/| Idempotency-Key$/.test(way)) return true;
  if (way.endsWith(' bearer')) return kind.endsWith('token');
  if (way.includes(' /api/')) return way.endsWith(' cursor') && kind === 'page cursor';
  return /cookies|link|CSRF|state|uid/.test(kind);
}

/** A few at a time; embedded there is one session, and more would only wait. */
async function inTurns<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = all.values();
  await Promise.all(
    Array.from({ length: defaultKind === 'postgres' ? 16 : 8 }, async () => {
      for (const next of waiting) await work(next);
    }),
  );
}

export async function worksAt({ server, party, email }: House): Promise<boolean> {
  return codeOf(await signIn(new Browser(), authorizationUrl(server, party, pkce()), email)) !== '';
}

export async function keyIdsOf({ server: { issuer } }: House): Promise<string[]> {
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

/** Of the routes for tenants, and of the scopes for them, a tenant knows nothing. */
export async function expectNoTenantsAt({ server, slug, apiToken, party }: House, installation: House): Promise<void> {
  for (const { method, path } of api.filter((route) => route.path.startsWith('/tenants'))) {
    const address = path.replace(':tenant', slug);
    for (const token of [apiToken, installation.apiToken, undefined])
      expect([method, path, (await ask(server, token, method, address)).status]).toEqual([method, path, 404]);
  }
  const form = { grant_type: 'client_credentials', resource: `${server.issuer}/api`, scope: 'tenants:read' };
  expect((await post(server, '/token', party, form)).body.scope ?? '').not.toContain('tenants');
  expect(await (await fetch(`${server.issuer}/api/v1/openapi.json`)).text()).not.toContain('tenants');
  expect((await ask(installation.server, installation.apiToken, 'get', '/tenants')).status).toBe(403);
}
