// Where an identity provider has begun: the person is asked first, because another page can make a browser bring an answer that was given to somebody
// else. What it said is used for nothing more: whoever goes on is sent to it with a request of ours, and whoever is signed in stays it until then.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { Connection } from '../features/connections/connection.entity.js';
import type { FederatedSignIns } from '../features/connections/federated-sign-ins.js';
import { sha256 } from '../platform/crypto.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { badRequest } from '../platform/errors.js';
import { readForm, seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import type { ServiceProviders } from './service-provider.js';

const Link = z.object({ handle: textField });
const Form = z.object({ handle: textField, csrf: textField });

export interface ArrivalDoor {
  serviceProviders: Pick<ServiceProviders, 'find'>;
  signIns: Pick<FederatedSignIns, 'redeem' | 'waits'>;
  csrf: Csrf;
  pages: Pages;
  /** @returns where a sign-in begins that goes to this connection. */
  signIn(issuer: string, connection: Connection): string;
}

export function arrivalRoutes(router: Router, { serviceProviders, signIns, csrf, pages, signIn }: ArrivalDoor): void {
  router.get('/arrival', async (ctx) => {
    const { handle } = Link.parse(ctx.query);
    const connection = await serviceProviders.find(String(ctx.params.connection_id));
    // Nobody else learns by an address what this connection is called.
    if (!(await signIns.waits(connection.id, handle, bindingOf(ctx, handle))))
      throw badRequest('invalid_handle', 'This sign-in does not go on. Please start again');
    const actions = { submit: `${ctx.state.prefix}${ctx.path}` };
    const data = { handle, connection: connection.displayName, actions };
    await pages.send(ctx, 'saml/arrival', data, { csrf: csrf.token(handle) });
  });

  router.post('/arrival', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = Form.parse(ctx.request.body ?? {});
    csrf.assert(form.handle, form.csrf);
    const { connection } = await signIns.redeem(form.handle, bindingOf(ctx, form.handle));
    setCookie(ctx, form.handle, undefined);
    seeOther(ctx, signIn(ctx.state.issuer, connection));
  });
}

/** As long as what is held for it. */
const seconds = 15 * 60;

const isSecure = ({ state }: Context): boolean => String(state.origin).startsWith('https:');

/** RFC 6265bis §4.1.3.2: no other host of the domain can plant it. A name for each answer: two of them may wait in one browser. */
const nameOf = (ctx: Context, handle: string): string =>
  `${isSecure(ctx) ? '__Host-' : ''}ostiary_arrival_${sha256(handle).slice(0, 16)}`;

/** The browser that brought an answer shows by this that it is the same. @param location to which it is sent with the handle. */
export function know(ctx: Context, { browser, location }: { browser: string; location: string }): void {
  setCookie(ctx, new URL(location).searchParams.get('handle') ?? '', browser);
}

function setCookie(ctx: Context, handle: string, browser: string | undefined): void {
  const age = browser === undefined ? 0 : seconds;
  const attributes = `path=/; max-age=${age}; samesite=lax; httponly${isSecure(ctx) ? '; secure' : ''}`;
  ctx.append('Set-Cookie', `${nameOf(ctx, handle)}=${browser ?? ''}; ${attributes}`);
}

const bindingOf = (ctx: Context, handle: string) => ({
  kind: 'browser' as const,
  id: ctx.cookies.get(nameOf(ctx, handle)) ?? '',
});
