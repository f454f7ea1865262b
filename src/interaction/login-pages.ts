// The pages on which somebody says who they are: their name, and their password, on two pages or one, with whatever else is taken in its place.

import type { PasskeyCeremonies } from '../features/credentials/passkey-ceremonies.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { AuthenticationPolicy, FirstFactor } from '../features/tenants/authentication-policy.js';
import { clientKey, type Limiter } from '../platform/rate-limit.js';
import { answerOf, type Problem } from './asking.js';
import type { CaptchaPage, CaptchaQuestion } from './captcha.js';
import { passkeyOffer } from './passkey.js';
import { departure, type Realms } from './realms.js';
import { takesWay } from './steps.js';
import type { Stage, Visit } from './visit.js';

export interface LoginPagesDependencies {
  passkeys: PasskeyCeremonies;
  passwords: Pick<PasswordService, 'failures'>;
  policy: () => Promise<AuthenticationPolicy>;
  captcha: CaptchaQuestion;
  layout: () => Promise<'two_pages' | 'one_page'>;
  realms: Realms;
}

export class LoginPages {
  constructor(
    private readonly stage: Stage,
    private readonly deps: LoginPagesDependencies,
    /** Of whom it is counted how often they failed. */
    private readonly failures: Pick<Limiter, 'peek'>,
  ) {}

  async takes({ need }: Visit, way: FirstFactor): Promise<boolean> {
    return takesWay(need, await this.deps.policy(), way);
  }

  async hasPasswordPage(visit: Visit): Promise<boolean> {
    return (await this.deps.layout()) === 'two_pages' && (await this.takes(visit, 'password'));
  }

  async refuse(visit: Visit, identifier: string, error: Problem): Promise<void> {
    if (await this.hasPasswordPage(visit)) return this.askPassword(visit, identifier, error);
    return this.askName(visit, identifier, error);
  }

  async askName(visit: Visit, username: string | undefined, error?: Problem): Promise<void> {
    const onePage = !(await this.hasPasswordPage(visit));
    const byPassword = await this.takes(visit, 'password');
    const actions = {
      submit: `${visit.base}/login`,
      forgotten: forgottenPassword(visit),
      register: visit.registration && visit.need.kind !== 'way' ? `${visit.base}?with=register` : undefined,
    };
    const passkey = (await this.takes(visit, 'passkey')) ? await passkeyOffer(this.deps.passkeys, visit) : undefined;
    const captcha = onePage && username ? await this.question(visit, username) : undefined;
    const letters = onePage ? await this.letters(visit) : {};
    const another = visit.need.kind === 'way' && (visit.need.own ? 'own' : 'organization');
    const moved = visit.interaction.prompt.reasons.includes('session_moved');
    const providers = (await this.deps.realms.buttons(visit)).map((one) => ({
      ...one,
      action: departure(visit, one.key),
    }));
    const linking = visit.progress.linking?.name;
    await this.stage.show(
      visit,
      'identifier',
      {
        username,
        error,
        onePage,
        byPassword,
        passkey,
        captcha,
        moved,
        another,
        providers,
        linking,
        ...letters,
        actions,
      },
      { ...answerOf(error), widget: captcha?.origin },
    );
  }

  async askPassword(visit: Visit, username: string, error?: Problem): Promise<void> {
    const actions = {
      submit: `${visit.base}/login`,
      back: `${visit.base}?identify`,
      forgotten: forgottenPassword(visit),
    };
    const captcha = await this.question(visit, username);
    const initials = [...username][0]?.toUpperCase() ?? '';
    await this.stage.show(
      visit,
      'password',
      {
        username,
        initials,
        error,
        captcha,
        linking: visit.progress.linking?.name,
        ...(await this.letters(visit)),
        actions,
      },
      { ...answerOf(error), widget: captcha?.origin },
    );
  }

  /** What can be sent in place of a password. */
  private async letters(visit: Visit): Promise<{ byEmail: boolean; byLink: boolean }> {
    return { byEmail: await this.takes(visit, 'email_code'), byLink: await this.takes(visit, 'magic_link') };
  }

  async question(visit: Visit, identifier: string): Promise<CaptchaPage | undefined> {
    if (!this.deps.captcha.exists) return undefined;
    const { limit, remaining } = await this.failures.peek(clientKey(visit.ctx.state.ip));
    return this.deps.captcha.page(await this.deps.passwords.failures(identifier), limit - remaining);
  }
}

const forgottenPassword = ({ ctx }: Visit) => `${ctx.state.prefix}/forgotten-password`;
