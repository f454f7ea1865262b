// The authenticator app and recovery codes as JSON, for scripts of our own pages. authenticator.ts is the same as pages.
import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../platform/errors.js';
import { parsed, readJsonBody, sendJson } from '../platform/json-body.js';
import type { Logger } from '../platform/logger.js';
import { problems } from '../platform/problem.js';
import type { AuthenticatorDependencies } from './authenticator.js';
import type { AccountDoor } from './door.js';

const Complete = z.strictObject({ setup_token: z.string().min(1).max(4096), code: z.string().min(1).max(64) });
const back = '/account/security';

export function twoFactorApi(
  router: Router,
  door: AccountDoor,
  deps: AuthenticatorDependencies & { logger: Logger },
): void {
  const { totp, ownFactors, secondFactors, issuerName } = deps;
  const guarded = problems(deps.logger);

  // Nothing is kept before a right code of it has come back.
  router.post(['/auth/2fa/enable-init', '/auth/2fa/enable'], guarded, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    const { secret, uri, sealed } = totp.offer(visitor.user, await issuerName(), visitor.session.uid);
    sendJson(ctx, 200, { secret, otpauth_uri: uri, setup_token: sealed });
  });

  router.post(['/auth/2fa/enable-complete', '/auth/2fa/verify-setup'], guarded, readJsonBody, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    const { setup_token, code } = parsed(Complete, ctx);
    const offer = totp.reopen(visitor.user, await issuerName(), visitor.session.uid, setup_token);
    const added = offer && (await ownFactors.addTotp(visitor.user, offer, code, visitor.stands));
    if (!added) throw new AppError(422, 'wrong_code', 'The code is not of this authenticator, or not of this moment');
    sendJson(ctx, 200, { enabled: true, ...(added.codes ? { recovery_codes: added.codes } : {}) });
  });

  router.post('/auth/2fa/disable', guarded, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    await ownFactors.removeTotp(visitor.user, visitor.stands);
    sendJson(ctx, 200, { enabled: false });
  });

  router.get('/auth/2fa/backup-codes', guarded, async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) sendJson(ctx, 200, { left: (await secondFactors.of(visitor.user.id)).recovery_codes });
  });

  router.post('/auth/2fa/backup-codes', guarded, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (visitor) sendJson(ctx, 200, { recovery_codes: await ownFactors.renewCodes(visitor.user, visitor.stands) });
  });
}
