// Forms are only taken from our own pages: a signed token bound to the flow or session, and the browser's word on where the form was.
import { hmac, randomToken, safeEqual } from './crypto.js';
import { forbidden } from './errors.js';

export interface Csrf {
  /** For a hidden field. Differs at each call, so that a compressed page does not give it away letter by letter. */
  token(binding: string): string;
  verify(binding: string, token: unknown): boolean;
  /** @throws AppError 403 `csrf` */
  assert(binding: string, token: unknown): void;
}

/** @param keys newest first; tokens signed with an older one are still taken. Each at least 256 bits. */
export function createCsrf(keys: string | Buffer | readonly (string | Buffer)[]): Csrf {
  const all = typeof keys === 'string' || Buffer.isBuffer(keys) ? [keys] : keys;
  const [newest] = all;
  if (newest === undefined) throw new Error('at least one key is needed');
  // The nonce has a fixed length: no other nonce and binding spell the same text.
  const sign = (key: string | Buffer, nonce: string, binding: string) => hmac(key, `csrf\0${nonce}\0${binding}`);
  const csrf: Csrf = {
    token(binding) {
      const nonce = randomToken(16);
      return `${nonce}.${sign(newest, nonce, binding)}`;
    },
    verify(binding, token) {
      const [, nonce, signature] = (typeof token === 'string' && /^([\w-]{22})\.([\w-]{43})$/.exec(token)) || [];
      if (!nonce || !signature || binding === '') return false;
      return all.some((key) => safeEqual(sign(key, nonce, binding), signature));
    },
    assert(binding, token) {
      if (!csrf.verify(binding, token)) throw refused();
    },
  };
  return csrf;
}

/** As Node names them; a repeated header is no string and is refused. */
export interface OriginHeaders {
  origin?: string | string[] | undefined;
  referer?: string | string[] | undefined;
  'sec-fetch-site'?: string | string[] | undefined;
}

/**
 * Origin (RFC 6454 §7) and Fetch Metadata, neither of which a page can forge. Returns where nothing was said, as older browsers do: then
 * the token alone decides.
 * @throws AppError 403 `csrf`
 */
export function assertSameOrigin(headers: OriginHeaders, expectedOrigin: string): void {
  const { origin, referer, 'sec-fetch-site': site } = headers;
  // `none` is the person at the address bar, never another page.
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw refused();
  // A page under Referrer-Policy: no-referrer posts to its own origin as `Origin: null`; the browser then vouches in Sec-Fetch-Site only.
  if (origin === 'null' && site === 'same-origin') return;
  if (origin !== undefined) {
    if (origin !== expectedOrigin) throw refused();
    return;
  }
  if (site === undefined && referer !== undefined && originOf(referer) !== expectedOrigin) throw refused();
}

const originOf = (url: string | string[]) =>
  typeof url === 'string' && URL.canParse(url) ? new URL(url).origin : 'null';

// One answer for every reason.
const refused = () => forbidden('csrf', 'This page is out of date; please go back, reload it and try again');
