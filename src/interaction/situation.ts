// What somebody still has to prove in this sign-in: by what they have proved here, and by what their session stands on where only more is asked.
// Hands off to: needOf() for the rule, SignInRisk for how unlike the others the sign-in is.
import type { Context } from 'koa';
import type { FactorRecoveries } from '../features/accounts/factor-recovery.js';
import { assuranceOf } from '../features/authentication/assurance.js';
import { FRESH_SECONDS } from '../features/authentication/freshness.js';
import { ledgerOf, signInOf, together } from '../features/authentication/ledger.js';
import { needIn } from '../features/authentication/organization-need.js';
import { askedAcr } from '../features/authentication/requested-acr.js';
import { type Situation as Given, type Need, needOf } from '../features/authentication/requirement.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { Devices } from '../features/devices/device.service.js';
import { type OrganizationAccess, wantedOrganization } from '../features/organization-access/organization-access.js';
import type { Interaction } from '../features/protocol/engine.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { heldHandles } from './device-cookie.js';
import { decisionOf, type SignInRisk } from './sign-in-risk.js';
import { standsSince } from './standing.js';
import { begunAnew, goesOn, Progress } from './steps.js';

/** What is proved here takes a while, as a code by mail does: without these seconds nobody would arrive where max_age is less. */
const ON_THE_WAY_SECONDS = 300;

export interface SituationDependencies {
  users: Pick<UserService, 'isOutdated' | 'findActive'>;
  organizationAccess: Pick<OrganizationAccess, 'find' | 'decide' | 'isPasswordDue'>;
  passwords: Pick<PasswordService, 'isSetAt' | 'has'>;
  secondFactors: Pick<SecondFactors, 'of'>;
  devices: Pick<Devices, 'isTrusted'>;
  factorRecoveries: Pick<FactorRecoveries, 'isRecovered'>;
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
    const anew = kept.proofs.length > 0 ? begunAnew(kept) : kept;
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
    // OpenID Connect Core §3.1.2.1, max_age: also where the time runs out on the way.
    if (params.max_age !== undefined) {
      const least = from_session ? 0 : ON_THE_WAY_SECONDS;
      if (this.age(assuranceOf(proofs).ts) > Math.max(Number(params.max_age), least)) return false;
    }
    // Another password, or none: what was proved is not the account's any more.
    if (password && !(await this.deps.passwords.isSetAt(user_id, new Date(password.set_at)))) return false;
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
    const needed = await this.forOrganization(situation, progress, interaction);
    const { need } = needed;
    // NIST SP 800-63B-4 §4.1: a factor is bound to an account by whoever is there now, not on the word of a session that was left open.
    const isStale = this.age(assuranceOf(proofs).ts) > FRESH_SECONDS;
    return need.kind === 'enrolment' && isStale ? { need: { kind: 'first_factor' } } : needed;
  }

  /** Where the request is for one: what was proved before in this session counts as well, as far as it does there. */
  private async forOrganization(
    situation: Given,
    { user_id: userId = '', password }: Progress,
    interaction: Interaction,
  ): Promise<Needed> {
    const { organizationAccess: access, users, passwords } = this.deps;
    const { params, organization, session } = interaction;
    const wanted = wantedOrganization(params, organization);
    const found = wanted && (await access.find(userId, wanted));
    if (found?.kind !== 'one') return { need: needOf(situation) };
    const { proofs, policy, has } = situation;
    // Elsewhere than at home only what is proved there counts.
    const kept = session?.accountId === userId && !session.moved ? ledgerOf(session) : [];
    const stands = { ledger: together(kept, proofs), signedInAt: assuranceOf(proofs).ts };
    const decision = access.decide(found.membership, stands, params);
    const user = decision.kind === 'way' ? await users.findActive(userId) : undefined;
    const hasPassword = user !== undefined && (await passwords.has(user));
    const possible = policy.first_factors.filter(
      (way) => (way !== 'password' || hasPassword) && (way !== 'passkey' || has.passkeys.length > 0),
    );
    const need = needIn(situation, decision, possible);
    if (need.kind !== 'nothing' || !(await access.isPasswordDue(userId, found.membership))) return { need };
    // Who changes it has shown the one they have.
    return { need: password ? need : { kind: 'way', methods: ['password'] }, passwordDue: true };
  }

  /** Seconds. */
  private age(at: number): number {
    return epochSeconds(this.deps.clock.now()) - at;
  }
}

/** A step up begins with what the session stands on. */
function begunWith(progress: Progress, interaction: Interaction): Progress {
  const { session } = interaction;
  if (!session || progress.proofs.length > 0 || !goesOn(progress, interaction)) return progress;
  const proofs = signInOf(session);
  const from_session = { uid: session.uid, proofs: proofs.length };
  return { ...progress, user_id: session.accountId, proofs, from_session };
}
