// The door of the account: who is signed in in this browser, whether that is proof enough for a change, and how pages leave.
// It is a client of the engine like any other, without a code: one authorization request, and the answer is read from the session itself.
import type { Context } from 'koa';
import { routes } from '../../config/protocol.js';
import { assuranceOf, isSinceKnown, MULTI_FACTOR, type Proof } from '../features/authentication/assurance.js';
import { FRESH_SECONDS } from '../features/authentication/freshness.js';
import { ledgerOf, signInOf } from '../features/authentication/ledger.js';
import { hasComeIn } from '../features/authentication/organization-requirement.js';
import { meets } from '../features/authentication/requested-acr.js';
import { needOfChange } from '../features/authentication/requirement.js';
import { ACCOUNT_CLIENT, SIGNED_IN_PATH } from '../features/clients/built-in-clients.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { DomainAuthority } from '../features/domains/domain-authority.js';
import type { Engine, SignedIn } from '../features/protocol/engine.js';
import type { OwnSessions } from '../features/protocol/own-sessions.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { enterActor } from '../platform/context.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { type AppError, unauthorized } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import type { Logger } from '../platform/logger.js';
import type { PageOptions, Pages } from '../platform/page.js';
import { renderProblem } from '../platform/problem.js';
import type { WayBack } from './way-back.js';

/** Who is here, and in which session. */
export interface Visitor {
  user: User;
  session: SignedIn;
  /** For the field `csrf`, or the header x-csrf-token. */
  csrf: string;
  /** In the transaction of a change that gives a way in: whether the session goes on. */
  stands: () => Promise<boolean>;
}

export interface DoorDependencies {
  engine: Pick<Engine, 'session'>;
  users: Pick<UserService, 'findActive' | 'hold'>;
  sessions: Pick<OwnSessions, 'hold'>;
  secondFactors: Pick<SecondFactors, 'of'>;
  domainAuthority: Pick<DomainAuthority, 'ownProofs'>;
  policy: () => Promise<AuthenticationPolicy>;
  wayBack: WayBack;
  csrf: Csrf;
  pages: Pages;
  clock: Clock;
  logger: Logger;
}

/** For changes that need no newer proof than the session itself. */
export const ANY_TIME = Number.POSITIVE_INFINITY;

export interface ChangeOptions {
  /** Not older than this many seconds; ANY_TIME: whatever the session stands on will do. */
  fresh?: number;
  /** Where the browser goes on after a step-up: a path below /account, without the tenant's prefix. */
  back?: string;
}

export class AccountDoor {
  constructor(private readonly deps: DoorDependencies) {}

  /** Who is signed in in this browser. Where nobody is, the browser is sent to the sign-in and back to this address: then undefined. */
  async visitor(ctx: Context, back = ctx.method === 'GET' ? ctx.url : ctx.path): Promise<Visitor | undefined> {
    ctx.set('Cache-Control', 'no-store');
    const found = await this.known(ctx);
    if (!found) this.ask(ctx, back, {});
    return found;
  }

  /** The same without sending anybody anywhere. */
  async known(ctx: Context): Promise<Visitor | undefined> {
    const session = await this.deps.engine.session(ctx.req, ctx.res);
    const user = session && (await this.deps.users.findActive(session.accountId));
    if (!user) return undefined;
    enterActor({ type: 'user', id: user.id });
    const { users, sessions } = this.deps;
    // In this order, as whoever ends them goes.
    const stands = async () => (await users.hold(user)) && sessions.hold(session.uid);
    return { user, session, csrf: this.deps.csrf.token(bindingOf(session)), stands };
  }

  /**
   * For a change: sent from our own page, by whoever is signed in, on a proof that is new and strong enough. Where that is missing, the
   * browser is sent to prove it (303), a program is told how (401): then undefined.
   * @throws AppError 403 `csrf`
   */
  async mayChange(
    ctx: Context,
    { fresh = FRESH_SECONDS, back = ctx.path }: ChangeOptions = {},
  ): Promise<Visitor | undefined> {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const visitor = await this.visitor(ctx, back);
    if (!visitor) return undefined;
    const { csrf } = (ctx.request.body ?? {}) as { csrf?: unknown };
    this.deps.csrf.assert(bindingOf(visitor.session), csrf ?? ctx.get('x-csrf-token'));
    return this.proved(ctx, visitor, { fresh, back });
  }

  /** For a page that shows what only a new proof may show: as mayChange, asked with GET. */
  async proved(
    ctx: Context,
    visitor: Visitor,
    { fresh = FRESH_SECONDS, back = ctx.path }: ChangeOptions = {},
  ): Promise<Visitor | undefined> {
    const missing = await this.missing(visitor, fresh);
    if (!missing) return visitor;
    this.ask(ctx, back, missing);
    return undefined;
  }

  /** The same for what a program has sent already. @throws AppError 401 `step_up_required` */
  async assertProved(ctx: Context, visitor: Visitor): Promise<void> {
    const missing = await this.missing(visitor, FRESH_SECONDS);
    if (missing) throw this.required(ctx, ctx.path, missing);
  }

  /**
   * For what is an organization's, whoever belongs to it: what the identity provider of another one has said opens nothing there. Where nothing else
   * was proved, the browser is sent to prove what this one takes: then false.
   */
  comesIn(ctx: Context, visitor: Visitor, organization: string, back: string): boolean {
    const isThere = isIn(visitor, organization);
    if (!isThere) this.ask(ctx, back, { organization });
    return isThere;
  }

  /** The same for what a program has sent already. @throws AppError 401 `step_up_required` */
  assertIn(ctx: Context, visitor: Visitor, organization: string): void {
    if (!isIn(visitor, organization)) throw this.required(ctx, ctx.path, { organization });
  }

  /** Whether a change would pass that needs a new and strong proof. */
  async isProved(visitor: Visitor): Promise<boolean> {
    return (await this.missing(visitor, FRESH_SECONDS)) === undefined;
  }

  /** Sends the browser to sign in, or to make an account, and back. @param request parameters of OpenID Connect Core §3.1.2.1. */
  signIn(ctx: Context, back: string, request: { login_hint: string; prompt?: 'login' | 'create' }): void {
    this.ask(ctx, back, request);
  }

  /** Renders views/account/NAME.eta. `?done=CODE`, where our own form led here, shows the words account.notices.CODE. */
  show(
    ctx: Context,
    { user, csrf }: Visitor,
    view: string,
    data: object,
    { status = 200, retryAfter }: Pick<PageOptions, 'status' | 'retryAfter'> = {},
  ): Promise<void> {
    const { prefix } = ctx.state;
    const shown = {
      ...data,
      base: `${prefix}/account`,
      signOut: `${prefix}${routes.end_session}`,
      here: view.split('/')[0],
      notice: isFromElsewhere(ctx) ? undefined : noticeOf(ctx.query.done),
      account: { name: user.claims.name ?? user.email, email: user.email, initials: initialsOf(user) },
    };
    const { locale: uiLocales, zoneinfo: timeZone } = user.claims;
    return this.deps.pages.send(ctx, `account/${view}`, shown, { status, retryAfter, csrf, uiLocales, timeZone });
  }

  /** What is still to be proved, in the words of an authorization request (OpenID Connect Core §3.1.2.1). */
  private async missing({ user, session }: Visitor, fresh: number): Promise<Record<string, string> | undefined> {
    if (!Number.isFinite(fresh)) return undefined;
    const { amr, loginTs } = session;
    const [has, policy] = [await this.deps.secondFactors.of(user.id), await this.deps.policy()];
    const stands = signInOf({ amr, ts: loginTs, proofs: session.proofs });
    const proofs = await this.deps.domainAuthority.ownProofs(user, stands);
    const { acr, missing } = needOfChange({ policy, has, proofs });
    const reached = proofs.length === stands.length ? { acr: session.acr, ts: loginTs } : reachedBy(proofs);
    const age = isSinceKnown(proofs) ? epochSeconds(this.deps.clock.now()) - reached.ts : Number.POSITIVE_INFINITY;
    if (age <= fresh && (!missing || meets(reached.acr, MULTI_FACTOR))) return undefined;
    // Where only more is asked, what the session stands on counts; but a sign-in would find nothing to ask where others have said that it was proved.
    const anew = age > fresh || meets(session.acr, MULTI_FACTOR);
    return {
      ...(acr ? { acr_values: acr } : {}),
      ...(anew ? { prompt: 'login', max_age: String(fresh) } : {}),
    };
  }

  private ask(ctx: Context, back: string, more: Record<string, string>): void {
    if (isProgram(ctx)) renderProblem(ctx, this.required(ctx, back, more), this.deps.logger);
    else seeOther(ctx, this.request(ctx, back, more));
  }

  private request(ctx: Context, back: string, more: Record<string, string>): string {
    const { issuer } = ctx.state;
    const request = new URLSearchParams({
      client_id: ACCOUNT_CLIENT,
      response_type: 'none',
      redirect_uri: `${issuer}${SIGNED_IN_PATH}`,
      scope: 'openid',
      state: this.deps.wayBack.state(back),
      ...more,
    });
    return `${issuer}${routes.authorization}?${request}`;
  }

  private required(ctx: Context, back: string, more: Record<string, string>): AppError {
    const { acr_values, max_age } = more;
    const members = {
      location: this.request(ctx, back, more),
      ...(acr_values ? { acr_values } : {}),
      ...(max_age ? { max_age: Number(max_age) } : {}),
    };
    return Object.keys(more).length > 0 ? stepUpRequired(members) : loginRequired(members);
  }
}

/** What is left where an identity provider does not speak for the account: nothing is as good as nothing new. */
const reachedBy = (proofs: readonly Proof[]): { acr: string | undefined; ts: number } =>
  proofs.length > 0 ? assuranceOf(proofs) : { acr: undefined, ts: Number.NEGATIVE_INFINITY };

const isIn = ({ session: { amr, loginTs, proofs } }: Visitor, organization: string): boolean =>
  hasComeIn(ledgerOf({ amr, ts: loginTs, proofs }), organization);

const bindingOf = ({ uid }: SignedIn) => `account:${uid}`;

const loginRequired = (members: Record<string, unknown>) =>
  unauthorized('login_required', 'Nobody is signed in in this browser', undefined, members);
const stepUpRequired = (members: Record<string, unknown>) =>
  unauthorized('step_up_required', 'This needs a newer or stronger proof of who you are', undefined, members);

/** A link on another page, which would say that something was done here (Fetch Metadata Request Headers §2.3). */
const isFromElsewhere = (ctx: Context): boolean => /^(?:cross-site|same-site)$/.test(ctx.get('Sec-Fetch-Site'));

/** Codes have an underscore, which no member of an object's prototype has between small letters. */
const noticeOf = (done: unknown) => (typeof done === 'string' && /^[a-z]+(?:_[a-z]+)+$/.test(done) ? done : undefined);

/** Browsers ask for html by name, or take anything; scripts of pages ask for json alone. */
const isProgram = (ctx: Context): boolean => ctx.path.startsWith('/api/') || ctx.accepts('html', 'json') === 'json';

/** One letter of the first and of the last name, or of the address. */
function initialsOf({ claims, email }: User): string {
  const words = (claims.name ?? '').split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0] ?? email];
  return letters
    .map((word) => [...(word ?? '')][0] ?? '')
    .join('')
    .toUpperCase();
}
