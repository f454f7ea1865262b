// The account's name and its password: two pages or one, the same step.
import { limits } from '../../config/protocol.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { UserService } from '../features/users/user.service.js';
import { epochSeconds, type Clock } from '../platform/clock.js';
import { AppError } from '../platform/errors.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';
import { field, type Form, type Stage, type Step, text, type Visit } from './visit.js';

interface Problem {
  code: string;
  seconds?: number;
}

export class LoginStep implements Step {
  private readonly failures;

  constructor(
    private readonly stage: Stage,
    private readonly passwords: PasswordService,
    private readonly users: UserService,
    private readonly layout: () => Promise<'two_pages' | 'one_page'>,
    private readonly clock: Clock,
    rateLimits: RateLimits,
  ) {
    this.failures = rateLimits.limiter({ name: 'sign_in', ...limits.signInFailures });
  }

  async show(visit: Visit): Promise<void> {
    const { ctx, progress } = visit;
    const named = progress.identifier !== undefined && !('identify' in ctx.query);
    if (named && (await this.layout()) === 'two_pages') return this.askPassword(visit, progress.identifier as string);
    return this.askName(visit, progress.identifier ?? (await this.expectedName(visit)));
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const identifier = field(form, 'username') ?? visit.progress.identifier;
    const password = field(form, 'password');
    if (!identifier) return this.askName(visit, undefined, { code: 'missing_username' });
    if (identifier.length > 320) return this.askName(visit, undefined, { code: 'invalid_username' });
    if (!password) {
      if (visit.progress.identifier === identifier || 'password' in form) return this.refuse(visit, identifier, { code: 'missing_password' });
      return this.stage.remember(visit, { ...visit.progress, identifier });
    }
    return this.verify(visit, identifier, password);
  }

  private async verify(visit: Visit, identifier: string, password: string): Promise<void> {
    const address = clientKey(visit.ctx.state.ip);
    try {
      const { remaining, seconds } = await this.failures.peek(address);
      if (remaining === 0) return await this.refuse(visit, identifier, { code: 'too_many_requests', seconds }, 429);
      const result = await this.passwords.verify(identifier, password);
      if (result.outcome === 'ok') {
        const proof = { user_id: result.user.id, amr: ['pwd'], ts: epochSeconds(this.clock.now()), must_change: result.mustChange };
        return await this.stage.remember(visit, { ...visit.progress, identifier, proof });
      }
      await this.failures.consume(address);
      if (result.outcome === 'failed') return await this.refuse(visit, identifier, { code: 'failed' });
      const wait = Math.max(1, (result.until.getTime() - this.clock.now().getTime()) / 1000);
      return await this.refuse(visit, identifier, { code: 'locked', seconds: wait });
    } catch (error) {
      if (!(error instanceof AppError) || (error.status !== 429 && error.status !== 503)) throw error;
      const problem = { code: error.status === 429 ? 'too_many_requests' : 'busy', seconds: error.details.retryAfter ?? 0 };
      return this.refuse(visit, identifier, problem, error.status);
    }
  }

  private async refuse(visit: Visit, identifier: string, error: Problem, status = 422): Promise<void> {
    if ((await this.layout()) === 'two_pages') return this.askPassword(visit, identifier, error, status);
    return this.askName(visit, identifier, error, status);
  }

  private async askName(visit: Visit, username: string | undefined, error?: Problem, status = error ? 422 : 200): Promise<void> {
    const onePage = (await this.layout()) === 'one_page';
    const actions = { submit: `${visit.base}/login` };
    await this.stage.show(visit, 'identifier', { username, error, onePage, actions }, { status, retryAfter: retryAfter(status, error) });
  }

  private async askPassword(visit: Visit, username: string, error?: Problem, status = error ? 422 : 200): Promise<void> {
    const actions = { submit: `${visit.base}/login`, back: `${visit.base}?identify` };
    const initials = [...username][0]?.toUpperCase() ?? '';
    await this.stage.show(visit, 'password', { username, initials, error, actions }, { status, retryAfter: retryAfter(status, error) });
  }

  /** login_hint (OpenID Connect Core §3.1.2.1), or whoever is signed in and is asked again. */
  private async expectedName({ interaction, progress }: Visit): Promise<string | undefined> {
    const hint = text(interaction.params.login_hint);
    if (hint || !interaction.session || progress.other_account) return hint?.slice(0, 320);
    return (await this.users.findActive(interaction.session.accountId))?.email;
  }
}

const retryAfter = (status: number, error: Problem | undefined) => (status === 429 || status === 503 ? error?.seconds : undefined);
