// How unlike the others a sign-in is: decided once, as soon as somebody has proved something, and kept with what they have proved.
// Hands off to: SignInWatch for what is unusual, needOf() for what is asked then.
import type { Context } from 'koa';
import type { Proof } from '../features/authentication/assurance.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { Engine } from '../features/protocol/engine.js';
import type { Risk } from '../features/risk/assess.js';
import type { SignInWatch } from '../features/risk/sign-in-watch.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import type { UserService } from '../features/users/user.service.js';
import { heldHandles } from './device-cookie.js';
import { standsSince } from './standing.js';
import type { Progress } from './steps.js';

export interface SignInRiskDependencies {
  engine: Engine;
  signInWatch: SignInWatch;
  passwords: Pick<PasswordService, 'settle'>;
  users: UserService;
  policy: () => Promise<AuthenticationPolicy>;
}

export class SignInRisk {
  constructor(private readonly deps: SignInRiskDependencies) {}

  /** Where the tenant wants it to be followed. Whoever only adds to what their session stands on was weighed when it began. */
  async weighed(ctx: Context, progress: Progress): Promise<Progress> {
    const { user_id, proofs, from_session, risk } = progress;
    if (!user_id || proofs.length === 0 || from_session || risk?.user_id === user_id) return progress;
    const user = await this.deps.users.findActive(user_id);
    if (!user) return progress;
    if ((await this.deps.policy()).risk.action !== 'enforce') return progress;
    const found = await this.weigh(ctx, user, progress);
    // Noted where it is decided: nobody has to open the page that says so.
    if (found.decision === 'deny') await this.denied(user, found);
    const weighed = { ...progress, risk: { ...found, user_id } };
    await this.deps.engine.remember(ctx.req, ctx.res, weighed);
    return weighed;
  }

  /** A code to the verified address can still tell something: it was not asked yet, and the mailbox is not what the sign-in began with. */
  async canConfirm({ user_id, proofs, confirmation }: Progress): Promise<boolean> {
    if (!user_id || confirmation === 'given' || proofs.some(isOfMailbox)) return false;
    return (await this.deps.users.findActive(user_id))?.emailVerified ?? false;
  }

  /** @returns what the browser is to hold where it is new. */
  async admitted(ctx: Context, user: User, progress: Progress): Promise<string | undefined> {
    const risk = progress.risk ?? (await this.weigh(ctx, user, progress));
    if (progress.password?.failures) await this.deps.passwords.settle(user);
    return this.deps.signInWatch.admitted(user, heldHandles(ctx), risk, standsSince(progress));
  }

  /** The denial stands for what failed before it, which is not counted twice. */
  private async denied(user: User, risk: Risk): Promise<void> {
    await this.deps.signInWatch.denied(user, risk);
    await this.deps.passwords.settle(user);
  }

  private async weigh(ctx: Context, user: User, { password }: Progress): Promise<Risk> {
    const { risk } = await this.deps.policy();
    return this.deps.signInWatch.weigh(user, heldHandles(ctx), password?.failures ?? 0, risk);
  }
}

/** What is to be followed. */
export const decisionOf = ({ risk }: Progress): Risk['decision'] => risk?.decision ?? 'allow';

const isOfMailbox = ({ method }: Proof): boolean => method === 'email_code' || method === 'magic_link';
