// The passkeys of an account: the list, one more, another name, and away with it.
// Hands off to: PasskeyCeremonies for what browsers make, OwnFactors for what may go; passkey-api.ts is the same for programs.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { OwnFactors } from '../features/credentials/own-factors.js';
import type { Passkey } from '../features/credentials/passkey.entity.js';
import { PasskeyName, registrationOf } from '../features/credentials/passkey.schema.js';
import type { PasskeyCeremonies } from '../features/credentials/passkey-ceremonies.js';
import type { PasskeyHints } from '../features/credentials/passkey-hints.js';
import { providerName } from '../features/credentials/passkey-providers.js';
import type { Passkeys } from '../features/credentials/passkeys.js';
import { AppError } from '../platform/errors.js';
import { seeOther, textField } from '../platform/form.js';
import type { AccountDoor, Visitor } from './door.js';

export interface PasskeyDependencies {
  passkeys: Passkeys;
  passkeyCeremonies: PasskeyCeremonies;
  passkeyHints: PasskeyHints;
  ownFactors: OwnFactors;
}

const page = '/account/security/passkeys';
const Form = z.object({ passkey: textField, name: textField });

export function passkeyRoutes(router: Router, door: AccountDoor, deps: PasskeyDependencies): void {
  const { passkeys, passkeyCeremonies, passkeyHints, ownFactors } = deps;

  router.get('/security/passkeys', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) await list(ctx, visitor);
  });

  router.post('/security/passkeys', async (ctx) => {
    const visitor = await door.mayChange(ctx, { back: page });
    if (!visitor) return;
    const response = registrationOf(Form.parse(ctx.request.body ?? {}).passkey);
    const made = response
      ? await passkeyCeremonies.register(visitor.user, visitor.session.uid, response, visitor.stands)
      : ({ outcome: 'failed' } as const);
    if (made.outcome !== 'ok') return list(ctx, visitor, `passkey_${made.outcome}`);
    const codes = await ownFactors.codesWhereNone(visitor.user, visitor.stands);
    // Shown now or never: an address to go on to could not carry them.
    if (codes) return door.show(ctx, visitor, 'security/new-codes', { codes });
    seeOther(ctx, `${ctx.state.prefix}${page}?done=passkey_added`);
  });

  router.post('/security/passkeys/:id/name', async (ctx) => {
    const visitor = await door.mayChange(ctx, { back: page });
    if (!visitor) return;
    const name = PasskeyName.safeParse(Form.parse(ctx.request.body ?? {}).name);
    if (!name.success) return list(ctx, visitor, 'passkey_name');
    await passkeys.rename(await passkeys.find(visitor.user, String(ctx.params.id)), name.data);
    seeOther(ctx, `${ctx.state.prefix}${page}?done=passkey_renamed`);
  });

  router.post('/security/passkeys/:id/remove', async (ctx) => {
    const visitor = await door.mayChange(ctx, { back: page });
    if (!visitor) return;
    try {
      await ownFactors.removePasskey(visitor.user, String(ctx.params.id), visitor.stands);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 409) throw error;
      return list(ctx, visitor, error.code, error.status);
    }
    seeOther(ctx, `${ctx.state.prefix}${page}?done=passkey_removed`);
  });

  async function list(ctx: Context, visitor: Visitor, problem?: string, status = problem ? 422 : 200): Promise<void> {
    const at = `${ctx.state.prefix}${page}`;
    const data = {
      error: problem && { code: problem },
      passkeys: (await passkeys.of(visitor.user.id)).map(presentPasskey),
      signal: await passkeyHints.signal(visitor.user),
      passkey: { optionsFrom: `${ctx.state.prefix}/api/v1/passkeys/register/options` },
      actions: { submit: at },
    };
    await door.show(ctx, visitor, 'security/passkeys', data, { status });
  }
}

export const presentPasskey = (passkey: Passkey) => ({
  id: passkey.credentialId,
  name: passkey.name,
  /** By its own word: a name for the list, no more. */
  provider: providerName(passkey.aaguid) ?? null,
  synced: passkey.backedUp,
  device_bound: passkey.deviceBound,
  created_at: passkey.createdAt.toISOString(),
  last_used_at: passkey.lastUsedAt?.toISOString() ?? null,
  flagged_at: passkey.flaggedAt?.toISOString() ?? null,
});
