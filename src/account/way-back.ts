// Where the browser goes on after a sign-in: a page below /account of this tenant, signed into `state` and read from nowhere else.
import { currentTenantId } from '../platform/context.js';
import { hmac, safeEqual } from '../platform/crypto.js';

/** No scheme, no host, no backslash, no dots: it can only be a page of ours (RFC 9700 §4.11.2). */
const page = /^\/account(?:\/[A-Za-z0-9_-]+)*(?:\?[A-Za-z0-9_=&%.~-]*)?$/;

const isAccountPage = (path: string): boolean => path.length <= 512 && page.test(path);

export class WayBack {
  /** @param keys newest first; a state signed with an older one is still taken. */
  constructor(private readonly keys: readonly Buffer[]) {}

  /** @param path below the tenant's own prefix; what is no page of ours becomes the first one. */
  state(path: string): string {
    const [key] = this.keys;
    if (!key) throw new Error('at least one key is needed');
    const own = isAccountPage(path) ? path : '/account';
    return `${Buffer.from(own).toString('base64url')}.${sign(key, own)}`;
  }

  /** @returns undefined where this server has not signed it for this tenant. */
  open(state: unknown): string | undefined {
    const [, sent = '', signature = ''] =
      (typeof state === 'string' && /^([\w-]{1,700})\.([\w-]{43})$/.exec(state)) || [];
    const path = Buffer.from(sent, 'base64url').toString();
    if (!isAccountPage(path)) return undefined;
    return this.keys.some((key) => safeEqual(sign(key, path), signature)) ? path : undefined;
  }
}

const sign = (key: Buffer, path: string) => hmac(key, `account\0${currentTenantId()}\0${path}`);
