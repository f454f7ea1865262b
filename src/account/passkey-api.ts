// Passkeys as JSON, for scripts of our own pages: the session cookie says who asks, and a change carries its CSRF token.
// passkeys.ts is the same as pages.
import type Router from '@koa/router';
import { z } from 'zod';
import { PasskeyName, RegistrationResponse } from '../features/credentials/passkey.schema.js';
import type { Registration } from '../features/credentials/passkey-ceremonies.js';
import { AppError, conflict } from '../platform/errors.js';
import { parsed, readJsonBody, sendJson } from '../platform/json-body.js';
import type { Logger } from '../platform/logger.js';
import { problems } from '../platform/problem.js';
import type { AccountDoor } from './door.js';
import { type PasskeyDependencies, presentPasskey } from './passkeys.js';

const Rename = z.strictObject({ name: PasskeyName });
const back = '/account/security/passkeys';

export function passkeyApi(router: Router, door: AccountDoor, deps: PasskeyDependencies & { logger: Logger }): void {
  const { passkeys, passkeyCeremonies, ownFactors } = deps;
  const guarded = problems(deps.logger);

  router.post('/passkeys/register/options', guarded, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (visitor) sendJson(ctx, 200, await passkeyCeremonies.registrationOptions(visitor.user, visitor.session.uid));
  });

  router.post('/passkeys/register/verify', guarded, readJsonBody, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    const response = parsed(RegistrationResponse, ctx);
    const made = await passkeyCeremonies.register(visitor.user, visitor.session.uid, response, visitor.stands);
    if (made.outcome !== 'ok') throw refused(made.outcome);
    const recovery_codes = await ownFactors.codesWhereNone(visitor.user, visitor.stands);
    sendJson(ctx, 201, { passkey: presentPasskey(made.passkey), ...(recovery_codes ? { recovery_codes } : {}) });
  });

  router.get('/passkeys', guarded, async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) sendJson(ctx, 200, { items: (await passkeys.of(visitor.user.id)).map(presentPasskey) });
  });

  router.patch('/passkeys/:id', guarded, readJsonBody, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    const { name } = parsed(Rename, ctx);
    const passkey = await passkeys.find(visitor.user, String(ctx.params.id));
    await passkeys.rename(passkey, name);
    sendJson(ctx, 200, presentPasskey(await passkeys.find(visitor.user, passkey.credentialId)));
  });

  router.delete('/passkeys/:id', guarded, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    await ownFactors.removePasskey(visitor.user, String(ctx.params.id), visitor.stands);
    ctx.status = 204;
  });
}

function refused(outcome: Exclude<Registration['outcome'], 'ok'>): AppError {
  if (outcome === 'known') return conflict('passkey_known', 'This passkey belongs to an account already');
  if (outcome === 'too_many') return conflict('too_many_passkeys', 'The account has as many passkeys as it may have');
  if (outcome === 'not_allowed')
    return new AppError(422, 'passkey_not_allowed', 'An authenticator of this make may not be used here');
  return new AppError(422, 'passkey_failed', 'The answer is not of this ceremony, comes too late or is not genuine');
}
