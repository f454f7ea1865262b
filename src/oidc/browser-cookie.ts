// By which cookie a browser shows that a sign-in is its own. The engine's cookies of one lie below its path, so that another host of the domain
// could plant them, and finish what somebody has proved there; this one none can (RFC 6265bis §4.1.3.2, __Host-). Each sign-in has its own: two tabs
// that begin at once take nothing from each other.
import type { IncomingMessage } from 'node:http';
import { errors, type Provider } from 'oidc-provider';
import { lifetimes } from '../../config/protocol.js';
import { randomToken, sha256 } from '../platform/crypto.js';

/** What the cookies of a request are read from and written to. */
interface CookieJar {
  get(name: string, options: { signed: false }): string | undefined;
  set(name: string, value: string | null, options: object): unknown;
}

/** Whose a sign-in is: kept beside what was established, under a name that no prompt has. */
export interface BoundResult {
  ostiary_browser?: { uid: string; hash: string };
}

interface Bound {
  uid: string;
  result?: unknown;
  lastSubmission?: unknown;
}

/** Milliseconds. It outlives the browser that is ended meanwhile, as telephones do with what stands behind. */
const maxAge = 2 * lifetimes.interaction * 1000;
/** Sign-ins under way in one browser; of more, the earlier ones begin anew. */
const most = 10;

/** What the browser of this request has been told, and shows from the next one on. */
const marks = new WeakMap<IncomingMessage, BoundResult>();

export const markOf = (req: IncomingMessage): BoundResult | undefined => marks.get(req);

const prefixOf = (provider: Provider): string => `${provider.cookieName('session')}_browser_`;
const nameOf = (provider: Provider, uid: string): string => `${prefixOf(provider)}${uid.slice(0, 16)}`;

/** A sign-in goes on with the browser that its request began with, on further pages too. @returns what to keep with whatever is established. */
export function markBrowser(
  provider: Provider,
  interaction: Bound,
  req: IncomingMessage,
  cookies: CookieJar,
): BoundResult {
  const uid = boundsOf(interaction)[0]?.uid ?? interaction.uid;
  const name = nameOf(provider, uid);
  const value = cookies.get(name, { signed: false }) ?? randomToken();
  const secure = provider.issuer.startsWith('https:');
  const options = { httpOnly: true, sameSite: 'lax', secure, signed: false, path: '/', overwrite: true };
  const others = (req.headers.cookie?.match(/[^\s;=]+(?==)/g) ?? []).filter(
    (one) => one.startsWith(prefixOf(provider)) && one !== name,
  );
  if (others.length >= most) for (const one of others) cookies.set(one, null, options);
  cookies.set(name, value, { ...options, maxAge });
  const mark = { ostiary_browser: { uid, hash: sha256(value) } };
  marks.set(req, mark);
  return mark;
}

/** @throws SessionNotFound where what was established so far was established in another browser. */
export function assertSameBrowser(provider: Provider, interaction: Bound, cookies: CookieJar): void {
  for (const { uid, hash } of boundsOf(interaction))
    if (sha256(cookies.get(nameOf(provider, uid), { signed: false }) ?? '') !== hash)
      throw new errors.SessionNotFound('begun in another browser');
}

const boundsOf = ({ result, lastSubmission }: Bound) =>
  [result, lastSubmission].flatMap((one) => (one as BoundResult | undefined)?.ostiary_browser ?? []);
