// The door of SAML identity providers: to them, back from them, and what they say of sessions that have ended. It signs nobody in.
// Hands off to: FederatedSignIns, which brings the browser back to where the sign-in began; the pages of a sign-in, where the identity provider began.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { AnswerLimit } from '../features/connections/answer-limit.js';
import { notFound } from '../platform/errors.js';
import { formReader, seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import type { Limiter } from '../platform/rate-limit.js';
import type { SamlAnswers } from './answer.js';
import { type ArrivalDoor, arrivalRoutes, know } from './arrival.js';
import { type LogoutDoor, logoutRoutes } from './logout-routes.js';
import type { SamlRequests } from './request.js';
import type { Sent } from './sending.js';
import type { ServiceProviders } from './service-provider.js';

export interface SamlDoor {
  serviceProviders: Pick<ServiceProviders, 'metadata' | 'find'>;
  requests: Pick<SamlRequests, 'begin'>;
  answers: Pick<SamlAnswers, 'receive'>;
  logout: Pick<LogoutDoor, 'logouts' | 'tickets'>;
  arrival: Omit<ArrivalDoor, 'pages'>;
  pages: Pages;
  /** Messages that were not believed, by connection and address. */
  failures: Limiter;
}

const Handle = z.object({ handle: textField });
/** 512 KiB of XML, which is all that the gate looks at, in base64, some of it percent-encoded. */
const readMessage = formReader('768kb');
const Response = z.object({ SAMLResponse: textField, RelayState: textField });

export function createSamlRouter(door: SamlDoor): Router {
  const { serviceProviders, requests, answers, pages, failures } = door;
  const router = new Router({ sensitive: true, strict: true, prefix: '/saml/:connection_id' });

  router.use(async (ctx, next) => {
    ctx.state.route = '/saml';
    await next();
  });
  router.param('connection_id', (id, _ctx, next) => {
    if (!z.uuid().safeParse(id).success) throw notFound('page');
    return next();
  });

  router.get('/metadata', async (ctx) => {
    ctx.body = await serviceProviders.metadata(connectionOf(ctx));
    // SAML Metadata, appendix A.
    ctx.type = 'application/samlmetadata+xml';
    ctx.set('Cache-Control', 'public, max-age=300');
  });

  router.get('/login', async (ctx) => {
    await deliver(ctx, await requests.begin(connectionOf(ctx), Handle.parse(ctx.query).handle));
  });

  // No cookie comes along (SameSite), and none is needed: whose browser it is, is asked where this leads to.
  router.post('/acs', readMessage, async (ctx) => {
    const limit = limitOf(ctx);
    const received = Response.parse(ctx.request.body ?? {});
    const answer = await answers.receive(connectionOf(ctx), received, (what) => limit.count(what));
    if (answer.kind === 'refused') return refuse(ctx, answer.trace);
    if (answer.kind === 'arrived') know(ctx, answer);
    seeOther(ctx, answer.location);
    await limit.forgive();
  });

  arrivalRoutes(router, { ...door.arrival, pages });
  logoutRoutes(router, { ...door.logout, pages, counted, deliver, refuse });

  /** A message on its way: in an address, or in a form that sends itself; without JavaScript by one button. */
  async function deliver(ctx: Context, sent: Sent): Promise<void> {
    if (sent.kind === 'redirect') return seeOther(ctx, sent.address);
    const { action, fields } = sent;
    await pages.send(ctx, 'interaction/form-post', { action, fields }, { formAction: [action] });
  }

  /** One page for whatever it was; which check it was is told to whoever administers the connection. */
  async function refuse(ctx: Context, traceId: string): Promise<void> {
    await pages.send(ctx, 'errors/error', { code: 'federation_refused', traceId }, { status: 400 });
  }

  /** Before it is looked at, and given back where it was good. @throws AppError 404 where there is nobody to tell, however often; 429 */
  async function counted(ctx: Context): Promise<AnswerLimit> {
    await serviceProviders.find(connectionOf(ctx));
    const limit = limitOf(ctx);
    await limit.count('logout');
    return limit;
  }

  function limitOf(ctx: Context): AnswerLimit {
    return new AnswerLimit(failures, connectionOf(ctx), ctx.state.ip);
  }

  return router;
}

const connectionOf = (ctx: Context): string => String(ctx.params.connection_id);
