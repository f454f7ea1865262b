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

/** Nobody yet has no id. */
interface Person {
  email: string;
  id?: string;
}

export class PasswordRules {
  constructor(
    private readonly tenants: TenantService,
    private readonly hasher: PasswordHasher,
    /** What a person's organizations ask for; 0: nothing. */
    private readonly lengthFor: (userId: string) => Promise<number>,
  ) {}

  /** @throws AppError 422 that says why the password cannot be chosen. */
  async check(password: string, person: Person): Promise<void> {
    const problem = passwordProblem(password, await this.contextOf(person));
    if (problem) throw invalid('This password cannot be used', [{ pointer: '/password', message: problem }]);
  }

  /** Advice for whoever chooses; what is refused anyway is weak. @throws AppError 503 where there is no room. */
  async strength(password: string, person: Person): Promise<PasswordAdvice> {
    const context = await this.contextOf(person);
    const problem = passwordProblem(password, context);
    if (problem) return { strength: 'weak', problem };
    return { strength: await this.hasher.strength(password, contextWords(context)) };
  }

  /** Characters that a password has at least; of somebody who is known as many as the strictest of their organizations asks for. */
  async minLength(id?: string): Promise<number> {
    const { password_min_length: least } = (await this.tenants.current()).settings.authentication;
    return id === undefined ? least : Math.max(least, await this.lengthFor(id));
  }

  private async contextOf({ email, id }: Person): Promise<PasswordContext> {
    const { name, settings } = await this.tenants.current();
    const names = [name, settings.branding.company_name ?? ''];
    return { email, names, minLength: await this.minLength(id) };
  }
}
