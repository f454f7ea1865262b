// Where a browser goes whose session has ended here: what that stood on elsewhere is told, before it goes on to where it was sent.
import type { EngineMiddleware } from './around.js';

/** @param back where it would go. @returns where it goes instead; undefined where nobody has to be told. */
export type AfterSignOut = (issuer: string, sessionUid: string, back: string) => Promise<string | undefined>;

export const tellUpstream =
  (issuer: string, afterSignOut: AfterSignOut): EngineMiddleware =>
  async (ctx, next) => {
    await next();
    const { session, params } = ctx.oidc ?? {};
    const back = ctx.response.get('Location');
    if (ctx.oidc?.route !== 'end_session_confirm' || !params?.logout || !session || ctx.status !== 303) return;
    const address = await afterSignOut(issuer, session.uid, back);
    if (address) ctx.redirect(address);
  };
