// Whether somebody may have a token for an organization: which one a request means, what it takes, and what the token says of the membership.
// Hands off to: organizations (who belongs where), authentication/organization-requirement.ts, which decides.
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { AppError } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type Proof, reachedBy } from '../authentication/assurance.js';
import {
  type Bypass,
  decideForOrganization,
  goesOnWith,
  type OrganizationDecision,
} from '../authentication/organization-requirement.js';
import { askedAcr } from '../authentication/requested-acr.js';
import type { PasswordService } from '../credentials/password.service.js';
import { type MembershipClaims, membershipIn, membershipsOf } from '../organizations/membership.queries.js';
import type { MembershipService } from '../organizations/membership.service.js';
import type { OrganizationService } from '../organizations/organization.service.js';

/** What a request says of it. */
export interface WantedOrganization {
  /** The parameter `organization`, an id or a slug: this one and no other. */
  name?: string | undefined;
  /** Which one it was on an earlier page of the same request: taken there, or shown to be agreed to. A slug may have become another's since. */
  chosen?: ChosenOrganization | undefined;
}

/** Good for one account: another one takes anew. */
export interface ChosenOrganization {
  account_id: string;
  organization_id: string;
}

export type FoundOrganization =
  | { kind: 'one'; membership: MembershipClaims }
  /** Somebody has to choose. */
  | { kind: 'several'; memberships: MembershipClaims[] }
  /** They are in none: the request goes on without one. */
  | { kind: 'none' }
  /** Unknown, suspended, or they are no member, or not now: all alike. */
  | { kind: 'refused' };

const A_DAY = 86_400_000;

/** On what a session stands. */
export interface StandsOn {
  ledger: readonly Proof[];
  /** NumericDate of the oldest proof of its last sign-in. */
  signedInAt: number;
}

type Params = Readonly<Record<string, unknown>>;

export const ORGANIZATION_SCOPE = 'organization';

/** @returns undefined where a request is for no organization. */
export function wantedOrganization(params: Params, chosen?: ChosenOrganization): WantedOrganization | undefined {
  const { organization, scope } = params;
  if (typeof organization === 'string' && organization !== '') return { name: organization, chosen };
  return String(scope ?? '')
    .split(' ')
    .includes(ORGANIZATION_SCOPE)
    ? { chosen }
    : undefined;
}

export interface AccessDependencies {
  db: Database;
  audit: Pick<AuditLog, 'record'>;
  clock: Clock;
  memberships: Pick<MembershipService, 'used'>;
  organizations: Pick<OrganizationService, 'find'>;
  passwords: Pick<PasswordService, 'demandChange'>;
  takesPasswords: () => Promise<boolean>;
}

export class OrganizationAccess {
  constructor(private readonly deps: AccessDependencies) {}

  async find(userId: string, { name, chosen }: WantedOrganization): Promise<FoundOrganization> {
    const taken = chosen?.account_id === userId ? chosen.organization_id : undefined;
    const wanted = taken ?? name;
    if (wanted !== undefined) {
      const membership = await this.membership(userId, wanted);
      return membership ? { kind: 'one', membership } : { kind: 'refused' };
    }
    const memberships = await membershipsOf(this.deps.db, userId);
    const [membership] = memberships;
    if (!membership) return { kind: 'none' };
    return memberships.length === 1 ? { kind: 'one', membership } : { kind: 'several', memberships };
  }

  membership(userId: string, organization: string): Promise<MembershipClaims | undefined> {
    return membershipIn(this.deps.db, userId, organization);
  }

  /** For a client that acts for itself. @returns undefined where it may not have a token for it, or nobody may: all alike. */
  async ofClient(allowed: readonly string[], name: string) {
    const found = await this.deps.organizations.find(name).catch(nothingIfMissing);
    return found?.active && allowed.includes(found.id) ? found : undefined;
  }

  /** @param params of the request, as the engine has checked them. */
  decide({ organization, joined_at }: MembershipClaims, { ledger, signedInAt }: StandsOn, params: Params) {
    const asked = askedAcr(params);
    const anew = String(params.prompt ?? '')
      .split(' ')
      .includes('login');
    const maxAge = params.max_age === undefined ? undefined : Number(params.max_age);
    return decideForOrganization({
      organization: organization.id,
      policy: organization.settings.policy,
      ledger,
      signedInAt,
      now: epochSeconds(this.deps.clock.now()),
      ip: currentContext()?.ip,
      joinedAt: epochSeconds(joined_at),
      asked: asked?.essential ? asked.acr : undefined,
      maxAge: anew ? 0 : maxAge,
    });
  }

  /** Whether they enter only with another password: theirs is from before the organization came to ask for a longer one. */
  async isPasswordDue(userId: string, { organization }: MembershipClaims): Promise<boolean> {
    const { password, passwordSince: since } = organization.settings.policy;
    if (password.min_length === null || !since || !(await this.deps.takesPasswords())) return false;
    return this.deps.passwords.demandChange(userId, new Date(since));
  }

  /** @param at NumericDate of the oldest proof that a token stands on. @returns seconds for which that still counts, if it does not for good. */
  secondsLeft(at: number, { organization }: MembershipClaims): number {
    const { session_seconds } = organization.settings.policy;
    return session_seconds === null
      ? Number.POSITIVE_INFINITY
      : at + session_seconds - epochSeconds(this.deps.clock.now());
  }

  /** @param amr of a token that was given before: the policy may ask for more since, or the days without it are over. */
  isTooWeak(amr: readonly string[], { organization, joined_at }: MembershipClaims): boolean {
    const { policy } = organization.settings;
    const now = epochSeconds(this.deps.clock.now());
    return !goesOnWith(reachedBy(amr), { policy, now, joinedAt: epochSeconds(joined_at) });
  }

  /** A token is given for it: noted once a day. */
  async used(userId: string, { organization, last_used_at }: MembershipClaims): Promise<void> {
    const before = this.deps.clock.now().getTime() - A_DAY;
    if (!last_used_at || last_used_at.getTime() < before) await this.deps.memberships.used(organization.id, userId);
  }

  /** Whom the class was spared is told from whom it was not. */
  bypassed(userId: string, { organization }: MembershipClaims, clientId: string, reason: Bypass): Promise<void> {
    return this.deps.audit.record('organization.proof_bypassed', {
      organization_id: organization.id,
      user_id: userId,
      client_id: clientId,
      reason,
    });
  }
}

function nothingIfMissing(error: unknown): undefined {
  if (!(error instanceof AppError) || error.status !== 404) throw error;
}

/** Seconds-precise, as grants are kept. */
export const untilOf = (decision: OrganizationDecision): Date | undefined =>
  decision.kind === 'satisfied' && decision.until !== undefined ? new Date(decision.until * 1000) : undefined;

/** What a token for an organization says of it. */
export const organizationClaims = ({ organization, roles, permissions, teams }: MembershipClaims) => ({
  ...namesOf(organization),
  roles,
  permissions,
  teams,
});

export const namesOf = ({ id, name, slug }: Pick<MembershipClaims['organization'], 'id' | 'name' | 'slug'>) => ({
  org_id: id,
  org_name: name,
  org_slug: slug,
});
