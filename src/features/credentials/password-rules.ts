// Which passwords may be chosen in this tenant, and how strong one is.
import { invalid } from '../../platform/errors.js';
import type { Strength } from '../../platform/strength.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { PasswordHasher } from './password-hasher.js';
import { contextWords, type PasswordContext, type PasswordProblem, passwordProblem } from './password-policy.js';

export interface PasswordAdvice {
  strength: Strength;
  /** Why it would be refused. */
  problem?: PasswordProblem;
}

export class PasswordRules {
  constructor(
    private readonly tenants: TenantService,
    private readonly hasher: PasswordHasher,
  ) {}

  /** @throws AppError 422 that says why the password cannot be chosen. */
  async check(password: string, person: { email: string }): Promise<void> {
    const problem = passwordProblem(password, await this.contextOf(person));
    if (problem) throw invalid('This password cannot be used', [{ pointer: '/password', message: problem }]);
  }

  /** Advice for whoever chooses; what is refused anyway is weak. @throws AppError 503 where there is no room. */
  async strength(password: string, person: { email: string }): Promise<PasswordAdvice> {
    const context = await this.contextOf(person);
    const problem = passwordProblem(password, context);
    if (problem) return { strength: 'weak', problem };
    return { strength: await this.hasher.strength(password, contextWords(context)) };
  }

  /** Characters that a password has at least. */
  async minLength(): Promise<number> {
    return (await this.tenants.current()).settings.authentication.password_min_length;
  }

  private async contextOf({ email }: { email: string }): Promise<PasswordContext> {
    const { name, settings } = await this.tenants.current();
    const names = [name, settings.branding.company_name ?? ''];
    return { email, names, minLength: settings.authentication.password_min_length };
  }
}
