// Passkeys as JSON, for scripts of our own pages: the session cookie says who asks, and a change carries its CSRF token.
// passkeys.ts is the same as pages.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { PasskeyName, RegistrationResponse } from '../features/credentials/passkey.schema.js';
import type { Registration } from '../features/credentials/passkey.service.js';
import { AppError, conflict, invalid } from '../platform/errors.js';
import type { Logger } from '../platform/logger.js';
import { problems } from '../platform/problem.js';
import type { AccountDoor } from './door.js';
import { readJsonBody } from './json-body.js';
import { type PasskeyDependencies, presentPasskey } from './passkeys.js';

const Rename = z.strictObject({ name: PasskeyName });
const back = '/account/security/passkeys';

export function passkeyApi(router: Router, door: AccountDoor, deps: PasskeyDependencies & { logger: Logger }): void {
  const { passkeys, passkeyCeremonies, ownFactors } = deps;
  const guarded = problems(deps.logger);

  router.post('/passkeys/register/options', guarded, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (visitor) answer(ctx, 200, await passkeyCeremonies.registrationOptions(visitor.user, visitor.session.uid));
  });

  router.post('/passkeys/register/verify', guarded, readJsonBody, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    const response = read(RegistrationResponse, ctx);
    const made = await passkeyCeremonies.register(visitor.user, visitor.session.uid, response, visitor.stands);
    if (made.outcome !== 'ok') throw refused(made.outcome);
    const recovery_codes = await ownFactors.codesWhereNone(visitor.user);
    answer(ctx, 201, { passkey: presentPasskey(made.passkey), ...(recovery_codes ? { recovery_codes } : {}) });
  });

  router.get('/passkeys', guarded, async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) answer(ctx, 200, { items: (await passkeys.of(visitor.user.id)).map(presentPasskey) });
  });

  router.patch('/passkeys/:id', guarded, readJsonBody, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    const { name } = read(Rename, ctx);
    const passkey = await passkeys.find(visitor.user, String(ctx.params.id));
    await passkeys.rename(passkey, name);
    answer(ctx, 200, presentPasskey(await passkeys.find(visitor.user, passkey.credentialId)));
  });

  router.delete('/passkeys/:id', guarded, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    await ownFactors.removePasskey(visitor.user, String(ctx.params.id));
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

export function read<T extends z.ZodType>(schema: T, ctx: Context): z.output<T> {
  const result = schema.safeParse(ctx.request.body ?? {});
  if (result.success) return result.data;
  const pointer = (path: readonly PropertyKey[]) => path.map((step) => `/${String(step)}`).join('');
  throw invalid(
    'The body is not valid',
    result.error.issues.slice(0, 20).map(({ path, message }) => ({ pointer: pointer(path), message })),
  );
}

export function answer(ctx: Context, status: number, body: object): void {
  ctx.status = status;
  ctx.type = 'application/json';
  ctx.body = JSON.stringify(body);
}
