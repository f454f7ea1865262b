// The way to an identity provider and back, in one sign-in: a page that leads on, and the address at which the browser comes back with a handle.
// Hands off to: FederatedSignIns, whose doors speak with the provider; Provisioning for who it is here; the dispatcher, which goes on.
import type Router from '@koa/router';
import { requestedAcr } from '../features/authentication/requested-acr.js';
import type { Held } from '../features/connections/federated-sign-in.js';
import { type FederatedSignIns, refusedWith } from '../features/connections/federated-sign-ins.js';
import type { Decision, Provisioning } from '../features/connections/provisioning.js';
import { upstreamProof } from '../features/connections/upstream-proof.js';
import type { UserService } from '../features/users/user.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { readForm, seeOther } from '../platform/form.js';
import type { CounterHandle } from '../platform/metrics.js';
import type { Dispatcher } from './dispatcher.js';
import { keepLastWayIn } from './last-way-in.js';
import type { Realms } from './realms.js';
import { firstProof, isFirst, noLetters, type Progress } from './steps.js';
import { type Form, type Stage, text, type Visit } from './visit.js';

export interface FederationDependencies {
  federatedSignIns: Pick<FederatedSignIns, 'begin' | 'redeem' | 'resume'>;
  provisioning: Pick<Provisioning, 'decide' | 'complete'>;
  realms: Realms;
  /** As long as a session may last. */
  sessionSeconds: () => Promise<number>;
  users: UserService;
  clock: Clock;
  signIns: CounterHandle<'outcome'>;
}

export class Federation {
  constructor(
    private readonly stage: Stage,
    private readonly deps: FederationDependencies,
  ) {}

  /** A page of its own: browsers hold each redirect after a form against the form's page (CSP form-action), and none may list identity providers. */
  async depart(visit: Visit, key: string): Promise<void> {
    const { progress, interaction, base, ctx } = visit;
    const connection =
      progress.going === key && isFirst(visit.need) ? await this.deps.realms.chosen(visit, key) : undefined;
    if (!connection) return seeOther(ctx, base);
    const { prompt, max_age, login_hint } = interaction.params;
    const anew =
      progress.again ||
      isAskedAnew(visit, connection.id) ||
      String(prompt ?? '')
        .split(' ')
        .includes('login');
    const { location } = await this.deps.federatedSignIns.begin(connection, {
      binding: bindingOf(visit),
      purpose: 'sign_in',
      back: `/interaction/${interaction.uid}/federation/callback`,
      login_hint: progress.identifier ?? text(login_hint)?.slice(0, 320),
      ...(anew ? { prompt: 'login' } : {}),
      ...(max_age === undefined ? {} : { max_age: Number(max_age) }),
      ...(connection.settings.trust.mfa ? { acr: requestedAcr(interaction.params).values } : {}),
    });
    ctx.set('Refresh', `0; url=${location}`);
    await this.stage.show(visit, 'federation', {
      name: connection.displayName,
      actions: { next: location, back: base },
    });
  }

  /** Back, with an answer that its door has believed. Out of its turn nothing is used up. */
  async arrive(visit: Visit, handle: string): Promise<void> {
    const { ctx, base } = visit;
    if (!isFirst(visit.need)) return seeOther(ctx, base);
    const since = this.deps.clock.now();
    const held = await this.deps.federatedSignIns.redeem(handle, bindingOf(visit));
    if (await this.isSpent(held, since)) return this.askAnew(visit, held);
    const whose = { flow: visit.interaction.uid };
    const decision = await this.deps.provisioning.decide(held, whose);
    if (decision.kind === 'refused') throw await this.refused(visit, held, decision);
    if (decision.kind === 'prove') {
      const { id, displayName: name } = held.connection;
      const linking = { sign_in: held.id, user_id: decision.userId, connection: id, name };
      const { going, identifier, ...kept } = visit.progress;
      await this.stage.remember(visit, { ...kept, ...noLetters, linking });
      return seeOther(ctx, base);
    }
    const { user } = await this.deps.provisioning.complete(held, whose);
    this.deps.signIns.add({ outcome: 'ok' });
    keepLastWayIn(ctx, held.connection.key);
    // Whoever made the account for somebody else has just lost it, with all that was proved until then.
    const begun = decision.kind === 'take_over' ? this.deps.clock.now() : since;
    await this.stage.remember(visit, proved(visit.progress, user.id, held, begun));
    seeOther(ctx, base);
  }

  /** The person has proved whose account it is, by its own means and in this very sign-in. @returns what they have proved then. */
  async link(visit: Visit): Promise<Progress | undefined> {
    const { linking, user_id, ...progress } = visit.progress;
    const held = linking && (await this.deps.federatedSignIns.resume(linking.sign_in, bindingOf(visit)));
    const account = user_id && (await this.deps.users.findActive(user_id));
    if (!held || !account) return undefined;
    const whose = { proved: account.id, flow: visit.interaction.uid };
    const decision = await this.deps.provisioning.decide(held, whose);
    if (decision.kind === 'refused') throw await this.refused(visit, held, decision);
    // Somebody else is meant by now: what was proved here says nothing about them.
    if ((decision.kind !== 'link' && decision.kind !== 'known') || decision.userId !== account.id) return undefined;
    const since = this.deps.clock.now();
    const { user } = await this.deps.provisioning.complete(held, whose);
    keepLastWayIn(visit.ctx, held.connection.key);
    return proved({ ...progress, user_id }, user.id, held, since);
  }

  /** A session here lasts from then on: it would be over as it begins. */
  private async isSpent({ identity }: Held, now: Date): Promise<boolean> {
    const { authenticated_at: at } = identity;
    return at !== undefined && at + (await this.deps.sessionSeconds()) <= epochSeconds(now);
  }

  /** By itself once. */
  private async askAnew(visit: Visit, { connection: { key } }: Held): Promise<void> {
    const { progress } = visit;
    if (!progress.again) return this.deps.realms.go(visit, key, { ...progress, again: true });
    seeOther(visit.ctx, visit.base);
  }

  /** One page for every reason: what was wrong is in the trace. */
  private async refused(visit: Visit, { connection }: Held, { trace }: Decision): Promise<Error> {
    this.deps.signIns.add({ outcome: 'connection_refused' });
    await this.stage.remember(visit, { ...visit.progress, turned_away: connection.id });
    return refusedWith(trace);
  }
}

/** Nobody who signed in before in this request is signed in still: what they proved goes with them. */
function proved(progress: Progress, userId: string, { id, connection, identity }: Held, since: Date): Progress {
  const { going, again, linking, identifier, ...kept } = progress;
  const proof = upstreamProof(connection, identity, epochSeconds(since));
  const next = firstProof({ ...kept, ...noLetters }, userId, proof, since);
  const stand = { connection: connection.id, subject: identity.subject, session: identity.session, sign_in: id };
  return { ...next, federated: [...(next.federated ?? []), stand] };
}

/** It was asked in this sign-in, or in the one the session stands on, and what it said did not do. */
const isAskedAnew = ({ need, progress }: Visit, connectionId: string): boolean =>
  need.kind === 'way' && progress.proofs.some(({ connection }) => connection === connectionId);

const bindingOf = ({ interaction }: Visit) => ({ kind: 'interaction' as const, id: interaction.uid });

export function federationRoutes(router: Router, federation: Federation, realms: Realms, dispatcher: Dispatcher): void {
  router.get('/:uid/federation/callback', async (ctx) => {
    await federation.arrive(await dispatcher.visitOf(ctx), text(ctx.query.handle)?.slice(0, 128) ?? '');
  });

  router.get('/:uid/federation/:key', async (ctx) => {
    await federation.depart(await dispatcher.visitOf(ctx), String(ctx.params.key));
  });

  // A button of the sign-in page.
  router.post('/:uid/federation/:key', readForm, async (ctx) => {
    const visit = await dispatcher.visitOf(ctx);
    dispatcher.guard(visit, (ctx.request.body ?? {}) as Form);
    const key = String(ctx.params.key);
    if (!isFirst(visit.need) || !(await realms.chosen(visit, key))) return seeOther(ctx, visit.base);
    const { identifier, ...progress } = visit.progress;
    await realms.go(visit, key, { ...progress, ...noLetters });
  });
}
