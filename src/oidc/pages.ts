// The pages the engine itself would show: refusals that must not redirect, form_post, signing out.
import type { Context } from 'koa';
import type { Configuration } from 'oidc-provider';
import type { Pages } from '../platform/page.js';
import { requestOf } from './adapter.js';
import type { EngineContext, EngineError } from './engine-types.js';
import { refusalOf, type TraceIds } from './trace.js';

type RpInitiatedLogout = NonNullable<NonNullable<Configuration['features']>['rpInitiatedLogout']>;

export interface EnginePages {
  renderError: NonNullable<Configuration['renderError']>;
  formPost(ctx: EngineContext, redirectUri: string, fields: Record<string, string>): Promise<void>;
  confirmLogout: NonNullable<RpInitiatedLogout['logoutSource']>;
  signedOut: NonNullable<RpInitiatedLogout['postLogoutSuccessSource']>;
  replaceBounce(ctx: EngineContext, next: () => Promise<void>): Promise<void>;
}

export function createEnginePages(pages: Pages, traces: TraceIds): EnginePages {
  return {
    async renderError(ctx, _out, error) {
      const { oidc } = ctx as unknown as EngineContext;
      const traceId = await traces.onPage(ctx as unknown as EngineContext, error as EngineError);
      const status = ctx.status >= 500 ? ctx.status : 400;
      // The session is saved after the answer was written: a code that nobody is to be given.
      ctx.remove('Location');
      await pages.send(
        plain(ctx),
        'errors/error',
        {
          code: refusalOf(error as EngineError),
          traceId,
          ...clientOf(oidc),
        },
        { status, uiLocales: text(oidc.params?.ui_locales) },
      );
    },

    formPost: (ctx, redirectUri, fields) =>
      pages.send(plain(ctx), 'interaction/form-post', { action: redirectUri, fields }, { formAction: [redirectUri] }),

    async confirmLogout(ctx) {
      const { oidc } = ctx as unknown as EngineContext;
      if (isAskedByTheirClient(oidc)) return bounce(pages, ctx as unknown as EngineContext);
      const email = requestOf(ctx).accounts.get(String(oidc.session?.accountId))?.email;
      const { secret, postLogoutRedirectUri } = logoutState(oidc);
      const data = {
        ...clientOf(oidc),
        ...(email ? { account: { email, initials: email.slice(0, 1).toUpperCase() } } : {}),
        action: oidc.urlFor('end_session_confirm'),
        xsrf: secret,
      };
      const formAction = postLogoutRedirectUri ? [postLogoutRedirectUri] : [];
      await pages.send(plain(ctx), 'logout/confirm', data, { formAction, uiLocales: text(oidc.params?.ui_locales) });
    },

    signedOut: (ctx) => pages.send(plain(ctx), 'logout/done', {}),

    /** Signing out without a session needs no question: the engine posts a form by an inline script there, which our policy forbids. */
    async replaceBounce(ctx, next) {
      await next();
      if (ctx.oidc?.route !== 'end_session' || ctx.oidc.session?.accountId || ctx.status !== 200) return;
      if (logoutState(ctx.oidc).secret) await bounce(pages, ctx);
    },
  };
}

/**
 * The engine has verified the hint. It has to name the person who is signed in and be of a client that this session was used for, or anybody
 * who ever got an ID token could sign its person out (RP-Initiated Logout §2).
 */
function isAskedByTheirClient({ entities, client, session }: EngineContext['oidc']): boolean {
  const hint = entities.IdTokenHint as { payload?: { sub?: unknown } } | undefined;
  if (hint?.payload?.sub === undefined || hint.payload.sub !== session?.accountId) return false;
  return Boolean(client && session?.authorizations && Object.hasOwn(session.authorizations, client.clientId));
}

/** A form that sends itself; without JavaScript, by one button. */
async function bounce(pages: Pages, ctx: EngineContext): Promise<void> {
  const { secret, postLogoutRedirectUri } = logoutState(ctx.oidc);
  const data = { action: ctx.oidc.urlFor('end_session_confirm'), fields: { xsrf: secret, logout: 'yes' } };
  await pages.send(plain(ctx), 'logout/bounce', data, {
    formAction: postLogoutRedirectUri ? [postLogoutRedirectUri] : [],
  });
}

/** What the engine keeps in the session while it asks whether to sign out. */
const logoutState = (oidc: EngineContext['oidc']) =>
  (oidc.session?.state ?? {}) as { secret?: string; postLogoutRedirectUri?: string };

/** Whom these pages speak of, where the engine knows it. */
const clientOf = ({ client }: EngineContext['oidc']) =>
  client ? { client: { name: client.clientName ?? client.clientId } } : {};

/** The engine's context is a Koa context with more in it. */
const plain = (ctx: unknown) => ctx as Context;
const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
