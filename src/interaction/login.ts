// The account's name and its password, on two pages or one, a code or a link by e-mail instead, or a passkey that says both: the same step.
import type { EmailCodes } from '../features/accounts/email-codes.js';
import type { MagicLinks } from '../features/accounts/magic-links.js';
import { isRequired } from '../features/connections/home-realm.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { AppError } from '../platform/errors.js';
import type { CounterHandle } from '../platform/metrics.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';
import { limited, refusalOf } from './asking.js';
import { sendLetter } from './email-code.js';
import { expectedName } from './expected-name.js';
import { LoginPages, type LoginPagesDependencies } from './login-pages.js';
import { authenticated, proofOf } from './passkey.js';
import { firstProof, type Progress } from './steps.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

export interface LoginDependencies extends LoginPagesDependencies {
  passwords: PasswordService;
  emailCodes: EmailCodes;
  magicLinks: MagicLinks;
  users: UserService;
  clock: Clock;
  rateLimits: RateLimits;
  signIns: CounterHandle<'outcome'>;
  limits: { signInFailures: { points: number; seconds: number } };
}

export class LoginStep implements Step {
  private readonly failures;
  private readonly pages;

  constructor(
    private readonly stage: Stage,
    private readonly deps: LoginDependencies,
  ) {
    this.failures = deps.rateLimits.limiter({ name: 'sign_in', ...deps.limits.signInFailures });
    this.pages = new LoginPages(stage, deps, this.failures);
  }

  async show(visit: Visit): Promise<void> {
    const { ctx, progress } = visit;
    const { realms } = this.deps;
    const { identifier } = progress;
    const hint = await realms.hinted(visit);
    if (hint) return realms.go(visit, hint);
    const named = identifier !== undefined && !('identify' in ctx.query);
    if (named && (await this.pages.hasPasswordPage(visit)) && !(await realms.isElsewhere(visit, identifier)))
      return this.pages.askPassword(visit, identifier);
    return this.pages.askName(visit, identifier ?? (await expectedName(visit, this.deps.users)));
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const passkey = field(form, 'passkey');
    if (passkey) return this.byPasskey(visit, passkey);
    const identifier = field(form, 'username') ?? visit.progress.identifier;
    const password = field(form, 'password');
    if (!identifier) return this.pages.askName(visit, undefined, { code: 'missing_username' });
    if (identifier.length > 320) return this.pages.askName(visit, undefined, { code: 'invalid_username' });
    const realm = await this.deps.realms.leading(visit, identifier);
    const asksHere = password !== undefined || field(form, 'with') !== undefined;
    // Where the identity provider alone is believed, whatever was sent beside the name is not looked at.
    if (realm && (isRequired(realm) || !asksHere))
      return this.deps.realms.go(visit, realm.key, { ...named(visit.progress), identifier });
    const letter = (['email_code', 'magic_link'] as const).find((way) => way === field(form, 'with'));
    if (letter && (await this.pages.takes(visit, letter))) return this.sendLetter(visit, identifier, letter);
    // Where nobody comes in with a password, none is looked at.
    if (!(await this.pages.takes(visit, 'password')))
      return this.pages.askName(visit, identifier, { code: 'password_not_taken' });
    if (!password) {
      if ('password' in form) return this.pages.refuse(visit, identifier, { code: 'missing_password' });
      return this.stage.remember(visit, { ...named(visit.progress), identifier });
    }
    return this.verify(visit, identifier, password, form);
  }

  private async byPasskey(visit: Visit, text: string): Promise<void> {
    const address = clientKey(visit.ctx.state.ip);
    const { progress } = visit;
    const { passkeys, signIns, clock } = this.deps;
    const since = clock.now();
    const looking = this.counted(address, async () => {
      const result = (await this.pages.takes(visit, 'passkey'))
        ? await authenticated(passkeys, visit, text)
        : undefined;
      return { result, failed: result === undefined };
    });
    const refused = await limited(looking);
    if (refused) return this.pages.askName(visit, progress.identifier, refused);
    const { result } = await looking;
    signIns.add({ outcome: result ? 'ok' : 'passkey_failed' });
    if (result) {
      const proof = proofOf(result, since);
      return this.stage.remember(visit, firstProof(progress, result.user.id, proof, since));
    }
    return this.pages.askName(visit, progress.identifier, { code: 'passkey_failed' });
  }

  private async sendLetter(visit: Visit, identifier: string, letter: 'email_code' | 'magic_link'): Promise<void> {
    const sending = sendLetter(this.deps, identifier, visit.interaction.uid, letter);
    const refused = await limited(sending);
    if (refused) return this.pages.refuse(visit, identifier, refused);
    await this.stage.remember(visit, { ...named(visit.progress), identifier, [await sending]: true });
  }

  private async verify(visit: Visit, identifier: string, password: string, form: Form): Promise<void> {
    const address = clientKey(visit.ctx.state.ip);
    const outcome = (name: string) => this.deps.signIns.add({ outcome: name });
    try {
      const asked = (await this.pages.question(visit, identifier)) !== undefined;
      // Looking takes a while: what is changed or ended meanwhile comes after the proof.
      const since = this.deps.clock.now();
      const { result } = await this.counted(address, async () => {
        if (asked && !(await this.deps.captcha.passes(form, visit))) return { result: undefined, failed: true };
        const result = await this.deps.passwords.verify(identifier, password);
        return { result, failed: result.outcome !== 'ok' };
      });
      outcome(result?.outcome ?? 'captcha_required');
      if (!result) return await this.pages.refuse(visit, identifier, { code: 'captcha_required' });
      if (result.outcome === 'ok') {
        const proof = { method: 'password' as const, at: epochSeconds(since) };
        return await this.stage.remember(visit, {
          ...firstProof({ ...named(visit.progress), identifier }, result.user.id, proof, since),
          password: { must_change: result.mustChange, set_at: result.changedAt.getTime(), failures: result.failures },
          can_passkey: field(form, 'can_passkey') === 'yes',
        });
      }
      if (result.outcome === 'failed') return await this.pages.refuse(visit, identifier, { code: 'failed' });
      const wait = Math.max(1, (result.until.getTime() - this.deps.clock.now().getTime()) / 1000);
      return await this.pages.refuse(visit, identifier, { code: 'locked', seconds: wait });
    } catch (error) {
      const refused = refusalOf(error);
      outcome(refused.code);
      return this.pages.refuse(visit, identifier, refused);
    }
  }

  /**
   * Counted for the address before it is looked at, and given back unless it failed: parallel tries get no more than their share. What is refused
   * was not looked at and does not count either. @throws AppError 429
   */
  private async counted<T extends { failed: boolean }>(address: string, look: () => Promise<T>): Promise<T> {
    // A credit that could not be given is no reason to take the answer away.
    const giveBack = () => this.failures.reward(address).catch(() => undefined);
    await this.failures.consume(address).catch(async (error: unknown) => {
      if (error instanceof AppError && error.status === 429) await giveBack();
      throw error;
    });
    let failed = false;
    try {
      const looked = await look();
      failed = looked.failed;
      return looked;
    } finally {
      if (!failed) await giveBack();
    }
  }
}

/** Somebody says anew who they are: what was sent for that is forgotten. */
const named = ({ registered, ...progress }: Progress): Progress => ({
  ...progress,
  email_code: undefined,
  magic_link: undefined,
  going: undefined,
  ...(registered ? { registered: { ...registered, waiting: false } } : {}),
});
