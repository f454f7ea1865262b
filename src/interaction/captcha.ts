// When a page asks whether a person is there, and whether the answer was good. Without a captcha in the configuration: never.
import type { Captcha } from '../features/captcha/captcha.js';
import type { LockoutState } from '../features/credentials/lockout.js';
import type { LockoutPolicy } from '../features/tenants/tenant.schema.js';
import { type Form, field, type Visit } from './visit.js';

/** What a page needs to show the question. */
export interface CaptchaPage {
  siteKey: string;
  script: string;
  origin: string;
}

export class CaptchaQuestion {
  constructor(
    private readonly captcha: Captcha | undefined,
    private readonly policy: () => Promise<LockoutPolicy>,
  ) {}

  get exists(): boolean {
    return this.captcha !== undefined;
  }

  /** After failures of the account, whether or not it exists, or of the address; and where it was locked within the day. */
  async page(failures: LockoutState, ofAddress = 0): Promise<CaptchaPage | undefined> {
    if (!this.captcha) return undefined;
    const { captcha_after: after } = await this.policy();
    if (failures.failed_count < after && failures.lockout_count === 0 && ofAddress < after) return undefined;
    return this.always();
  }

  /** Each time, where programs would come more often than people. */
  always(): CaptchaPage | undefined {
    if (!this.captcha) return undefined;
    const { siteKey, script, origin } = this.captcha;
    return { siteKey, script, origin };
  }

  /** Of a form, in which the answer comes. */
  get field(): string | undefined {
    return this.captcha?.field;
  }

  async passes(form: Form, { ctx }: Visit): Promise<boolean> {
    if (!this.captcha) return true;
    const { hostname } = new URL(ctx.state.origin);
    return this.captcha.verify(field(form, this.captcha.field) ?? '', ctx.state.ip, hostname);
  }
}
