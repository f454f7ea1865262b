// What the client may do: asked in plain words, with what is new marked and what can be left out unticked.
import { scopes as openidScopes } from '../../config/protocol.js';
import { ledgerOf } from '../features/authentication/ledger.js';
import { isBuiltInClient } from '../features/clients/built-in-clients.js';
import {
  ORGANIZATION_SCOPE,
  type OrganizationAccess,
  untilOf,
  wantedOrganization,
} from '../features/organization-access/organization-access.js';
import { scopesOfClaims } from '../features/protocol/claim-scopes.js';
import type { Consent } from '../features/protocol/consent.js';
import type { Engine } from '../features/protocol/engine.js';
import type { Grants } from '../features/protocol/grants.js';
import { type Detail, type DetailLine, linesOf } from '../features/resources/details.js';
import { takes } from '../features/resources/details.rules.js';
import type { ResourceServer } from '../features/resources/resource.entity.js';
import { grantableScopes } from '../features/resources/resource.rules.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import type { UserService } from '../features/users/user.service.js';
import { seeOther } from '../platform/form.js';
import { type Form, field, type Stage, type Step, text, type Visit } from './visit.js';

interface Line {
  name: string;
  /** What its box sends: the same name at two resources is two things. */
  value?: string;
  text?: string;
  resource?: string;
  identifier?: string;
  optional: boolean;
  isNew: boolean;
}

/** Authorization details (RFC 9396) as they are shown: all that is in them. */
interface ShownDetail {
  detail: Detail;
  text: string;
  resource: string;
  identifier: string;
  lines: DetailLine[];
}

/** A resource of which nothing else is asked for: a token that is good there says who they are (RFC 8707). */
interface ShownResource {
  name: string;
  isNew: boolean;
}

/** What the check of policy.ts and those of the engine say of the grant. */
interface Missing {
  missingOIDCScope?: string[];
  missingResourceScopes?: Record<string, string[]>;
  unseenResources?: string[];
}

/** `until`: when what the session stands on stops counting for it; whoever goes on from here is asked once more. */
interface AskedFor {
  id: string;
  name: string;
  until: Date | undefined;
}

export interface ConsentDependencies {
  engine: Engine;
  grants: Pick<Grants, 'give'>;
  resources: ResourceService;
  users: UserService;
  organizationAccess: Pick<OrganizationAccess, 'find' | 'decide'>;
}

export class ConsentStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly deps: ConsentDependencies,
  ) {}

  async show(visit: Visit): Promise<void> {
    if (isBuiltInClient(visit.client.client_id)) return this.skip(visit);
    const user = visit.interaction.session && (await this.deps.users.findActive(visit.interaction.session.accountId));
    const resources = await this.resourcesOf(visit);
    const organization = await this.organizationOf(visit);
    const lines = linesFor(visit, resources, organization);
    const details = detailsFor(visit, resources);
    await this.stage.show(visit, 'consent', {
      organization,
      account: { email: user?.email ?? '', initials: (user?.email ?? '').slice(0, 1).toUpperCase() },
      scopes: [...lines, ...claimLines(visit)].filter(({ name }) => name !== 'openid'),
      // What may be left unticked names nothing that is given for sure.
      resources: withoutMore(visit, resources, [...lines.filter(({ optional }) => !optional), ...details]),
      details,
      actions: { submit: `${visit.base}/consent`, switch: `${visit.base}/switch` },
    });
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { req, res } = visit.ctx;
    const { session, clientId } = visit.interaction;
    if (!session || isBuiltInClient(clientId)) return;
    const decision = field(form, 'decision');
    if (decision === 'deny') {
      return seeOther(visit.ctx, await this.deps.engine.refuse(req, res, 'access_denied', 'the End-User said no'));
    }
    if (decision !== 'allow') return;
    const organization = await this.organizationOf(visit);
    const ticked = new Set([form.scope ?? []].flat());
    const resources = await this.resourcesOf(visit);
    const lines = linesFor(visit, resources, organization);
    const given = consent(lines.filter(({ optional, value = '' }) => !optional || ticked.has(value)));
    const seen = Object.fromEntries(resources.map(({ identifier }) => [identifier, '']));
    const agreedTo = {
      ...given,
      openid: { ...given.openid, claims: missingClaims(visit) },
      resources: { ...seen, ...given.resources },
      rejected: consent(lines.filter(({ optional, value = '' }) => optional && !ticked.has(value))),
    };
    const { uid, accountId } = session;
    const details = [...new Set(detailsFor(visit, resources).map(({ detail }) => detail))];
    const types = details.map(({ type }) => type);
    const grant = await this.deps.grants.give({ uid, accountId, organization }, clientId, agreedTo, types);
    // Signed out meanwhile: the dispatcher says that this sign-in is over.
    if (!grant) return;
    const agreed = { account_id: accountId, authorization_details: details };
    const shown = organization && { account_id: accountId, organization_id: organization.id };
    const result = { consent: { grantId: String(grant.jti), agreed }, ...(shown && { organization: shown }) };
    seeOther(visit.ctx, await this.deps.engine.finish(req, res, result));
  }

  /** Who asked for a page of consent in its address: there is nothing to agree to. */
  private async skip({ ctx }: Visit): Promise<void> {
    seeOther(ctx, await this.deps.engine.finish(ctx.req, ctx.res, { consent: { grantId: '' } }));
  }

  /** Undefined where it is for none. One that they left meanwhile is asked for again, and refused. */
  private async organizationOf({ interaction }: Visit): Promise<AskedFor | undefined> {
    const { session, params, organization } = interaction;
    const wanted = wantedOrganization(params, organization);
    if (!session || !wanted) return undefined;
    const found = await this.deps.organizationAccess.find(session.accountId, wanted);
    if (found.kind !== 'one') return undefined;
    const { membership } = found;
    const stands = { ledger: ledgerOf(session), signedInAt: session.ts };
    const { id, name } = membership.organization;
    return { id, name, until: untilOf(this.deps.organizationAccess.decide(membership, stands, params)) };
  }

  /** What was taken away since it was asked for is not shown, and so not granted. */
  private async resourcesOf({ interaction: { params } }: Visit): Promise<ResourceServer[]> {
    const asked = new Set([params.resource ?? []].flat().map(String));
    const found = await Promise.all([...asked].map((identifier) => this.deps.resources.findByIdentifier(identifier)));
    return found.filter((one) => one !== undefined);
  }
}

function linesFor(visit: Visit, resources: readonly ResourceServer[], organization: object | undefined): Line[] {
  const { client, interaction } = visit;
  const asked = (text(interaction.params.scope) ?? '').split(' ').filter(Boolean);
  // Who belongs to none gives none away.
  const requested = asked.filter((name) => organization !== undefined || name !== ORGANIZATION_SCOPE);
  const missing: Missing = interaction.prompt.details;
  const isKnown = knows(visit);
  const standard: Line[] = requested.filter(isStandard).map((name) => ({
    name,
    optional: false,
    isNew: isKnown && (missing.missingOIDCScope?.includes(name) ?? false),
  }));
  const asking = { person: true, ceiling: client.ceiling, hasDocument: client.hasDocument };
  const ofResources = resources.flatMap((resource) => {
    const { identifier } = resource;
    return grantableScopes(resource, client.allowed_scope, asking)
      .filter(({ name }) => requested.includes(name))
      .map(({ name, description, optional = false }) => ({
        name,
        value: `${name} ${identifier}`,
        text: description ?? name,
        resource: resource.name,
        identifier,
        optional,
        isNew: isKnown && (missing.missingResourceScopes?.[identifier]?.includes(name) ?? false),
      }));
  });
  return [...standard, ...ofResources];
}

const isStandard = (name: string): boolean => (openidScopes as readonly string[]).includes(name);

/** Something was agreed to before, so that what is asked for beside it is new. */
function knows({ interaction: { params, prompt } }: Visit): boolean {
  const { missingOIDCScope }: Missing = prompt.details;
  const standard = (text(params.scope) ?? '').split(' ').filter(isStandard);
  return standard.some((name) => !missingOIDCScope?.includes(name));
}

/** What a resource does not take, or not of this client any more, is not shown, and so not granted. */
function detailsFor({ client, interaction }: Visit, resources: readonly ResourceServer[]): ShownDetail[] {
  const said = text(interaction.params.authorization_details);
  const asked = said ? (JSON.parse(said) as Detail[]) : [];
  const asking = { person: true, dynamic: client.dynamic, types: client.details_types };
  return resources.flatMap((resource) =>
    asked.flatMap((detail) => {
      const type = takes(resource, detail, asking);
      if (!type) return [];
      const { identifier, name } = resource;
      return { detail, text: type.description, resource: name, identifier, lines: linesOf(type, detail) };
    }),
  );
}

function withoutMore(
  visit: Visit,
  resources: readonly ResourceServer[],
  named: readonly { identifier?: string }[],
): ShownResource[] {
  const { unseenResources }: Missing = visit.interaction.prompt.details;
  return resources
    .filter(({ identifier }) => !named.some((one) => one.identifier === identifier))
    .map(({ identifier, name }) => ({ name, isNew: knows(visit) && (unseenResources?.includes(identifier) ?? false) }));
}

const missingClaims = ({ interaction }: Visit) =>
  (interaction.prompt.details.missingOIDCClaims as string[] | undefined) ?? [];

function claimLines(visit: Visit): Line[] {
  const requested = (text(visit.interaction.params.scope) ?? '').split(' ');
  return scopesOfClaims(missingClaims(visit), requested).map((name) => ({ name, optional: false, isNew: false }));
}

function consent(lines: Line[]): Consent {
  const words = (some: Line[]) => some.map(({ name }) => name).join(' ');
  const identifiers = [...new Set(lines.flatMap(({ identifier }) => identifier ?? []))];
  return {
    openid: { scope: words(lines.filter(({ identifier }) => !identifier)) },
    resources: Object.fromEntries(
      identifiers.map((one) => [one, words(lines.filter(({ identifier }) => identifier === one))]),
    ),
  };
}
