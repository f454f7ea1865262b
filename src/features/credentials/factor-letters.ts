// Tells the owner of an account by mail that a way to prove themselves came or went (NIST SP 800-63B-4 §4.6), with a way to stop it.
import type { Clock } from '../../platform/clock.js';
import type { MailService } from '../mail/mail.service.js';
import type { MailTemplates } from '../mail/mail.templates.js';
import type { User } from '../users/user.entity.js';

type Factor = MailTemplates['factor_added']['factor'];

/** So few are soon none. */
const FEW = 3;

export interface FactorLinks {
  /** For whoever did not do it: closes the account to everybody. */
  lockdown(user: User): Promise<string>;
  /** Where recovery codes are made. */
  recoveryCodes(): Promise<string>;
}

export class FactorLetters {
  constructor(
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
    private readonly links: FactorLinks,
  ) {}

  /** These join the transaction of the change. */
  added = (user: User, factor: Factor, name?: string): Promise<void> => this.tell('factor_added', user, factor, name);
  removed = (user: User, factor: Factor, name?: string): Promise<void> =>
    this.tell('factor_removed', user, factor, name);

  /** One was used. @param left how many are not. */
  async used(user: User, left: number): Promise<void> {
    if (left > FEW) return;
    const data = { left, link: await this.links.recoveryCodes() };
    await this.mail.send('recovery_codes_low', user.email, data, user.claims.locale);
  }

  private async tell(
    letter: 'factor_added' | 'factor_removed',
    user: User,
    factor: Factor,
    name?: string,
  ): Promise<void> {
    const data = {
      factor,
      ...(name === undefined ? {} : { name }),
      at: this.clock.now().toISOString(),
      link: await this.links.lockdown(user),
    };
    await this.mail.send(letter, user.email, data, user.claims.locale);
  }
}
