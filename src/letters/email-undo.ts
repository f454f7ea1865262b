// The page behind the link by which the old mailbox takes a change of address back. Hands off to: EmailChange; the link it gives proved the mailbox,
// what follows is the choice of a password.
import type Router from '@koa/router';
import type { EmailChange } from '../features/accounts/email-change.js';
import { createLinkPage, type LinkSurroundings } from './link-page.js';

export const createEmailUndoRouter = (
  surroundings: LinkSurroundings,
  { emailChange }: { emailChange: Pick<EmailChange, 'peekUndo' | 'undo'> },
): Router =>
  createLinkPage(surroundings, {
    path: '/email-undo',
    async show(token) {
      const found = await emailChange.peekUndo(token);
      return found && { view: 'email-undo/confirm', data: { email: found.email } };
    },
    redeem: async (token) => ({ address: await emailChange.undo(token) }),
  });
