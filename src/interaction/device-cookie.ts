// The cookie in which a browser holds what it is recognised by: one random value for each account, the latest first.
import type { Context } from 'koa';

/** More accounts than this in one browser are recognised no longer. */
const MOST = 5;
/** RFC 6265bis §5.5: browsers keep no cookie for longer. */
const seconds = 400 * 24 * 3600;

const isSecure = ({ state }: Context): boolean => String(state.origin).startsWith('https:');

/** One for each tenant, below all paths: with __Host- (RFC 6265bis §4.1.3.2) no other host of the domain can set it. */
const nameOf = (ctx: Context): string =>
  `${isSecure(ctx) ? '__Host-' : ''}ostiary_device_${String(ctx.state.tenant.id).replaceAll('-', '')}`;

export function heldHandles(ctx: Context): string[] {
  const handles = (ctx.cookies.get(nameOf(ctx)) ?? '').split('.');
  return handles.filter((handle) => /^[A-Za-z0-9_-]{43}$/.test(handle)).slice(0, MOST);
}

export function holdHandle(ctx: Context, handle: string): void {
  const value = [handle, ...heldHandles(ctx)].slice(0, MOST).join('.');
  const attributes = `path=/; max-age=${seconds}; samesite=lax; httponly${isSecure(ctx) ? '; secure' : ''}`;
  // Koa's own cookies refuse `secure` where a proxy speaks https in front of it.
  ctx.append('Set-Cookie', `${nameOf(ctx)}=${value}; ${attributes}`);
}
