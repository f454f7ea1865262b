// The redirect URI of the account client: the sign-in is over, one way or the other, and the browser goes on to the page it came from.
import type Router from '@koa/router';
import { badRequest } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import type { AccountDoor } from './door.js';
import type { WayBack } from './way-back.js';

export function signedInRoutes(router: Router, door: AccountDoor, wayBack: WayBack): void {
  router.get('/signed-in', async (ctx) => {
    const { state, error } = ctx.query;
    const path = wayBack.open(state);
    // Nothing of the answer is believed: who is signed in is read from the session. Where nobody is, asking again would go in circles.
    if (!path || !(await door.known(ctx)))
      throw badRequest('interaction_expired', error ? 'The sign-in was not finished' : 'Nobody is signed in here');
    seeOther(ctx, `${ctx.state.prefix}${path}`);
  });
}
