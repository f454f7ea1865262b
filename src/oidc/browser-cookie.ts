// By which cookie a browser shows that a sign-in is its own. The engine's cookies of one lie below its path, so that another host of the domain
// could plant them, and finish what somebody has proved there; this one none can (RFC 6265bis §4.1.3.2, __Host-).
import type { IncomingMessage } from 'node:http';
import { errors, type Provider } from 'oidc-provider';
import { randomToken, sha256 } from '../platform/crypto.js';

/** What the cookies of a request are read from and written to. */
interface CookieJar {
  get(name: string, options: { signed: false }): string | undefined;
  set(name: string, value: string, options: object): unknown;
}

/** What was given to browsers that had none, until they come back with it. */
const given = new WeakMap<IncomingMessage, string>();

/** Milliseconds. */
const maxAge = 24 * 3600 * 1000;

const nameOf = (provider: Provider): string => `${provider.cookieName('session')}_browser`;

/** @returns what is kept of it with the sign-in; undefined where the browser has none. */
export function browserOf(provider: Provider, req: IncomingMessage, cookies: CookieJar): string | undefined {
  const value = given.get(req) ?? cookies.get(nameOf(provider), { signed: false });
  return value && sha256(value);
}

/** A browser without one is given one. It outlives the sign-in, and the browser that is ended meanwhile, as telephones do with what stands behind. */
export function markBrowser(provider: Provider, req: IncomingMessage, cookies: CookieJar): string {
  const name = nameOf(provider);
  const value = given.get(req) ?? cookies.get(name, { signed: false }) ?? randomToken();
  given.set(req, value);
  const secure = provider.issuer.startsWith('https:');
  const options = { httpOnly: true, sameSite: 'lax', secure, signed: false, path: '/', maxAge, overwrite: true };
  cookies.set(name, value, options);
  return sha256(value);
}

/** Under this name it is kept beside what was established; no prompt has it. */
export interface BoundResult {
  ostiary_browser?: string;
}

interface Bound {
  result?: unknown;
  lastSubmission?: unknown;
}

/** @throws SessionNotFound where what was established so far was established in another browser. */
export function assertSameBrowser(interaction: Bound, browser: string | undefined): void {
  const { ostiary_browser: bound } = (interaction.result ?? interaction.lastSubmission ?? {}) as BoundResult;
  if (bound && bound !== browser) throw new errors.SessionNotFound('begun in another browser');
}
