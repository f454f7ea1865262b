// What the client may do: asked in plain words, with what is new marked and what can be left out unticked.
import { scopes as openidScopes } from '../../config/protocol.js';
import { isBuiltInClient } from '../features/clients/built-in-clients.js';
import { scopesOfClaims } from '../features/protocol/claim-scopes.js';
import type { Consent } from '../features/protocol/consent.js';
import type { Engine } from '../features/protocol/engine.js';
import type { Grants } from '../features/protocol/grants.js';
import { type Detail, type DetailLine, detailsTypeOf, linesOf } from '../features/resources/details.js';
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
  lines: DetailLine[];
}

export class ConsentStep implements Step {
  constructor(
    private readonly stage: Stage,
    private readonly engine: Engine,
    private readonly grants: Grants,
    private readonly resources: ResourceService,
    private readonly users: UserService,
  ) {}

  async show(visit: Visit): Promise<void> {
    if (isBuiltInClient(visit.client.client_id)) return this.skip(visit);
    const user = visit.interaction.session && (await this.users.findActive(visit.interaction.session.accountId));
    await this.stage.show(visit, 'consent', {
      account: { email: user?.email ?? '', initials: (user?.email ?? '').slice(0, 1).toUpperCase() },
      scopes: [...(await this.lines(visit)), ...claimLines(visit)].filter(({ name }) => name !== 'openid'),
      details: await this.details(visit),
      actions: { submit: `${visit.base}/consent`, switch: `${visit.base}/switch` },
    });
  }

  async submit(visit: Visit, form: Form): Promise<void> {
    const { req, res } = visit.ctx;
    const { session, clientId } = visit.interaction;
    if (!session || isBuiltInClient(clientId)) return;
    const decision = field(form, 'decision');
    if (decision === 'deny') {
      return seeOther(visit.ctx, await this.engine.refuse(req, res, 'access_denied', 'the End-User said no'));
    }
    if (decision !== 'allow') return;
    const ticked = new Set([form.scope ?? []].flat());
    const lines = await this.lines(visit);
    const given = consent(lines.filter(({ optional, value = '' }) => !optional || ticked.has(value)));
    const agreedTo = {
      ...given,
      openid: { ...given.openid, claims: missingClaims(visit) },
      rejected: consent(lines.filter(({ optional, value = '' }) => optional && !ticked.has(value))),
    };
    const { uid, accountId } = session;
    const details = [...new Set((await this.details(visit)).map(({ detail }) => detail))];
    const types = details.map(({ type }) => type);
    const grant = await this.grants.give({ uid, accountId }, clientId, agreedTo, types);
    // Signed out meanwhile: the dispatcher says that this sign-in is over.
    if (!grant) return;
    const agreed = { account_id: accountId, authorization_details: details };
    seeOther(visit.ctx, await this.engine.finish(req, res, { consent: { grantId: String(grant.jti), agreed } }));
  }

  /** Who asked for a page of consent in its address: there is nothing to agree to. */
  private async skip({ ctx }: Visit): Promise<void> {
    seeOther(ctx, await this.engine.finish(ctx.req, ctx.res, { consent: { grantId: '' } }));
  }

  private async lines({ interaction, client }: Visit): Promise<Line[]> {
    const { params, prompt } = interaction;
    const requested = (text(params.scope) ?? '').split(' ').filter(Boolean);
    const missing = prompt.details as { missingOIDCScope?: string[]; missingResourceScopes?: Record<string, string[]> };
    const standard = requested.filter((name) => (openidScopes as readonly string[]).includes(name));
    const known = standard.some((name) => !missing.missingOIDCScope?.includes(name));
    const lines: Line[] = standard.map((name) => ({
      name,
      optional: false,
      isNew: known && (missing.missingOIDCScope?.includes(name) ?? false),
    }));
    for (const identifier of [params.resource ?? []].flat().map(String)) {
      const resource = await this.resources.findByIdentifier(identifier);
      const asking = { person: true, ceiling: client.ceiling, hasDocument: client.hasDocument };
      for (const scope of resource ? grantableScopes(resource, client.allowed_scope, asking) : []) {
        if (!requested.includes(scope.name)) continue;
        const isNew = known && (missing.missingResourceScopes?.[identifier]?.includes(scope.name) ?? false);
        lines.push({
          name: scope.name,
          value: `${scope.name} ${identifier}`,
          text: scope.description ?? scope.name,
          resource: resource?.name ?? identifier,
          identifier,
          optional: scope.optional ?? false,
          isNew,
        });
      }
    }
    return lines;
  }

  /** What no resource that is asked for takes any more is not shown, and so not granted. */
  private async details({ interaction: { params } }: Visit): Promise<ShownDetail[]> {
    const said = text(params.authorization_details);
    const asked = said ? (JSON.parse(said) as Detail[]) : [];
    const shown: ShownDetail[] = [];
    for (const identifier of [params.resource ?? []].flat().map(String)) {
      const resource = asked.length > 0 ? await this.resources.findByIdentifier(identifier) : undefined;
      for (const detail of resource ? asked : []) {
        const type = resource && detailsTypeOf(resource, detail);
        if (!type) continue;
        shown.push({ detail, text: type.description, resource: resource.name, lines: linesOf(type, detail) });
      }
    }
    return shown;
  }
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
