// Around the engine's endpoints of the device flow (RFC 8628): what a device is told beside its codes, and how often people may try one.
import { polling } from '../../config/protocol.js';
import { currentContext, currentTenantId } from '../platform/context.js';
import { assertSameOrigin } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';
import { markBrowser } from './browser-cookie.js';
import type { DevicePages } from './device-pages.js';
import type { EngineContext } from './engine-types.js';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

type Next = () => Promise<void>;

/** RFC 8628 §3.2 `interval`. */
export async function tellInterval(ctx: EngineContext, next: Next): Promise<void> {
  await next();
  const body = ctx.body as Record<string, unknown> | undefined;
  if (ctx.status === 200 && typeof body?.device_code === 'string') ctx.body = { ...body, interval: polling.interval };
  // RFC 6749 §5.2; the engine calls it an invalid request.
  if (body?.error === 'invalid_request' && ctx.oidc.client && !ctx.oidc.client.grantTypeAllowed(DEVICE_GRANT))
    ctx.body = { ...body, error: 'unauthorized_client' };
}

interface Surroundings {
  devicePages: DevicePages;
  rateLimits: RateLimits;
  limits: { userCodeFailures: { points: number; seconds: number } };
}

/**
 * Codes are short, so that people can type them: from one address only some can be tried (RFC 8628 §5.1). Whoever tries many at once is counted before
 * any is looked up; what was a code is given back.
 */
export function userCodes({ devicePages, rateLimits, limits }: Surroundings, issuer: string) {
  const failures = rateLimits.limiter({ name: 'user_code', ...limits.userCodeFailures });
  const { origin } = new URL(issuer);
  const admit = async (ctx: EngineContext, key: string): Promise<boolean> => {
    try {
      assertSameOrigin(ctx.headers, origin);
      await failures.consume(key);
      return true;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { status, code, details } = error;
      await devicePages.refused(ctx, { status, code, seconds: details.retryAfter });
      return false;
    }
  };

  return async (ctx: EngineContext, next: Next): Promise<void> => {
    if (ctx.method !== 'POST') {
      await next();
      return prefill(ctx, devicePages);
    }
    const key = `${currentTenantId()} ${clientKey(currentContext()?.ip)}`;
    if (!(await admit(ctx, key))) return;
    await next();
    if (!devicePages.wasWrong(ctx)) await failures.reward(key);
    await bind(ctx);
  };
}

/** Whoever has compared the code signs in, and nobody to whom the sign-in was handed on: they would approve what they have not seen (RFC 8628 §5.4). */
async function bind(ctx: EngineContext): Promise<void> {
  const interaction = ctx.oidc?.entities.Interaction;
  if (!interaction) return;
  interaction.result = markBrowser(ctx.oidc.provider, interaction, ctx.req, ctx.cookies) as typeof interaction.result;
  await interaction.persist();
}

/** The engine would send the form by an inline script, which our policy forbids; and nothing is to be tried by a link. */
async function prefill(ctx: EngineContext, pages: DevicePages): Promise<void> {
  if (ctx.oidc?.route !== 'code_verification' || ctx.status !== 200) return;
  const userCode = ctx.oidc.params?.user_code;
  if (typeof userCode === 'string' && userCode !== '') await pages.prefilled(ctx, userCode.slice(0, 64));
}
