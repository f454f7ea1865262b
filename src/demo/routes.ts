// Owns the addresses of the demo. Every POST ends in a redirect to a page, so that reloading repeats nothing.
import type Router from '@koa/router';
import type { Context } from 'koa';
import type { Page } from './app.js';
import { experiments, perform } from './experiments.js';
import { meaningOfClaim } from './meanings.js';
import type { RelyingParty } from './relying-party.js';
import type { DecodedToken, Session, Sessions, Tokens } from './sessions.js';

const COOKIE = 'demo_session'; // cookies are shared by all ports of a host: a name of its own

interface Parts {
  party: RelyingParty;
  sessions: Sessions;
  page: Page;
  secure: boolean;
}

export function addRoutes(router: Router, { party, sessions, page, secure }: Parts): void {
  const cookieOf = (ctx: Context) => ctx.cookies.get(COOKIE, { signed: true });
  const current = (ctx: Context) => sessions.find(cookieOf(ctx));
  /** A new id each time what the session stands for changes: an id known before signing in is worth nothing after. */
  const start = (ctx: Context, values: Omit<Session, 'touchedAt'>): Session => {
    sessions.drop(cookieOf(ctx));
    const { id, session } = sessions.keep(values);
    if (secure) ctx.cookies.secure = true; // TLS ends in front of us
    ctx.cookies.set(COOKIE, id, { signed: true, httpOnly: true, sameSite: 'lax', secure });
    return session;
  };

  router.get('/', (ctx) => {
    const session = current(ctx);
    const notice = takeNotice(session);
    if (session?.tokens && session.idToken) return page(ctx, 'signed-in', { ...signedIn(session), notice });
    page(ctx, 'home', { notice, signedOut: ctx.query.state === 'signed-out' });
  });

  router.get('/login', async (ctx) => {
    const { url, pending } = await party.begin('company' in ctx.query ? COMPANY : undefined);
    start(ctx, { exchanges: [], ...current(ctx), pending });
    redirect(ctx, url.href);
  });

  router.get('/callback', async (ctx) => {
    const session = current(ctx);
    if (!session?.pending) {
      ctx.status = 400;
      return page(ctx, 'error', {
        title: 'No sign-in is waiting here',
        sentence: 'It was finished already, was begun in another browser, or the demo was restarted.',
      });
    }
    const { pending } = session;
    delete session.pending; // one answer per request
    const exchanges: Session['exchanges'] = [];
    try {
      const { decoded, ...tokens } = await party.finish(new URL(party.redirectUri + ctx.search), pending, exchanges);
      start(ctx, { tokens, idToken: decoded, exchanges });
      redirect(ctx, '/');
    } catch (error) {
      ctx.status = 400;
      page(ctx, 'error', { title: 'You were not signed in', sentence: sentenceOf(error), exchanges });
    }
  });

  router.post('/refresh', (ctx) =>
    withTokens(ctx, async (session, tokens) => {
      const { decoded, ...fresh } = await party.refresh(tokens, session.exchanges);
      session.tokens = fresh;
      session.idToken = decoded;
    }),
  );

  router.post('/userinfo', (ctx) => withTokens(ctx, (session, tokens) => party.userinfo(tokens, session.exchanges)));

  router.post('/logout', async (ctx) => {
    const tokens = current(ctx)?.tokens;
    sessions.drop(cookieOf(ctx)); // ours ends first, whatever the server says
    ctx.cookies.set(COOKIE, null, { signed: true });
    redirect(ctx, tokens ? (await party.endSessionUrl(tokens)).href : '/');
  });

  router.get('/break', (ctx) => {
    const session = current(ctx);
    const list = experiments
      .filter(({ needsSecret }) => !needsSecret || party.settings.clientSecret)
      .map((experiment) => ({
        ...experiment,
        ready: !experiment.needsSignIn || Boolean(session?.tokens),
        outcome: session?.outcome?.experiment === experiment.id ? session.outcome : undefined,
      }));
    page(ctx, 'break', { list, isSignedIn: Boolean(session?.tokens) });
  });

  router.post('/break/:id', async (ctx) => {
    const experiment = experiments.find(({ id }) => id === ctx.params.id);
    if (!experiment) return;
    const session = current(ctx) ?? start(ctx, { exchanges: [] });
    if (experiment.needsSignIn && !session.tokens) return redirect(ctx, '/break');
    session.outcome = await perform(experiment, party, session);
    redirect(ctx, `/break#${experiment.id}`);
  });

  /** A refusal is shown among the requests and said in a sentence; it does not sign anybody out. */
  async function withTokens(ctx: Context, work: (session: Session, tokens: Tokens) => Promise<void>): Promise<void> {
    const session = current(ctx);
    if (!session?.tokens) return redirect(ctx, '/');
    const before = session.exchanges.length;
    try {
      await work(session, session.tokens);
    } catch (error) {
      if (session.exchanges.length === before) throw error;
      session.notice = sentenceOf(error);
    }
    session.exchanges.splice(0, Math.max(0, session.exchanges.length - MOST_SHOWN));
    redirect(ctx, '/#latest');
  }
}

const MOST_SHOWN = 30;
/** Key of the connection to `npm run example:idp`; a server that has none shows its own sign-in. */
const COMPANY = 'company';

/** RFC 9700 §4.12: 303, so that no browser repeats a POST at the next address. */
function redirect(ctx: Context, address: string): void {
  ctx.redirect(address);
  ctx.status = 303;
}

function takeNotice(session: Session | undefined): string | undefined {
  const notice = session?.notice;
  if (session) delete session.notice;
  return notice;
}

function signedIn({ exchanges, tokens, idToken }: Session) {
  const { header, claims } = idToken as DecodedToken;
  const lines = (values: object) =>
    Object.entries(values).map(([name, value]) => ({
      name,
      value: readable(name, value),
      about: meaningOfClaim(name),
    }));
  return {
    exchanges,
    who: tokens?.person,
    header: lines(header),
    claims: lines(claims),
    canRefresh: Boolean(tokens?.refreshToken),
  };
}

function readable(name: string, value: unknown): string {
  if (typeof value === 'number' && ['exp', 'iat', 'auth_time', 'updated_at', 'nbf'].includes(name))
    return `${new Date(value * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The standard's name and description of a refusal; a check of our own otherwise. */
function sentenceOf(error: unknown): string {
  const { error: name, error_description: description, message } = error as Record<string, unknown>;
  if (name === 'access_denied') return 'You chose not to share anything with this application (access_denied).';
  return [name ?? message, description].filter(Boolean).join(': ');
}
