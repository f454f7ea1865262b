// An account is made by whoever will have it (OpenID Connect Initiating User Registration 1.0). Whether the address has one already is told
// to its owner alone, by mail.
// Hands off to: RegistrationService, which makes it; EmailVerification, which sends the letter about it again.
import type { EmailVerification } from '../features/accounts/email-verification.js';
import type { RegistrationService } from '../features/accounts/registration.js';
import { isRequired } from '../features/connections/home-realm.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { AppError } from '../platform/errors.js';
import { answerOf, limited, type Problem, refusalOf } from './asking.js';
import type { CaptchaQuestion } from './captcha.js';
import type { Realms } from './realms.js';
import { type Form, field, type Stage, type Step, text, type Visit } from './visit.js';

interface Typed {
  username?: string | undefined;
  name?: string | undefined;
}

interface Answer {
  error?: Problem;
  reasons?: string[];
}

export interface RegisterDependencies {
  registration: RegistrationService;
  passwords: PasswordService;
  captcha: CaptchaQuestion;
  realms: Realms;
  clock: Clock;
}

export class RegisterStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: RegisterDependencies,
  ) {}

  show(visit: Visit): Promise<void> {
    const hint = text(visit.interaction.params.login_hint)?.slice(0, 320);
    return this.ask(visit, { username: visit.progress.identifier ?? hint }, {});
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { registration, captcha, clock } = this.deps;
    const [username, password, name] = [field(form, 'username'), field(form, 'password'), field(form, 'name')];
    const typed = { username, name };
    if (!username) return this.ask(visit, typed, { error: { code: 'missing_username' } });
    const realm = await this.deps.realms.of(visit, username);
    // Nobody makes an account where an identity provider alone is believed: it makes one with the first sign-in.
    if (realm && isRequired(realm))
      return this.deps.realms.go(visit, realm.key, { ...visit.progress, identifier: username.trim() });
    if (!password) return this.ask(visit, typed, { reasons: ['missing'] });
    if (captcha.exists && !(await captcha.passes(form, visit)))
      return this.ask(visit, typed, { error: { code: 'captcha_required' } });
    try {
      const made = { email: username, password, name, flow: visit.interaction.uid, locale: this.stage.locale(visit) };
      await registration.register(made);
    } catch (error) {
      const answer = error instanceof AppError && answerTo(error);
      if (!answer) throw error;
      return this.ask(visit, typed, answer);
    }
    const registered = { at: epochSeconds(clock.now()), waiting: true };
    await this.stage.remember(visit, { ...visit.progress, identifier: username.trim(), registered });
  }

  private async ask(visit: Visit, typed: Typed, answer: Answer): Promise<void> {
    const { passwords, captcha } = this.deps;
    const question = captcha.always();
    const data = {
      ...typed,
      ...answer,
      captcha: question,
      minLength: await passwords.minLength(),
      actions: {
        submit: `${visit.base}/register`,
        strength: `${visit.base}/strength`,
        signIn: `${visit.base}?with=login`,
      },
    };
    const options = answer.reasons ? { status: 422 } : answerOf(answer.error);
    await this.stage.show(visit, 'register', data, { ...options, widget: question?.origin });
  }
}

/** What a page says about a refusal; undefined where it has no words for it. */
function answerTo(error: AppError): Answer | undefined {
  if (error.status === 429 || error.status === 503) return { error: refusalOf(error) };
  const issues = error.details.issues ?? [];
  if (error.status !== 422 || issues.length === 0) return undefined;
  if (issues.some(({ pointer }) => pointer === '/email')) return { error: { code: 'invalid_username' } };
  if (issues.some(({ pointer }) => pointer === '/name')) return { error: { code: 'invalid_name' } };
  return { reasons: issues.map(({ message }) => message) };
}

/** After it: what to do with the letter; the same page whether or not an account was made. */
export class RegisteredStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly emailVerification: EmailVerification,
  ) {}

  show(visit: Visit): Promise<void> {
    return this.ask(visit);
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { progress, interaction } = visit;
    const { identifier, registered } = progress;
    if (!identifier || !registered) return;
    if (!field(form, 'again'))
      return this.stage.remember(visit, { ...progress, registered: { ...registered, waiting: false } });
    const refused = await limited(this.emailVerification.resend(identifier, interaction.uid));
    if (refused) return this.ask(visit, refused);
  }

  private async ask(visit: Visit, error?: Problem): Promise<void> {
    const data = { username: visit.progress.identifier, error, actions: { submit: `${visit.base}/registered` } };
    await this.stage.show(visit, 'registered', data, answerOf(error));
  }
}
