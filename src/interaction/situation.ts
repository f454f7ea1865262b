// What somebody still has to prove in this sign-in: by what they have proved here, and by what their session stands on where only more is asked.
// Hands off to: needOf() for the rule, SignInRisk for how unlike the others the sign-in is.
import type { Context } from 'koa';
import type { FactorRecoveries } from '../features/accounts/factor-recovery.js';
import { assuranceOf, isSinceKnown, type Proof } from '../features/authentication/assurance.js';
import { FRESH_SECONDS } from '../features/authentication/freshness.js';
import { ledgerOf, signInOf, together } from '../features/authentication/ledger.js';
import { needIn } from '../features/authentication/organization-need.js';
import { askedAcr } from '../features/authentication/requested-acr.js';
import { type Situation as Given, type Need, needOf, needOfOwn } from '../features/authentication/requirement.js';
import { ACCOUNT_CLIENT } from '../features/clients/built-in-clients.js';
import type { HomeRealms } from '../features/connections/home-realm.js';
import type { OrganizationRealms } from '../features/connections/organization-realms.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { Devices } from '../features/devices/device.service.js';
import type { DomainAuthority } from '../features/domains/domain-authority.js';
import { type OrganizationAccess, wantedOrganization } from '../features/organization-access/organization-access.js';
import type { Interaction } from '../features/protocol/engine.js';
import type { AuthenticationPolicy, FirstFactor } from '../features/tenants/authentication-policy.js';
import type { User } from '../features/users/user.entity.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { heldHandles } from './device-cookie.js';
import { decisionOf, type SignInRisk } from './sign-in-risk.js';
import { standsSince } from './standing.js';
import { asksAnew, begunAnew, goesOn, isLinking, Progress } from './steps.js';

/** What is proved here takes a while, as a code by mail does: without these seconds nobody would arrive where max_age is less. */
const ON_THE_WAY_SECONDS = 300;

export interface SituationDependencies {
  users: Pick<UserService, 'isOutdated' | 'findActive'>;
  organizationAccess: Pick<OrganizationAccess, 'find' | 'decide' | 'isPasswordDue'>;
  passwords: Pick<PasswordService, 'isSetAt' | 'has'>;
  secondFactors: Pick<SecondFactors, 'of'>;
  devices: Pick<Devices, 'isTrusted'>;
  factorRecoveries: Pick<FactorRecoveries, 'isRecovered'>;
  homeRealms: Pick<HomeRealms, 'of' | 'requiredOf' | 'isElsewhere' | 'servesAny' | 'buttons' | 'chosen'>;
  organizationRealms: Pick<OrganizationRealms, 'of'>;
  domainAuthority: Pick<DomainAuthority, 'ownProofs'>;
  policy: () => Promise<AuthenticationPolicy>;
  clock: Clock;
}

interface Needed {
  need: Need;
  /** The password that was proved is to be changed. */
  passwordDue?: boolean;
}

export class Situation {
  constructor(
    private readonly risk: SignInRisk,
    private readonly deps: SituationDependencies,
  ) {}

  /** @returns how far they are, and what is next to be proved. */
  async of(ctx: Context, interaction: Interaction): Promise<{ progress: Progress; need: Need }> {
    const parsed = Progress.safeParse(interaction.progress ?? {});
    const kept = parsed.success ? parsed.data : Progress.parse({});
    // Where nothing was proved here yet, what was only asked for stays: a code that was sent, for instance.
    const anew =
      kept.proofs.length > 0 ? begunAnew({ ...kept, again: kept.proofs.some(isUpstream) || undefined }) : kept;
    const begun = begunWith(kept, interaction);
    if (!(await this.counts(begun, interaction))) return { progress: anew, need: { kind: 'first_factor' } };
    const progress = await this.risk.weighed(ctx, begun);
    const { need, passwordDue } = await this.needed(ctx, progress, interaction);
    if (need.kind === 'first_factor') return { progress: anew, need };
    const { password } = progress;
    return {
      progress: password && passwordDue ? { ...progress, password: { ...password, must_change: true } } : progress,
      need,
    };
  }

  /** Whether anything was proved, and still tells who it is. Where not, the sign-in is begun anew, with nothing kept of it. */
  private async counts(progress: Progress, { session, params }: Interaction): Promise<boolean> {
    const { user_id, proofs, from_session, password } = progress;
    if (!user_id || proofs.length === 0) return false;
    if (from_session) {
      // What was proved for a session ends with it, and is not good for another one.
      if (from_session.uid !== session?.uid) return false;
    }
    if (asksAnew(params) && !isSinceKnown(proofs)) return false;
    // OpenID Connect Core §3.1.2.1, max_age: also where the time runs out on the way.
    if (params.max_age !== undefined) {
      const least = from_session ? 0 : ON_THE_WAY_SECONDS;
      if (this.age(assuranceOf(proofs).ts) > Math.max(Number(params.max_age), least)) return false;
    }
    // Another password, or none: what was proved is not the account's any more.
    if (password && !(await this.deps.passwords.isSetAt(user_id, new Date(password.set_at)))) return false;
    if (!(await this.isTakenHere(user_id, progress))) return false;
    // Whoever ended all sessions of the account ended this sign-in too.
    return !(await this.deps.users.isOutdated(user_id, standsSince(progress)));
  }

  private async needed(ctx: Context, progress: Progress, interaction: Interaction): Promise<Needed> {
    const { params } = interaction;
    const { user_id = '', proofs, enrolled } = progress;
    const policy = await this.deps.policy();
    const has = await this.deps.secondFactors.of(user_id);
    // Where the tenant no longer remembers anybody, nobody is remembered.
    const remembered = policy.remember_days > 0 && (await this.deps.devices.isTrusted(user_id, heldHandles(ctx)));
    const doubted = decisionOf(progress) === 'step_up';
    const mailbox = doubted && (await this.risk.canConfirm(progress));
    const recovered = await this.deps.factorRecoveries.isRecovered(user_id);
    const asked = askedAcr(params);
    const situation = { policy, asked, proofs, has, remembered, enrolled, recovered, doubted, mailbox };
    const linking = isLinking(progress, user_id);
    const needed = linking ? { need: needOf(situation) } : await this.forOrganization(situation, progress, interaction);
    const { need, passwordDue } = needed;
    const setsPassword = need.kind === 'nothing' && (passwordDue || progress.password?.must_change);
    if (need.kind === 'enrolment' || linking || setsPassword || changesAccount(interaction)) {
      const own = await this.ownNeed(situation, user_id, linking);
      if (own) return { ...needed, need: own };
    }
    return need.kind === 'enrolment'
      ? { ...needed, need: await this.beforeEnrolment(situation, user_id, need) }
      : needed;
  }

  /** NIST SP 800-63B-4 §4.1: a factor is bound to an account by whoever is there now, not on the word of a session that was left open. */
  private async beforeEnrolment(situation: Given, userId: string, enrolment: Need): Promise<Need> {
    const { proofs } = situation;
    if (this.age(assuranceOf(proofs).ts) > FRESH_SECONDS) return { kind: 'first_factor' };
    if (proofs.some((proof) => isSinceKnown([proof]) && this.age(proof.at) <= FRESH_SECONDS)) return enrolment;
    // Of an identity provider that does not say since when nobody knows whether anybody was there: something of their own, where they have it.
    const user = await this.deps.users.findActive(userId);
    // Nor would it be taken where their identity provider alone signs them in.
    const methods =
      user && !(await this.deps.homeRealms.isElsewhere(user, [])) ? await this.possible(situation, user) : [];
    return methods.length > 0 ? { kind: 'way', methods, own: true } : enrolment;
  }

  /** Where the request is for one: what was proved before in this session counts as well, as far as it does there. */
  private async forOrganization(
    situation: Given,
    { user_id: userId = '', password }: Progress,
    interaction: Interaction,
  ): Promise<Needed> {
    const { organizationAccess: access, users } = this.deps;
    const { params, organization, session } = interaction;
    const wanted = wantedOrganization(params, organization);
    const found = wanted && (await access.find(userId, wanted));
    if (found?.kind !== 'one') return { need: needOf(situation) };
    const { proofs } = situation;
    // Elsewhere than at home only what is proved there counts.
    const kept = session?.accountId === userId && !session.moved ? ledgerOf(session) : [];
    const stands = { ledger: together(kept, proofs), signedInAt: assuranceOf(proofs).ts };
    const decision = access.decide(found.membership, stands, params);
    const user = decision.kind === 'way' ? await users.findActive(userId) : undefined;
    const connection = user && (await this.deps.organizationRealms.of(found.membership.organization.id));
    const possible = { methods: user ? await this.possible(situation, user) : [], connection: connection?.key };
    const need = needIn(situation, decision, possible);
    if (need.kind !== 'nothing' || !(await access.isPasswordDue(userId, found.membership))) return { need };
    // Who changes it has shown the one they have.
    return { need: password ? need : { kind: 'way', methods: ['password'] }, passwordDue: true };
  }

  /** First proofs of their own that the tenant takes and they have. */
  private async possible({ policy, has }: Given, user: User): Promise<FirstFactor[]> {
    const hasPassword = await this.deps.passwords.has(user);
    return policy.first_factors.filter(
      (way) => (way !== 'password' || hasPassword) && (way !== 'passkey' || has.passkeys.length > 0),
    );
  }

  /** Where the domain of their address is signed in by its identity provider alone, nothing else is a sign-in: whatever it was, and wherever it was given. */
  private async isTakenHere(userId: string, { proofs, linking }: Progress): Promise<boolean> {
    if (!(await this.deps.homeRealms.servesAny())) return true;
    const user = await this.deps.users.findActive(userId);
    const by = [linking?.connection, ...proofs.map(({ connection }) => connection)];
    return !user || !(await this.deps.homeRealms.isElsewhere(user, by));
  }

  /**
   * What an organization's identity provider says is not enough to put a key on an account that is not of its domain, nor to change it; nor is it a
   * second factor for that, beside a password that somebody else may know.
   * @param anew the account is proved for one purpose: what its session stands on has to be as new as for a change.
   * @returns undefined where enough of their own was proved.
   */
  private async ownNeed(situation: Given, userId: string, anew: boolean): Promise<Need | undefined> {
    const user = await this.deps.users.findActive(userId);
    if (!user) return { kind: 'first_factor' };
    const proofs = await this.deps.domainAuthority.ownProofs(user, situation.proofs);
    if (!proofs.some(({ at }) => !anew || this.age(at) <= FRESH_SECONDS)) {
      const methods = await this.possible(situation, user);
      // Whoever has nothing yet is shown where they choose a password by mail.
      return { kind: 'way', methods: methods.length > 0 ? methods : situation.policy.first_factors, own: true };
    }
    if (proofs.length === situation.proofs.length) return undefined;
    const need = needOfOwn({ ...situation, proofs });
    return need.kind === 'nothing' || need.kind === 'enrolment' ? undefined : need;
  }

  /** Seconds. */
  private age(at: number): number {
    return epochSeconds(this.deps.clock.now()) - at;
  }
}

const isUpstream = ({ method }: Proof): boolean => method === 'connection';

/** The pages of the account ask so before a change (account/door.ts). */
const changesAccount = ({ clientId, params }: Interaction): boolean =>
  clientId === ACCOUNT_CLIENT && (params.max_age !== undefined || params.acr_values !== undefined);

/** A step up begins with what the session stands on. */
function begunWith(progress: Progress, interaction: Interaction): Progress {
  const { session } = interaction;
  if (!session || progress.proofs.length > 0 || !goesOn(progress, interaction)) return progress;
  const proofs = signInOf(session);
  const from_session = { uid: session.uid, proofs: proofs.length };
  return { ...progress, user_id: session.accountId, proofs, from_session };
}
