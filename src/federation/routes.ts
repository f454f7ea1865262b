// The door of upstream OpenID and OAuth 2.0 providers: to them, back from them, and what they say of sessions that have ended. It signs nobody in.
// Hands off to: FederatedSignIns, which brings the browser back to where the sign-in began; LogoutTokens.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { AnswerLimit } from '../features/connections/answer-limit.js';
import type { Connection } from '../features/connections/connection.entity.js';
import { federationAddresses } from '../features/connections/connection-addresses.js';
import type { Answered, Started } from '../features/connections/federated-sign-in.js';
import type { FederatedSignIns } from '../features/connections/federated-sign-ins.js';
import { notFound } from '../platform/errors.js';
import { readForm, seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import type { Limiter } from '../platform/rate-limit.js';
import type { LogoutTokens } from './logout-tokens.js';
import { Refused } from './refusal.js';
import { signOutRoutes } from './sign-out-routes.js';
import type { UpstreamSignOuts } from './sign-outs.js';
import type { UpstreamSignIn } from './upstream-sign-in.js';

export interface FederationDoor {
  signIns: Pick<FederatedSignIns, 'start' | 'answered' | 'hold' | 'refuse'>;
  upstream: Pick<UpstreamSignIn, 'send' | 'believe'>;
  logoutTokens: Pick<LogoutTokens, 'receive'>;
  signOuts: UpstreamSignOuts;
  /** Enabled or not. */
  find(id: string): Promise<Connection | undefined>;
  pages: Pages;
  /** Answers and logout tokens that were not believed, by connection and address. */
  failures: Limiter;
}

const Handle = z.object({ handle: textField });
const path = '/federation/:connection_id';

export function createFederationRouter(door: FederationDoor): Router {
  const { signIns, upstream, logoutTokens, pages, failures } = door;
  const router = new Router({ sensitive: true, strict: true });

  router.use(async (ctx, next) => {
    ctx.state.route = '/federation';
    await next();
  });
  router.param('connection_id', (id, _ctx, next) => {
    if (!z.uuid().safeParse(id).success) throw notFound('page');
    return next();
  });

  router.get(`${path}/login`, async (ctx) => {
    const id = connectionOf(ctx);
    const started = await signIns.start(id, Handle.parse(ctx.query).handle);
    await orRefuse(ctx, id, started, async () => seeOther(ctx, await upstream.send(started, redirectUri(ctx))));
  });

  router.get(`${path}/callback`, (ctx) => takeAnswer(ctx, new URLSearchParams(ctx.querystring)));
  // OAuth 2.0 Form Post Response Mode. No cookie comes along (SameSite), and none is needed: whose browser it is, is asked where this leads to.
  router.post(`${path}/callback`, readForm, (ctx) => takeAnswer(ctx, new URLSearchParams(ctx.request.rawBody)));

  router.post(`${path}/backchannel-logout`, readForm, async (ctx) => {
    const id = connectionOf(ctx);
    const connection = await known(id);
    const tokens = new URLSearchParams(ctx.request.rawBody).getAll('logout_token');
    ctx.set('Cache-Control', 'no-store');
    try {
      if (!connection.enabled) throw new Refused([{ check: 'connection_enabled', passed: false }]);
      await logoutTokens.receive(connection, tokens.length === 1 ? String(tokens[0]) : '');
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // Those alone: a provider of many customers sends all of theirs from one address, and most are sent once.
      await limitOf(ctx).count('logout');
      await signIns.refuse(id, { reason: error.reason, checks: [...error.checks] });
      // Back-Channel Logout 1.0 §2.8.
      ctx.status = 400;
      ctx.body = { error: 'invalid_request', error_description: 'The logout token is not good here' };
      return;
    }
    ctx.status = 200;
    ctx.body = '';
  });

  signOutRoutes(router, path, door);

  async function takeAnswer(ctx: Context, given: URLSearchParams): Promise<void> {
    const id = connectionOf(ctx);
    const [state = '', ...more] = given.getAll('state');
    const answered = more.length === 0 ? await signIns.answered(id, state.slice(0, 256)) : undefined;
    const limit = limitOf(ctx);
    if (!answered) {
      await known(id);
      await limit.count('unasked');
      // Nobody waits for it: used, expired, of another connection, made up, or the connection was disabled meanwhile. All are told alike.
      return refuse(ctx, id, new Refused([{ check: 'state', passed: false }]));
    }
    await limit.count('answer');
    await orRefuse(ctx, id, answered, async () => {
      const { identity, checks, received } = await upstream.believe(answered, given, redirectUri(ctx));
      seeOther(ctx, await signIns.hold(answered, identity, checks, received));
      await limit.forgive();
    });
    // Whoever would rather not has brought nothing that is wrong.
    if (given.get('error') === 'access_denied') await limit.forgive();
  }

  async function orRefuse(ctx: Context, id: string, of: Started | Answered, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await refuse(ctx, id, error, of);
    }
  }

  /** One page for whatever it was; which check it was is told to whoever administers the connection. */
  async function refuse(ctx: Context, id: string, why: Refused, answered?: Started): Promise<void> {
    const { reason, checks, received: message } = why;
    const { trace: traceId } = await signIns.refuse(id, { reason, checks: [...checks], message, answered });
    const code = saysNo(checks) ? 'federation_denied' : 'federation_refused';
    await pages.send(ctx, 'errors/error', { code, traceId }, { status: 400 });
  }

  async function known(id: string): Promise<Connection> {
    const connection = await door.find(id);
    if (!connection) throw notFound('page');
    return connection;
  }

  function limitOf(ctx: Context): AnswerLimit {
    return new AnswerLimit(failures, connectionOf(ctx), ctx.state.ip);
  }

  return router;
}

const connectionOf = (ctx: Context): string => String(ctx.params.connection_id);
const redirectUri = (ctx: Context): string =>
  federationAddresses(ctx.state.issuer, { id: connectionOf(ctx) }).redirect_uri;

/** RFC 6749 §4.1.2.1: the person, or the identity provider in their name, did not want it. */
const saysNo = (checks: Refused['checks']): boolean =>
  checks.some(({ check, seen }) => check === 'response_error' && seen === 'access_denied');
