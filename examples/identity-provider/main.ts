// An identity provider to try enterprise sign-in with, without an account anywhere: SAML 2.0 (saml.ts) and OpenID Connect (openid.ts), and one page that
// asks who you are. It is for this machine alone: it asks for no password.
import { randomUUID } from 'node:crypto';
import Koa, { type Context } from 'koa';
import { form, received, redirect, send } from './exchange.js';
import * as openid from './openid.js';
import { home, page, policy, whoAreYou } from './page.js';
import { endSession, faultOf, newSession, personWith, type Session, sessionOf } from './people.js';
import * as saml from './saml.js';
import { HOST, ORIGIN } from './settings.js';

const once = process.argv.includes('--once'); // ends when somebody has been sent back

/** Requests of SAML that wait for somebody to say who they are. */
const waiting = new Map<string, saml.Asked>();
const cookie = { httpOnly: true, sameSite: 'lax', path: '/' } as const;
const current = (ctx: Context): Session | undefined => sessionOf(ctx.cookies.get('idp_session') ?? '');

async function sso(ctx: Context): Promise<void> {
  const asked = await saml.readAuthnRequest(await received(ctx));
  const session = current(ctx);
  // A form that another site posts brings no cookie: then they are asked, too.
  if (session && !asked.forceAuthn) return sendBack(ctx, await saml.respond(asked, session));
  const id = randomUUID();
  waiting.set(id, asked);
  ctx.body = whoAreYou({ saml: id });
}

/** The page of OpenID Connect. With prompt=login, or an older sign-in than max_age allows, the library leads here by itself. */
async function ask(ctx: Context): Promise<void> {
  const { uid, params } = await openid.begun(ctx.req, ctx.res);
  ctx.body = whoAreYou({ interaction: uid }, String(params.login_hint ?? ''));
}

async function signIn(ctx: Context): Promise<void> {
  const { saml: id = '', interaction = '', person: chosen, email = '', fault = '' } = await form(ctx);
  const person = personWith(chosen || email.trim());
  if (!person) {
    ctx.body = whoAreYou({ saml: id, interaction }, email, 'That is no e-mail address');
    return;
  }
  endSession(current(ctx)?.id ?? '');
  const session = newSession(person, faultOf(fault));
  ctx.cookies.set('idp_session', session.id, cookie);
  if (interaction) return sendBack(ctx, { location: await openid.finish(ctx.req, ctx.res, session) });
  const asked = waiting.get(id);
  waiting.delete(id);
  if (!asked) throw new Error('Nobody waits for this sign-in');
  sendBack(ctx, await saml.respond(asked, session));
}

function sendBack(ctx: Context, sent: saml.Sent): void {
  send(ctx, sent);
  if (once) ctx.res.once('finish', () => process.exit(0));
}

/** The sign-in begins here: whoever is signed in opens a service that they have used (SAML Profiles §4.1.5). */
async function start(ctx: Context): Promise<void> {
  const session = current(ctx);
  if (!session) return redirect(ctx, '/');
  send(ctx, await saml.respond(await saml.unsolicited(String(ctx.query.to)), session));
}

/** One service provider after the other is told, and answers; then the session is over here too. */
async function signOut(ctx: Context): Promise<void> {
  const session = current(ctx);
  const [next] = session?.services ?? [];
  if (session && next) {
    session.services.delete(next);
    return send(ctx, await saml.logoutRequest(next, session));
  }
  endSession(session?.id ?? '');
  ctx.body = page('You are signed out', '<p>Here, and wherever you had signed in by SAML.</p>');
}

async function singleLogout(ctx: Context): Promise<void> {
  const message = await received(ctx);
  if (message.fields.SAMLResponse) {
    await saml.readLogoutResponse(message);
    return signOut(ctx);
  }
  const { ended, answer } = await saml.readLogoutRequest(message);
  for (const { id } of ended) endSession(id);
  send(ctx, answer);
}

/** Body of `POST /api/v1/connections` at the server, for SAML or with `?kind=oidc`. */
function connection(ctx: Context): void {
  const common = { domains: ['company.example'], button: true, trust: { email: 'always' } };
  const { client_id, client_secret } = openid.client;
  ctx.body =
    ctx.query.kind === 'oidc'
      ? {
          key: 'company-oidc',
          kind: 'oidc',
          client_secret,
          settings: { ...common, trust: { email: 'claim' }, oidc: { issuer: ORIGIN, client_id } },
        }
      : { key: 'company', kind: 'saml', metadata: saml.metadata(), settings: common };
  Object.assign(ctx.body as object, { display_name: 'Company Example' });
}

const routes: Readonly<Record<string, (ctx: Context) => unknown>> = {
  'GET /': (ctx) => (ctx.body = home(current(ctx))),
  'GET /connection': connection,
  'GET /saml/metadata': (ctx) => Object.assign(ctx, { type: 'application/samlmetadata+xml', body: saml.metadata() }),
  'GET /saml/sso': sso,
  'POST /saml/sso': sso,
  'GET /saml/slo': singleLogout,
  'POST /saml/slo': singleLogout,
  'GET /saml/start': start,
  'GET /sign-in': ask,
  'POST /sign-in': signIn,
  'POST /sign-out': signOut,
};

const app = new Koa();
app.use(async (ctx) => {
  const route = routes[`${ctx.method} ${ctx.path}`];
  if (!route) {
    ctx.respond = false; // the rest is OpenID Connect
    return openid.answer(ctx.req, ctx.res);
  }
  ctx.set({ 'content-security-policy': policy, 'cache-control': 'no-store', 'referrer-policy': 'same-origin' });
  try {
    await route(ctx);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    console.error(`${ctx.method} ${ctx.path}: ${words}`);
    ctx.status = 400;
    ctx.body = page('That did not work', '<p>What went wrong stands where this program was started.</p>');
  }
});
app.listen(Number(new URL(ORIGIN).port), HOST, () => console.log(`ready at ${ORIGIN}`));
