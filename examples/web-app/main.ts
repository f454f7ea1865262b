// A web application with a server of its own: people sign in with OpenID Connect, and no token ever reaches the browser.
// Owns pages, cookies and sessions, here in memory: keep yours where all your processes find them. Hands off to openid.ts.
import { randomBytes } from 'node:crypto';
import Koa, { type Context } from 'koa';
import { begin, endedBy, endSessionUrl, finish, isOver, type Person, userinfo } from './openid.js';

const { ISSUER = 'http://localhost:3000', ORIGIN = 'http://localhost:8080' } = process.env;
const { HOST = '127.0.0.1', COOKIE_KEY } = process.env;
const once = process.argv.includes('--once'); // ends when somebody has signed out

const sessions = new Map<string, Person>();
const secure = ORIGIN.startsWith('https:');
const cookie = { httpOnly: true, sameSite: 'lax', secure, signed: true, path: '/' } as const;
const prefix = secure ? '__Host-' : '';
const sessionOf = (ctx: Context): string => ctx.cookies.get(`${prefix}session`, cookie) ?? '';

/** State, nonce and PKCE stay in the browser that began, one cookie for each tab. */
async function signIn(ctx: Context): Promise<void> {
  const { url, pending } = await begin(`${ORIGIN}/callback`);
  const { state, nonce, verifier } = pending;
  ctx.cookies.set(`${prefix}sign-in-${state}`, `${nonce}.${verifier}`, { ...cookie, maxAge: 900_000 });
  ctx.redirect(url);
}

async function callback(ctx: Context): Promise<void> {
  const state = String(ctx.query.state ?? '');
  const name = `${prefix}sign-in-${state}`;
  const [nonce, verifier] = (/^[\w-]+$/.test(state) ? (ctx.cookies.get(name, cookie) ?? '') : '').split('.');
  if (!nonce || !verifier) return refuse(ctx, 400, 'This sign-in was not begun in this browser');
  ctx.cookies.set(name, null, cookie);
  const person = await finish(new URL(`${ORIGIN}/callback${ctx.search}`), { state, nonce, verifier });
  sessions.delete(sessionOf(ctx));
  // A new id for whoever is signed in now: one that somebody planted before is worth nothing.
  const id = randomBytes(32).toString('base64url');
  sessions.set(id, person);
  ctx.cookies.set(`${prefix}session`, id, cookie);
  ctx.redirect('/profile');
}

/** A protected page: without a session it begins a sign-in. */
async function profile(ctx: Context): Promise<void> {
  const person = sessions.get(sessionOf(ctx));
  if (!person) return signIn(ctx);
  try {
    const { name, email } = await userinfo(person);
    page(ctx, `Hello ${name ?? email}`, '<form method="post" action="/sign-out"><button>Sign out</button></form>');
  } catch (error) {
    if (!isOver(error)) throw error;
    sessions.delete(sessionOf(ctx));
    await signIn(ctx);
  }
}

/** Here first, and then at the server, which sends the browser back. */
function signOut(ctx: Context): void {
  if (ctx.get('origin') !== ORIGIN) {
    refuse(ctx, 403, 'That came from another site');
    return;
  }
  const person = sessions.get(sessionOf(ctx));
  sessions.delete(sessionOf(ctx));
  ctx.cookies.set(`${prefix}session`, null, cookie);
  ctx.redirect(endSessionUrl(person, `${ORIGIN}/signed-out`));
  ctx.status = 303;
}

/** The server says that a session has ended elsewhere (OpenID Connect Back-Channel Logout 1.0 §2.5). */
async function backChannelLogout(ctx: Context): Promise<void> {
  let body = '';
  for await (const chunk of ctx.req) {
    body += chunk;
    if (body.length > 16_384) return refuse(ctx, 413, 'That is too long');
  }
  const { sid, sub } = await endedBy(new URLSearchParams(body).get('logout_token') ?? '');
  for (const [id, person] of sessions) if (sid ? person.sid === sid : person.sub === sub) sessions.delete(id);
  ctx.status = 204;
}

function page(ctx: Context, heading: string, more = ''): void {
  const text = heading.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
  ctx.type = 'html';
  ctx.body = `<!doctype html><html lang="en"><title>Trip Planner</title><h1>${text}</h1>${more}</html>`;
}

function refuse(ctx: Context, status: number, words: string): void {
  page(ctx, words, '<a href="/profile">Sign in</a>');
  ctx.status = status;
}

function signedOut(ctx: Context): void {
  page(ctx, 'You are signed out', '<a href="/profile">Sign in</a>');
  if (once) ctx.res.once('finish', () => process.exit(0));
}

const routes: Readonly<Record<string, (ctx: Context) => unknown>> = {
  'GET /': (ctx) =>
    page(ctx, sessions.has(sessionOf(ctx)) ? 'Welcome back' : 'Trip Planner', '<a href="/profile">You</a>'),
  'GET /profile': profile,
  'GET /callback': callback,
  'POST /sign-out': signOut,
  'GET /signed-out': signedOut,
  'POST /backchannel-logout': backChannelLogout,
};

const app = new Koa();
app.keys = [COOKIE_KEY ?? randomBytes(32).toString('hex')]; // the same for all your processes
app.proxy = secure; // https ends at a proxy in front
app.use(async (ctx) => {
  // A form leads to the server's pages when somebody signs out, so form-action names it.
  const policy = `default-src 'none'; form-action 'self' ${new URL(ISSUER).origin}; frame-ancestors 'none'`;
  ctx.set({ 'content-security-policy': policy, 'cache-control': 'no-store', 'referrer-policy': 'same-origin' });
  try {
    const route = routes[`${ctx.method} ${ctx.path}`];
    await (route ? route(ctx) : refuse(ctx, 404, 'There is no such page'));
  } catch (error) {
    // A name and no more: messages may hold what a browser sent.
    console.error(`${ctx.method} ${ctx.path}: ${error instanceof Error ? error.name : 'failed'}`);
    refuse(ctx, 400, 'That did not work');
  }
});
app.listen(Number(new URL(ORIGIN).port), HOST, () => console.log(`ready at ${ORIGIN}`));
