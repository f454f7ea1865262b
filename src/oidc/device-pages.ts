// The pages of the device flow (RFC 8628 §3.3): where somebody types the code of a device, compares it, and is told how it went.
import type { Context } from 'koa';
import type { Configuration } from 'oidc-provider';
import type { Pages } from '../platform/page.js';
import type { EngineContext, EngineError } from './engine-types.js';
import type { EnginePages } from './pages.js';

type DeviceFlow = NonNullable<NonNullable<Configuration['features']>['deviceFlow']>;

export interface DevicePages {
  input: NonNullable<DeviceFlow['userCodeInputSource']>;
  confirm: NonNullable<DeviceFlow['userCodeConfirmSource']>;
  done: NonNullable<DeviceFlow['successSource']>;
  /** With the code that a device has put in its address (RFC 8628 §3.3.1): it is shown, and nothing is looked up. */
  prefilled(ctx: EngineContext, userCode: string): Promise<void>;
  refused(ctx: EngineContext, error: { status: number; code: string; seconds?: number | undefined }): Promise<void>;
  /** Whether the answer said that what was typed is no code that waits. */
  wasWrong(ctx: EngineContext): boolean;
}

/** How the engine says so; it hands out no classes for it. */
const wrong = new Set(['NotFoundError', 'ExpiredError', 'AlreadyUsedError']);

export function createDevicePages(pages: Pages, renderError: EnginePages['renderError']): DevicePages {
  const guessed = new WeakSet<object>();

  const input = (ctx: EngineContext, more: object, status = 200) =>
    pages.send(plain(ctx), 'device/input', { ...formOf(ctx), ...more }, { status, uiLocales: languagesOf(ctx) });

  return {
    async input(ctx, _form, out, error) {
      if (!error) return input(ctx, {});
      if ((ctx.oidc.session as EngineSession | undefined)?.new) return beginAnew(ctx);
      if (error.name === 'AbortedError') return pages.send(plain(ctx), 'device/done', { denied: true });
      if (out?.error === 'server_error') {
        await renderError(ctx, out, error);
        return;
      }
      if (wrong.has(error.name) && ctx.oidc.route === 'code_verification') guessed.add(ctx);
      const typed = isOutdated(error) ? ctx.oidc.params?.user_code : (error as { userCode?: unknown }).userCode;
      await input(ctx, { error: { code: wordsFor(error) }, userCode: textOf(typed) }, 400);
    },

    async confirm(ctx, _form, client, deviceInfo, userCode) {
      const data = {
        ...formOf(ctx),
        client: { name: client.clientName ?? client.clientId },
        userCode,
        address: textOf(deviceInfo.ip),
      };
      await pages.send(plain(ctx), 'device/confirm', data, { uiLocales: languagesOf(ctx) });
    },

    async done(ctx) {
      const { client } = ctx.oidc;
      const data = { client: { name: client?.clientName ?? client?.clientId ?? '' } };
      await pages.send(plain(ctx), 'device/done', data, { uiLocales: languagesOf(ctx) });
    },

    prefilled: (ctx, userCode) => input(ctx, { userCode }),

    refused: (ctx, { status, code, seconds }) =>
      pages.send(plain(ctx), 'errors/error', { code, seconds }, { status, retryAfter: seconds }),

    wasWrong: (ctx) => guessed.has(ctx),
  };
}

/** The form of another tab: the code was not looked at, and may be sent from this page. */
const isOutdated = (error: EngineError): boolean => error.error_description === 'xsrf token invalid';

/** One answer, whether there never was such a code, or it was used, or its time is over. */
function wordsFor(error: Error): 'missing' | 'again' | 'wrong' {
  if (error.name === 'NoCodeError') return 'missing';
  return isOutdated(error) ? 'again' : 'wrong';
}

interface EngineSession {
  new?: boolean;
  touched?: boolean;
}

/** The browser came without a session, or with one that is over: the engine could not save in it what the next form must show. It gets one by GET. */
function beginAnew(ctx: EngineContext): void {
  const userCode = textOf(ctx.oidc.params?.user_code);
  (ctx.oidc.session as EngineSession).touched = false;
  ctx.redirect(ctx.oidc.urlFor('code_verification', userCode ? { query: { user_code: userCode } } : {}));
  ctx.status = 303;
  ctx.set('Cache-Control', 'no-store');
}

/** Where the forms go, and by what the engine knows that they come from its own page. */
const formOf = ({ oidc }: EngineContext) => ({
  action: oidc.urlFor('code_verification'),
  xsrf: ((oidc.session?.state ?? {}) as { secret?: string }).secret ?? '',
});

/** In the request of the device, as soon as that is known. */
const languagesOf = ({ oidc }: EngineContext) =>
  textOf(oidc.params?.ui_locales ?? oidc.entities.DeviceCode?.params?.ui_locales);

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value.slice(0, 64) : undefined;

/** The engine's context is a Koa context with more in it. */
const plain = (ctx: unknown) => ctx as Context;
