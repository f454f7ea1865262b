// The cookie in which a browser holds what it is recognised by.
import type { Context } from 'koa';
import { handlesCookie, MOST_HANDLES, readHandles } from '../features/devices/device-handles.js';

/** RFC 6265bis §5.5: browsers keep no cookie for longer. */
const seconds = 400 * 24 * 3600;

const isSecure = ({ state }: Context): boolean => String(state.origin).startsWith('https:');

const nameOf = (ctx: Context): string => handlesCookie(String(ctx.state.tenant.id), isSecure(ctx));

export const heldHandles = (ctx: Context): string[] => readHandles(ctx.cookies.get(nameOf(ctx)));

export function holdHandle(ctx: Context, handle: string): void {
  const value = [handle, ...heldHandles(ctx)].slice(0, MOST_HANDLES).join('.');
  const attributes = `path=/; max-age=${seconds}; samesite=lax; httponly${isSecure(ctx) ? '; secure' : ''}`;
  // Koa's own cookies refuse `secure` where a proxy speaks https in front of it.
  ctx.append('Set-Cookie', `${nameOf(ctx)}=${value}; ${attributes}`);
}
