// Links from letters, opened in the browser whose sign-in they belong to: only there does its cookie come along. In any other browser the
// person is sent on to the page that helps them (letters/sign-in-link.ts, letters/verify-email.ts). Opening one uses nothing up.
// Hands off to: MagicLinks and EmailVerification, which know whether a link is good; the dispatcher, which goes on.
import type Router from '@koa/router';
import type { Context } from 'koa';
import type { EmailVerification } from '../features/accounts/email-verification.js';
import type { MagicLinks } from '../features/accounts/magic-links.js';
import { invalidLink } from '../features/one-time-tokens/one-time-token.service.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { Dispatcher } from './dispatcher.js';
import { firstProof, isFirst, noLetters } from './steps.js';
import { type Form, field, type Stage, text, type Visit } from './visit.js';

export interface LinkDependencies {
  magicLinks: MagicLinks;
  emailVerification: EmailVerification;
  policy: () => Promise<AuthenticationPolicy>;
  clock: Clock;
}

/** What each link does, of which the pages and the forms of programs are made. */
export class Links {
  constructor(
    private readonly stage: Stage,
    private readonly deps: LinkDependencies,
  ) {}

  async signInHere(token: string, { interaction }: Visit): Promise<User | undefined> {
    const found = await this.deps.magicLinks.peek(token, interaction.uid);
    return found?.here ? found.user : undefined;
  }

  /** The account was made in this very sign-in, and its address is proved by the link. */
  async verifyHere(token: string, { interaction, progress }: Visit): Promise<User | undefined> {
    const found = await this.deps.emailVerification.peek(token, interaction.uid);
    return found?.here && progress.registered ? found.user : undefined;
  }

  /** @throws AppError 400 where the link is not good here. Out of its turn it does nothing. */
  async signIn(visit: Visit, token: string): Promise<void> {
    const { progress, interaction, need } = visit;
    const { magicLinks, policy, clock } = this.deps;
    // A link is sent in place of a code as well, where codes are paused.
    const taken = (await policy()).first_factors.some((way) => way === 'magic_link' || way === 'email_code');
    if (!isFirst(need) || !taken) return;
    if (!(await this.signInHere(token, visit))) throw invalidLink();
    const opened = await magicLinks.open(token, interaction.uid);
    if (opened.outcome !== 'here') throw invalidLink();
    const proof = { method: 'magic_link' as const, at: epochSeconds(clock.now()) };
    await this.stage.remember(visit, firstProof({ ...progress, ...noLetters }, opened.user.id, proof));
  }

  /**
   * The person chose the password here: with the address proved, that is their sign-in. Where nobody comes in with a password, it is the
   * link that brought them. @throws AppError 400
   */
  async verify(visit: Visit, token: string): Promise<void> {
    const { progress, interaction, need } = visit;
    const { registered } = progress;
    if (need.kind !== 'first_factor' || !registered) return;
    if (!(await this.verifyHere(token, visit))) throw invalidLink();
    const { emailVerification, policy, clock } = this.deps;
    const { user, disowned } = await emailVerification.confirm(token, { flow: interaction.uid });
    if (disowned) throw invalidLink();
    const byPassword = (await policy()).first_factors.includes('password');
    const proofs = byPassword
      ? [{ method: 'password' as const, at: registered.at }]
      : [{ method: 'magic_link' as const, at: epochSeconds(clock.now()) }];
    await this.stage.remember(visit, { ...progress, ...noLetters, user_id: user.id, proofs });
  }
}

export function linkRoutes(router: Router, links: Links, stage: Stage, dispatcher: Dispatcher): void {
  const pages = [
    { path: 'sign-in-link', view: 'sign-in-link', find: 'signInHere', open: 'signIn' },
    { path: 'verify-email', view: 'verify-email', find: 'verifyHere', open: 'verify' },
  ] as const;
  for (const { path, view, find, open } of pages) {
    router.get(`/:uid/${path}`, async (ctx) => {
      const token = text(ctx.query.token) ?? '';
      const visit = await dispatcher.visitOf(ctx).catch(anotherBrowser);
      const user = visit && (await links[find](token, visit));
      if (!visit || !user) return seeOther(ctx, elsewhere(ctx, path, token));
      const data = { token, username: user.email, actions: { submit: `${visit.base}/${path}` } };
      await stage.show(visit, view, data);
    });

    router.post(`/:uid/${path}`, readForm, async (ctx) => {
      const visit = await dispatcher.visitOf(ctx);
      const body = (ctx.request.body ?? {}) as Form;
      dispatcher.guard(visit, body);
      await links[open](visit, field(body, 'token') ?? '');
      seeOther(ctx, visit.base);
    });
  }
}

/** `elsewhere`: or the page there would send it back here. */
const elsewhere = ({ state }: Context, path: string, token: string): string =>
  `${state.prefix}/${path}?${new URLSearchParams({ token, elsewhere: 'yes' })}`;

function anotherBrowser(error: unknown): undefined {
  if (!(error instanceof AppError) || error.status !== 400) throw error;
}
