// For which of their organizations somebody goes on, or that they cannot for the one that was asked for: who is signed in, another account, the way back.
import { type OrganizationAccess, wantedOrganization } from '../features/organization-access/organization-access.js';
import type { Engine } from '../features/protocol/engine.js';
import type { UserService } from '../features/users/user.service.js';
import { seeOther } from '../platform/form.js';
import { type Form, field, type Stage, type Step, type Visit } from './visit.js';

const REASONS = ['member', 'address', 'proof'] as const;

export class OrganizationStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly engine: Engine,
    private readonly organizations: Pick<OrganizationAccess, 'find'>,
    private readonly users: Pick<UserService, 'findActive'>,
  ) {}

  show(visit: Visit): Promise<void> {
    return this.ask(visit);
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { req, res } = visit.ctx;
    const { session } = visit.interaction;
    const decision = field(form, 'decision');
    if (decision === 'switch') return this.stage.remember(visit, { proofs: [], other_account: true });
    if (decision === 'deny')
      return seeOther(visit.ctx, await this.engine.refuse(req, res, 'access_denied', 'no organization was taken'));
    const organizations = await this.offered(visit);
    if (organizations.length === 0) return;
    const chosen = organizations.find(({ id }) => id === field(form, 'organization'));
    if (!chosen || !session) return this.ask(visit, { code: 'missing_organization' });
    const organization = { account_id: session.accountId, organization_id: chosen.id };
    seeOther(visit.ctx, await this.engine.finish(req, res, { organization }));
  }

  private async ask(visit: Visit, error?: { code: string }): Promise<void> {
    const { session } = visit.interaction;
    const email = (session && (await this.users.findActive(session.accountId)))?.email ?? '';
    const organizations = await this.offered(visit);
    const data = {
      account: { email, initials: email.slice(0, 1).toUpperCase() },
      organizations,
      reason: REASONS.find((one) => one === visit.interaction.prompt.details.refused) ?? 'member',
      error,
      actions: { submit: `${visit.base}/organization` },
    };
    const view = organizations.length > 0 ? 'organization' : 'organization-refused';
    await this.stage.show(visit, view, data, { status: error ? 422 : 200 });
  }

  /** None where there is nothing to choose. */
  private async offered({ interaction }: Visit): Promise<{ id: string; name: string; slug: string }[]> {
    const { session, params, organization } = interaction;
    const wanted = wantedOrganization(params, organization);
    const found = session && wanted && (await this.organizations.find(session.accountId, wanted));
    if (found?.kind !== 'several') return [];
    return found.memberships.map(({ organization: { id, name, slug } }) => ({ id, name, slug }));
  }
}
