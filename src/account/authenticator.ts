// The authenticator app of an account, and the recovery codes for when it is lost.
// Hands off to: OwnFactors, which keeps the app once a right code of it has come back, and lets it go.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { OwnFactors } from '../features/credentials/own-factors.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { TotpOffer, TotpService } from '../features/credentials/totp.service.js';
import { AppError } from '../platform/errors.js';
import { seeOther, textField } from '../platform/form.js';
import type { AccountDoor, Visitor } from './door.js';

export interface AuthenticatorDependencies {
  totp: TotpService;
  ownFactors: OwnFactors;
  secondFactors: Pick<SecondFactors, 'of'>;
  issuerName: () => Promise<string>;
  qrCode: (text: string) => Promise<string>;
}

const page = '/account/security/totp';
const CodeForm = z.object({ offer: textField, code: textField });

export function authenticatorRoutes(router: Router, door: AccountDoor, deps: AuthenticatorDependencies): void {
  const { totp, ownFactors, issuerName, qrCode } = deps;

  router.get('/security/totp', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) await show(ctx, visitor);
  });

  // A secret is shown to whoever has just proved who they are.
  router.get('/security/totp/setup', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor || !(await door.proved(ctx, visitor))) return;
    await setUp(ctx, visitor, totp.offer(visitor.user, await issuerName(), visitor.session.uid));
  });

  router.post('/security/totp/setup', async (ctx) => {
    const visitor = await door.mayChange(ctx);
    if (!visitor) return;
    const { user, session } = visitor;
    const form = CodeForm.parse(ctx.request.body ?? {});
    const offer = totp.reopen(user, await issuerName(), session.uid, form.offer);
    // Made in another session, or for somebody else: a new one.
    if (!offer) return seeOther(ctx, `${ctx.state.prefix}${page}/setup`);
    if (!form.code) return setUp(ctx, visitor, offer, 'missing_code');
    const added = await ownFactors.addTotp(user, offer, form.code.slice(0, 64), visitor.stands);
    if (!added) return setUp(ctx, visitor, offer, 'wrong_code');
    // Shown now or never: an address to go on to could not carry them.
    if (added.codes) return door.show(ctx, visitor, 'security/new-codes', { codes: added.codes });
    seeOther(ctx, `${ctx.state.prefix}${page}?done=totp_added`);
  });

  router.post('/security/totp/remove', async (ctx) => {
    const visitor = await door.mayChange(ctx, { back: page });
    if (!visitor) return;
    try {
      await ownFactors.removeTotp(visitor.user, visitor.stands);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 409) throw error;
      return show(ctx, visitor, error.code);
    }
    seeOther(ctx, `${ctx.state.prefix}/account/security?done=totp_removed`);
  });

  router.get('/security/recovery-codes', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const { totp: app, passkeys, recovery_codes: left } = await deps.secondFactors.of(visitor.user.id);
    const actions = { submit: `${ctx.state.prefix}/account/security/recovery-codes` };
    await door.show(ctx, visitor, 'security/recovery-codes', { left, factor: app || passkeys.length > 0, actions });
  });

  router.post('/security/recovery-codes', async (ctx) => {
    const visitor = await door.mayChange(ctx);
    if (!visitor) return;
    await door.show(ctx, visitor, 'security/new-codes', {
      codes: await ownFactors.renewCodes(visitor.user, visitor.stands),
    });
  });

  async function show(ctx: Context, visitor: Visitor, problem?: string): Promise<void> {
    const at = `${ctx.state.prefix}${page}`;
    const has = await totp.has(visitor.user.id);
    const data = {
      has,
      error: problem && { code: problem },
      actions: { setup: `${at}/setup`, remove: `${at}/remove` },
    };
    await door.show(ctx, visitor, 'security/totp', data, { status: problem ? 409 : 200 });
  }

  async function setUp(ctx: Context, visitor: Visitor, offer: TotpOffer, problem?: string): Promise<void> {
    const data = {
      totp: {
        secret: offer.secret.replaceAll(/(.{4})(?=.)/g, '$1 '),
        qr: await qrCode(offer.uri),
        offer: offer.sealed,
      },
      error: problem && { code: problem },
      actions: { submit: `${ctx.state.prefix}${page}/setup` },
    };
    await door.show(ctx, visitor, 'security/totp-setup', data, { status: problem ? 422 : 200 });
  }
}
