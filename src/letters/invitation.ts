// The page behind an invitation: who asks, into what, as what. Declining needs no account; accepting goes on in the account door, where it is
// known who somebody is. The page says the same whether or not the address has an account.
// Hands off to: InvitationAnswers; /account/invitation, with the invitation kept in this browser.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { InvitationAnswers } from '../features/invitations/invitation-answers.js';
import { KEPT_SECONDS, type KeptInvitations } from '../features/invitations/kept-invitation.js';
import { invalidLink } from '../features/one-time-tokens/one-time-token.service.js';
import { textField } from '../platform/form.js';
import { createLinkPage, type LinkSurroundings } from './link-page.js';

interface InvitationDependencies {
  invitationAnswers: Pick<InvitationAnswers, 'peek' | 'decline'>;
  keptInvitations: KeptInvitations;
}

const Answer = z.object({ answer: textField });

export function createInvitationRouter(
  surroundings: LinkSurroundings,
  { invitationAnswers, keptInvitations }: InvitationDependencies,
): Router {
  return createLinkPage(surroundings, {
    path: '/invitation',
    async show(token) {
      const offered = await invitationAnswers.peek(token);
      if (!offered) return undefined;
      const { organization, invitation, inviter } = offered;
      const data = { organization: organization.name, role: invitation.role, inviter, message: invitation.message };
      return { view: 'invitation/confirm', data };
    },
    async redeem(token, ctx) {
      if (Answer.parse(ctx.request.body).answer === 'decline') {
        const { name: organization } = await invitationAnswers.decline(token);
        return { view: 'invitation/declined', data: { organization } };
      }
      if (!(await invitationAnswers.peek(token))) throw invalidLink();
      keep(ctx, keptInvitations, token);
      return { address: `${ctx.state.prefix}/account/invitation` };
    },
  });
}

function keep(ctx: Context, kept: KeptInvitations, token: string): void {
  const secure = String(ctx.state.origin).startsWith('https:');
  const attributes = `path=/; max-age=${KEPT_SECONDS}; samesite=lax; httponly${secure ? '; secure' : ''}`;
  // Koa's own cookies refuse `secure` where a proxy speaks https in front of it.
  ctx.append('Set-Cookie', `${kept.cookie(secure)}=${kept.seal(token)}; ${attributes}`);
}
