// The only dispatcher of a sign-in: it finds out where a person is, hands them to the step that is next, and takes them back from there.
// Hands off to: Situation for what is to be proved, nextStep() for the order, the engine for what has been established.
import type { Context } from 'koa';
import type { FactorRecoveries } from '../features/accounts/factor-recovery.js';
import { assuranceOf } from '../features/authentication/assurance.js';
import type { ClientService } from '../features/clients/client.service.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { Devices } from '../features/devices/device.service.js';
import type { OrganizationAccess } from '../features/organization-access/organization-access.js';
import type { Finish } from '../features/protocol/engine.js';
import type { UserService } from '../features/users/user.service.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { badRequest, forbidden } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import type { CounterHandle } from '../platform/metrics.js';
import { AddPasskeyStep } from './add-passkey.js';
import { holdHandle } from './device-cookie.js';
import type { Federation } from './federation.js';
import { decisionOf, SignInRisk, type SignInRiskDependencies } from './sign-in-risk.js';
import { Situation, type SituationDependencies } from './situation.js';
import { createSteps, type StepDependencies } from './step-list.js';
import { nextStep, type StepName, taken } from './steps.js';
import { describeClient, type Form, type Stage, type Step, text, type Visit } from './visit.js';

export interface DispatcherDependencies extends StepDependencies, SituationDependencies, SignInRiskDependencies {
  clients: Pick<ClientService, 'engineMetadata'>;
  organizationAccess: OrganizationAccess;
  users: UserService;
  passwords: PasswordService;
  secondFactors: SecondFactors;
  devices: Devices;
  factorRecoveries: FactorRecoveries;
  csrf: Csrf;
  signIns: CounterHandle<'outcome'>;
}

export class Dispatcher {
  private readonly risk: SignInRisk;
  private readonly situation: Situation;
  private readonly addPasskey: AddPasskeyStep;
  private readonly steps: Record<StepName, Step>;

  constructor(
    stage: Stage,
    private readonly deps: DispatcherDependencies,
    federation: Federation,
  ) {
    this.risk = new SignInRisk(deps);
    this.situation = new Situation(this.risk, deps);
    this.addPasskey = new AddPasskeyStep(stage, deps);
    this.steps = createSteps(stage, deps, this.addPasskey, federation, (visit) => this.finish(visit));
  }

  /** @throws AppError 400 where this browser is in no such sign-in. */
  async visitOf(ctx: Context, uid = String(ctx.params.uid)): Promise<Visit> {
    const { engine, clients, users, policy, csrf } = this.deps;
    const interaction = await engine.interaction(ctx.req, ctx.res);
    // The engine goes by the cookie alone; a cookie set for another path must not lead this address on.
    if (interaction.uid !== uid) throw badRequest('interaction_expired', 'This sign-in was begun in another browser');
    const { progress, need } = await this.situation.of(ctx, interaction);
    return {
      ctx,
      interaction,
      progress,
      need,
      user: async () => (progress.user_id ? users.findActive(progress.user_id) : undefined),
      registration: (await policy()).registration === 'open',
      client: describeClient(interaction, await clients.engineMetadata(interaction.clientId)),
      base: `${ctx.state.prefix}/interaction/${interaction.uid}`,
      csrf: csrf.token(interaction.uid),
    };
  }

  async stepOf({ ctx, interaction, progress, need, registration }: Visit): Promise<StepName | 'finish'> {
    if (decisionOf(progress) === 'deny') return 'finish';
    const { name: prompt } = interaction.prompt;
    const askForPasskey = need.kind === 'nothing' && (await this.addPasskey.isDue(progress));
    const accounts = prompt === 'select_account' ? await this.deps.engine.accounts(ctx.req, ctx.res) : [];
    return nextStep(prompt, progress, {
      accounts: accounts.filter(({ moved }) => !moved).length,
      need,
      registration,
      askForPasskey,
    });
  }

  isOurs({ interaction }: Visit, token: unknown): boolean {
    return this.deps.csrf.verify(interaction.uid, token);
  }

  /** @throws AppError 403 where the form is not one of ours, made for this browser. */
  guard(visit: Visit, body: Form): void {
    assertSameOrigin(visit.ctx.headers, visit.ctx.state.origin);
    if (!this.isOurs(visit, text(body.csrf) ?? ''))
      throw forbidden('other_browser', 'The form was not made for this browser');
  }

  /** The page of the step that is next, or of the one that was asked for in its place. */
  async show(visit: Visit, next: StepName | 'finish'): Promise<void> {
    const step = taken(next, visit.ctx.query.with, visit) ?? next;
    await (step === 'finish' ? this.finish(visit) : this.steps[step].show(visit));
  }

  /** @returns the step that is next, where this one is not to be taken now: out of order, twice, or from the back button. */
  async submit(visit: Visit, step: unknown, form: Form): Promise<StepName | 'finish' | undefined> {
    const next = await this.stepOf(visit);
    const meant = taken(next, step, visit);
    if (meant === undefined || meant === 'finish') return next;
    await this.steps[meant].submit(visit, form);
    return undefined;
  }

  /** The one place where what was established becomes a sign-in. */
  private async finish(visit: Visit): Promise<void> {
    const { ctx, interaction, progress } = visit;
    const { engine, users, factorRecoveries } = this.deps;
    if (decisionOf(progress) === 'deny') return this.deny(visit);
    const { name: prompt } = interaction.prompt;
    const result: Finish = prompt === 'select_account' || prompt === 'create' ? { [prompt]: {} } : {};
    const { user_id: accountId, proofs, since, from_session, federated } = progress;
    if (accountId && proofs.length > 0) {
      if (await this.isSignedInOtherwise(visit, accountId)) await engine.setAside(ctx.req, ctx.res);
      const user = await users.findActive(accountId);
      if (!user)
        return seeOther(ctx, await engine.refuse(ctx.req, ctx.res, 'access_denied', 'the account is not active'));
      const assurance = assuranceOf(proofs);
      const handle = await this.risk.admitted(ctx, user, progress);
      if (handle) holdHandle(ctx, handle);
      // What the session stands on was not shown here.
      await factorRecoveries.signedIn(user, proofs.slice(from_session?.proofs ?? 0));
      await users.signedIn(user, { amr: assurance.amr, clientId: interaction.clientId });
      result.login = {
        accountId,
        ...assurance,
        since,
        proofs,
        proved_in: interaction.uid,
        from_session: from_session?.uid,
        federated,
      };
    }
    seeOther(ctx, await engine.finish(ctx.req, ctx.res, result));
  }

  /** Another person than the one who is signed in, or another session than at the beginning (a second tab): that one is kept, not ended. */
  private async isSignedInOtherwise({ ctx, interaction }: Visit, accountId: string): Promise<boolean> {
    const { session } = interaction;
    const current = (await this.deps.engine.accounts(ctx.req, ctx.res)).find((account) => account.current);
    if (current && current.accountId !== accountId) return true;
    return session !== undefined && session.uid !== current?.sessionUid;
  }

  /** Ends the sign-in of whoever it is too unlikely to be. */
  private async deny({ ctx }: Visit): Promise<void> {
    this.deps.signIns.add({ outcome: 'denied' });
    seeOther(ctx, await this.deps.engine.refuse(ctx.req, ctx.res, 'access_denied', 'the sign-in was refused'));
  }
}
