// The cookie in which a browser keeps by which button somebody came in last: a mark on the page, of no account, and nothing rests on it.
import type { Context } from 'koa';

/** RFC 6265bis §5.5: browsers keep no cookie for longer. */
const seconds = 400 * 24 * 3600;

const isSecure = ({ state }: Context): boolean => String(state.origin).startsWith('https:');

const nameOf = (ctx: Context): string =>
  `${isSecure(ctx) ? '__Host-' : ''}ostiary_last_${String(ctx.state.tenant.id).replaceAll('-', '')}`;

/** @returns the key of a connection, or anything else: it is compared, never looked up. */
export const lastWayIn = (ctx: Context): string | undefined => ctx.cookies.get(nameOf(ctx));

/** @param key [a-z0-9-], as the keys of connections are. */
export function keepLastWayIn(ctx: Context, key: string): void {
  const attributes = `path=/; max-age=${seconds}; samesite=lax; httponly${isSecure(ctx) ? '; secure' : ''}`;
  // Koa's own cookies refuse `secure` where a proxy speaks https in front of it.
  ctx.append('Set-Cookie', `${nameOf(ctx)}=${key}; ${attributes}`);
}
