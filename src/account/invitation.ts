// Where an invitation that was accepted in this browser comes to its end: whoever is signed in with the address that was invited joins at once, whoever
// is not signs in or makes an account first. That it was accepted was said by a form, and nothing but the cookie of that form leads here.
// Hands off to: InvitationAnswers; the sign-in; EmailVerification where the address is not proved yet.
import type Router from '@koa/router';
import type { Context } from 'koa';
import type { EmailVerification } from '../features/accounts/email-verification.js';
import type { InvitationAnswers, Offered } from '../features/invitations/invitation-answers.js';
import type { KeptInvitations } from '../features/invitations/kept-invitation.js';
import { AppError, badRequest } from '../platform/errors.js';
import type { Pages } from '../platform/page.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';

export interface InvitationDependencies {
  invitationAnswers: Pick<InvitationAnswers, 'peek' | 'wayIn' | 'accept'>;
  keptInvitations: KeptInvitations;
  emailVerification: Pick<EmailVerification, 'resend'>;
  pages: Pages;
}

interface Kept extends Offered {
  token: string;
}

const here = '/account/invitation';

/** What the page has words for (invitation.refused.<code>). */
const REASONS = new Set([
  'other_address',
  'address_not_proved',
  'domain_not_allowed',
  'already_member',
  'offer_outdated',
]);

export function invitationRoutes(router: Router, door: AccountDoor, deps: InvitationDependencies): void {
  const { invitationAnswers, keptInvitations, emailVerification, pages } = deps;

  router.get('/invitation', async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    const kept = await keptIn(ctx);
    const visitor = await door.known(ctx);
    if (!visitor) return goIn(ctx, kept);
    try {
      const organization = await invitationAnswers.accept(kept.token, visitor.user, visitor.stands);
      forget(ctx);
      await pages.send(ctx, 'invitation/joined', {
        organization: organization.name,
        base: `${ctx.state.prefix}/account`,
      });
    } catch (error) {
      if (!(error instanceof AppError) || !REASONS.has(error.code)) throw error;
      await refuse(ctx, visitor, kept, error.code);
    }
  });

  router.post('/invitation/sign-in', async (ctx) => {
    if (!(await door.mayChange(ctx, { fresh: ANY_TIME, back: here }))) return;
    const { invitation } = await keptIn(ctx);
    door.signIn(ctx, here, { login_hint: invitation.email, prompt: 'login' });
  });

  router.post('/invitation/letter', async (ctx) => {
    const visitor = await door.mayChange(ctx, { fresh: ANY_TIME, back: here });
    if (!visitor) return;
    const kept = await keptIn(ctx);
    try {
      await emailVerification.resend(visitor.user.email);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 429) throw error;
      const problem = { code: 'too_many_requests', seconds: error.details.retryAfter };
      return refuse(ctx, visitor, kept, 'address_not_proved', { error: problem });
    }
    await refuse(ctx, visitor, kept, 'address_not_proved', { sent: true });
  });

  /** @throws AppError 400 where this browser has accepted none, or it is good for nothing by now. */
  async function keptIn(ctx: Context): Promise<Kept> {
    const token = keptInvitations.open(ctx.cookies.get(nameOf(ctx)));
    const offered = token && (await invitationAnswers.peek(token));
    if (token && offered) return { ...offered, token };
    forget(ctx);
    throw badRequest('invalid_link', 'This invitation does not work any more');
  }

  async function goIn(ctx: Context, { invitation, organization }: Kept): Promise<void> {
    const way = await invitationAnswers.wayIn(invitation);
    if (way === 'closed')
      return pages.send(ctx, 'invitation/closed', { organization: organization.name }, { status: 403 });
    door.signIn(ctx, here, { login_hint: invitation.email, ...(way === 'register' ? { prompt: 'create' } : {}) });
  }

  async function refuse(
    ctx: Context,
    { user, csrf }: Visitor,
    { invitation, organization }: Kept,
    reason: string,
    more: { sent?: boolean; error?: { code: string; seconds: number | undefined } } = {},
  ): Promise<void> {
    const data = {
      ...more,
      reason,
      organization: organization.name,
      username: user.email,
      invited: invitation.email,
      base: `${ctx.state.prefix}/account`,
      actions: { signIn: `${ctx.state.prefix}${here}/sign-in`, letter: `${ctx.state.prefix}${here}/letter` },
    };
    const status = more.error ? 429 : more.sent ? 200 : 409;
    await pages.send(ctx, 'invitation/refused', data, { status, csrf, retryAfter: more.error?.seconds });
  }

  const nameOf = (ctx: Context): string => keptInvitations.cookie(isSecure(ctx));

  function forget(ctx: Context): void {
    const attributes = `path=/; max-age=0; samesite=lax; httponly${isSecure(ctx) ? '; secure' : ''}`;
    ctx.append('Set-Cookie', `${nameOf(ctx)}=; ${attributes}`);
  }
}

const isSecure = (ctx: Context): boolean => String(ctx.state.origin).startsWith('https:');
