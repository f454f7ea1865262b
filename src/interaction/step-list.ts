// Every step of a sign-in, by its name.
import type { EmailVerification } from '../features/accounts/email-verification.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { OrganizationAccess } from '../features/organization-access/organization-access.js';
import type { Engine } from '../features/protocol/engine.js';
import type { Grants } from '../features/protocol/grants.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import type { UserService } from '../features/users/user.service.js';
import type { AddPasskeyDependencies, AddPasskeyStep } from './add-passkey.js';
import { ChangePasswordStep } from './change-password.js';
import { type ConfirmationDependencies, ConfirmationStep } from './confirmation.js';
import { ConsentStep } from './consent.js';
import { type EmailCodeDependencies, EmailCodeStep } from './email-code.js';
import { type EnrolmentDependencies, EnrolmentStep, RecoveryCodesStep } from './enrolment.js';
import type { Federation } from './federation.js';
import { LinkStep } from './link.js';
import { type LoginDependencies, LoginStep } from './login.js';
import { OrganizationStep } from './organization.js';
import { type RegisterDependencies, RegisteredStep, RegisterStep } from './register.js';
import { type SecondFactorDependencies, SecondFactorStep } from './second-factor.js';
import { SelectAccountStep } from './select-account.js';
import type { StepName } from './steps.js';
import type { Stage, Step, Visit } from './visit.js';

export interface StepDependencies
  extends LoginDependencies,
    RegisterDependencies,
    EmailCodeDependencies,
    SecondFactorDependencies,
    ConfirmationDependencies,
    EnrolmentDependencies,
    AddPasskeyDependencies {
  engine: Engine;
  emailVerification: EmailVerification;
  passwords: PasswordService;
  secondFactors: SecondFactors;
  grants: Grants;
  resources: ResourceService;
  users: UserService;
  organizationAccess: OrganizationAccess;
}

/** @param finish where an account was chosen, no other step comes before the end. */
export const createSteps = (
  stage: Stage,
  deps: StepDependencies,
  addPasskey: AddPasskeyStep,
  federation: Federation,
  finish: (visit: Visit) => Promise<void>,
): Record<StepName, Step> => ({
  select_account: new SelectAccountStep(stage, deps.engine, deps.users, (visit) =>
    finish({ ...visit, progress: { proofs: [] } }),
  ),
  login: new LoginStep(stage, deps),
  register: new RegisterStep(stage, deps),
  registered: new RegisteredStep(stage, deps.emailVerification),
  email_code: new EmailCodeStep(stage, deps),
  change_password: new ChangePasswordStep(stage, deps),
  second_factor: new SecondFactorStep(stage, deps),
  confirmation: new ConfirmationStep(stage, deps),
  enrolment: new EnrolmentStep(stage, deps),
  recovery_codes: new RecoveryCodesStep(stage),
  link: new LinkStep(stage, federation),
  add_passkey: addPasskey,
  organization: new OrganizationStep(stage, deps.engine, deps.organizationAccess, deps.users),
  consent: new ConsentStep(stage, deps),
});
