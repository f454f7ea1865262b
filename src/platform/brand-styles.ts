// Owns the stylesheet of a brand: its address says its colours, so that nobody looks anything up, no process has to hear of a change, and a page needs
// no style of its own (CSP without unsafe-inline). Handed off to: app.ts, which mounts it beside the other assets.
import { createHash } from 'node:crypto';
import type { Middleware } from 'koa';
import { labelOn } from './colours.js';
import { mix } from './contrast.js';
import { type Palette, type Shades, tint } from './palette.js';

const prefix = '/assets/brand/';
const address = /^\/assets\/brand\/([0-9a-f]{6})-([0-9a-f]{6})-([0-9a-f]{6})-([0-9a-f]{6})\.css$/;

export const brandStylesheet = ({ light, dark }: Palette): string =>
  `${prefix}${[light.accent, light.canvas, dark.accent, dark.canvas].map((hex) => hex.slice(1)).join('-')}.css`;

export const brandStyles: Middleware = (ctx, next) => {
  if (!ctx.path.startsWith(prefix)) return next();
  const colours = address.exec(ctx.path)?.slice(1);
  if (!colours || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) {
    ctx.status = colours ? 405 : 404;
    if (colours) ctx.set('Allow', 'GET, HEAD');
    return;
  }
  const [accent, canvas, darkAccent, darkCanvas] = colours.map((hex) => `#${hex}`) as [string, string, string, string];
  const css = stylesheet({ light: { accent, canvas }, dark: { accent: darkAccent, canvas: darkCanvas } });
  // What is made of the colours may change with a version of the server.
  ctx.set('Cache-Control', 'public, max-age=86400');
  ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.etag = createHash('sha256').update(css).digest('hex').slice(0, 20);
  ctx.type = 'text/css; charset=utf-8';
  ctx.status = 200;
  if (ctx.fresh) ctx.status = 304;
  else ctx.body = css;
};

/** Outside of every layer, and so before the tokens of ostiary.css. */
export function stylesheet({ light, dark }: Palette): string {
  const [day, night] = [tokens('light', light), tokens('dark', dark)];
  const lines = Object.keys(day).map((name) => `  --${name}: light-dark(${day[name]}, ${night[name]});`);
  return `:root {\n${lines.join('\n')}\n}\n`;
}

function tokens(mode: keyof Palette, { accent, canvas }: Shades): Record<string, string> {
  return {
    'brand-accent': accent,
    'brand-accent-strong': mix(accent, mode === 'light' ? '#000000' : '#ffffff', 0.2),
    'brand-on-accent': labelOn(accent),
    'brand-canvas': canvas,
    'accent-soft': tint(mode, accent),
  };
}
