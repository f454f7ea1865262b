// The page behind a sign-in link. In the browser that asked for it the sign-in goes on; any other one is shown a code to type there, and signs
// nobody in.
// Hands off to: MagicLinks; the interaction it was asked for in, at its own address, which alone its cookie reaches.
import type Router from '@koa/router';
import type { MagicLinks } from '../features/accounts/magic-links.js';
import { invalidLink } from '../features/one-time-tokens/one-time-token.service.js';
import { createLinkPage, type LinkSurroundings } from './link-page.js';

export const createSignInLinkRouter = (
  surroundings: LinkSurroundings,
  { magicLinks }: { magicLinks: Pick<MagicLinks, 'peek' | 'open'> },
): Router =>
  createLinkPage(surroundings, {
    path: '/sign-in-link',
    async show(token, ctx) {
      const found = await magicLinks.peek(token, undefined);
      if (!found) return undefined;
      if (ctx.query.elsewhere) return { view: 'sign-in-link/elsewhere', data: {} };
      const query = new URLSearchParams({ token });
      return { address: `${ctx.state.prefix}/interaction/${found.flow}/sign-in-link?${query}` };
    },
    // The code is in this answer and nowhere else: an address would keep it.
    async redeem(token) {
      const opened = await magicLinks.open(token, undefined);
      if (opened.outcome !== 'elsewhere') throw invalidLink();
      return { view: 'sign-in-link/code', data: { code: opened.code } };
    },
  });
