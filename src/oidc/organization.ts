// For which organization a request is, and whether what the session stands on is enough for it: found once for each request, asked wherever it counts.
// Hands off to: features/organization-access for the rules, interaction/ for the pages.
import { errors, type Provider } from 'oidc-provider';
import type { Assurance, Proof } from '../features/authentication/assurance.js';
import { ledgerOf } from '../features/authentication/ledger.js';
import type { OrganizationDecision } from '../features/authentication/organization-requirement.js';
import { isBuiltInClient } from '../features/clients/built-in-clients.js';
import {
  type ChosenOrganization,
  type FoundOrganization,
  ORGANIZATION_SCOPE,
  type OrganizationAccess,
  untilOf,
  wantedOrganization,
} from '../features/organization-access/organization-access.js';
import type { Login } from '../features/protocol/engine.js';
import { currentEngineContext, requestOf } from './adapter.js';
import type { EngineContext } from './engine-types.js';

export interface AskedOrganization {
  found: FoundOrganization;
  /** Of the one that was found. */
  decision: OrganizationDecision | undefined;
  /** Another password comes before anything is given. */
  passwordDue: boolean;
}

/** What the pages of this request have established. */
interface Result {
  login?: Partial<Login>;
  organization?: ChosenOrganization;
}

const asking = new WeakMap<object, Promise<AskedOrganization | undefined>>();
const asked = new WeakMap<object, AskedOrganization>();

/** @returns undefined where the request is for none, or nobody is signed in yet. */
export function organizationOf(ctx: EngineContext, access: OrganizationAccess): Promise<AskedOrganization | undefined> {
  const known = asking.get(ctx);
  if (known) return known;
  const found = look(ctx, access);
  asking.set(ctx, found);
  return found;
}

async function look(ctx: EngineContext, access: OrganizationAccess): Promise<AskedOrganization | undefined> {
  const { session } = ctx.oidc;
  const params = (ctx.oidc.params ?? {}) as Record<string, unknown>;
  const wanted = wantedOrganization(params, resultOf(ctx).organization);
  if (!wanted || !session?.accountId) return undefined;
  const found = await access.find(session.accountId, wanted);
  const stands = { ledger: ledger(ctx), signedInAt: session.loginTs ?? 0 };
  const decision = found.kind === 'one' ? access.decide(found.membership, stands, params) : undefined;
  const passwordDue =
    found.kind === 'one' &&
    decision?.kind === 'satisfied' &&
    (await access.isPasswordDue(session.accountId, found.membership));
  asked.set(ctx, { found, decision, passwordDue });
  return asked.get(ctx);
}

/** What is kept, and what was proved just now, which is kept with the answer; elsewhere than at home this alone. */
function ledger(ctx: EngineContext): Proof[] {
  const { uid, accountId, amr = [], loginTs = 0 } = ctx.oidc.session as unknown as EngineSession;
  const { sessionsByUid, session } = requestOf(ctx);
  const { login } = resultOf(ctx);
  const proved = login?.accountId === accountId ? (login?.proofs ?? []) : [];
  if (session?.moved) return [...proved];
  const kept = sessionsByUid.get(uid);
  const proofs = [...(kept?.accountId === accountId ? ((kept?.proofs ?? []) as Proof[]) : []), ...proved];
  return ledgerOf({ proofs, amr, ts: loginTs });
}

interface EngineSession {
  uid: string;
  accountId?: string;
  amr?: string[];
  loginTs?: number;
}

const resultOf = ({ oidc }: EngineContext): Result => (oidc.result ?? {}) as Result;

/** The person has just been asked for all that they could prove: to ask again would be to go round in circles. */
export const hasJustProved = ({ oidc }: EngineContext): boolean => {
  const { login } = (oidc.result ?? {}) as Result;
  return login !== undefined && login.proved_in === oidc.entities.Interaction?.uid;
};

/** The one that a grant is for, where there may be one. */
export function grantedOrganization({
  found,
  decision,
  passwordDue,
}: AskedOrganization): { id: string; until?: Date | undefined } | undefined {
  if (found.kind !== 'one' || decision?.kind !== 'satisfied' || passwordDue) return undefined;
  return { id: found.membership.organization.id, until: untilOf(decision) };
}

/** In tokens for an organization stands what counts for it; in all others what the session says. */
export const assuranceFor = (ctx: object | undefined): Assurance | undefined => {
  const decision = ctx && asked.get(ctx)?.decision;
  return decision?.kind === 'satisfied' ? decision.assurance : undefined;
};

/** A check of the parameter as it comes, at every endpoint that takes it. It asks for the scope as well, of whoever is given anything. */
export function checkOrganization(
  { oidc }: EngineContext,
  value: unknown,
  client: { clientId: string; scope?: string },
): void {
  if (value === undefined) return;
  if (typeof value !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(value))
    throw new errors.InvalidRequest('organization must be the id or the slug of one');
  // The pages of the account: what it takes is proved, and nothing is told.
  if (isBuiltInClient(client.clientId)) return;
  if (client.scope !== undefined && !client.scope.split(' ').includes(ORGANIZATION_SCOPE))
    throw new errors.InvalidScope('requested scope is not allowed', ORGANIZATION_SCOPE);
  const params = oidc.params as { scope?: string };
  params.scope = [...new Set([...(params.scope?.split(' ') ?? []), ORGANIZATION_SCOPE])].join(' ');
}

type Getters = { ctx: EngineContext };

/** What the engine asks of a request, where an organization has a say in it. */
export function answerForOrganization(provider: Provider): void {
  const { prototype } = provider.OIDCContext as unknown as { prototype: object };
  for (const name of ['requestParamScopes', 'requestParamOIDCScopes']) {
    const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as (this: Getters) => Set<string>;
    Object.defineProperty(prototype, name, {
      get(this: Getters) {
        const scopes = get.call(this);
        // Who belongs to none is given none, and is not asked about it.
        if (asked.get(this.ctx)?.found.kind === 'none') scopes.delete(ORGANIZATION_SCOPE);
        return scopes;
      },
    });
  }
  const amr = Object.getOwnPropertyDescriptor(prototype, 'amr')?.get as (this: Getters) => string[];
  Object.defineProperty(prototype, 'amr', {
    get(this: Getters) {
      return assuranceFor(this.ctx)?.amr ?? amr.call(this);
    },
  });
  const session = provider.Session.prototype as unknown as { authTime(): number | undefined };
  const { authTime } = session;
  session.authTime = function () {
    return assuranceFor(currentEngineContext())?.ts ?? authTime.call(this);
  };
}
