// Where a sign-in goes on: here, or at an identity provider. By the domain of what was typed, by what the request says, by a button; never by whether
// somebody has an account. Hands off to: HomeRealms, which knows who serves a domain; federation.ts, which sends people there.
import type { Connection } from '../features/connections/connection.entity.js';
import { type HomeRealms, isRequired } from '../features/connections/home-realm.js';
import { normalizeIdentifier } from '../features/users/identifier.js';
import { seeOther } from '../platform/form.js';
import { lastWayIn } from './last-way-in.js';
import type { Progress } from './steps.js';
import { type Stage, text, type Visit } from './visit.js';

export interface RealmDependencies {
  homeRealms: Pick<HomeRealms, 'of' | 'requiredOf' | 'isElsewhere' | 'servesAny' | 'buttons' | 'chosen'>;
}

export interface RealmButton {
  key: string;
  name: string;
  /** By which somebody came in last, in this browser. */
  last: boolean;
}

export class Realms {
  constructor(
    private readonly stage: Stage,
    private readonly deps: RealmDependencies,
  ) {}

  /**
   * Who signs in people of the domain of this name, where the sign-in takes that. Asked for every name alike. Where something of their own is asked for,
   * whoever it alone signs in, and has not been shown by it, has nothing that would be taken.
   */
  async of(visit: Visit, identifier: string): Promise<Connection | undefined> {
    const { homeRealms } = this.deps;
    const name = normalizeIdentifier(identifier) ?? '';
    if (isOpen(visit)) return homeRealms.of(name);
    const { proofs, linking } = visit.progress;
    const shown = [linking?.connection, ...proofs.map(({ connection }) => connection)];
    const required = await homeRealms.requiredOf(name);
    return required.some(({ id }) => shown.includes(id)) ? undefined : required.find(isRequired);
  }

  /**
   * The same, for who signs in: an answer from there that was refused opens this sign-in for their own means. Nobody is told who somebody is by that:
   * whether these are a sign-in is seen when all has been proved, and for most people they are none.
   */
  async leading(visit: Visit, identifier: string): Promise<Connection | undefined> {
    const realm = await this.of(visit, identifier);
    return realm && realm.id !== visit.progress.turned_away ? realm : undefined;
  }

  /** Whether nothing is taken here for a name: whoever has it is signed in elsewhere. */
  async isElsewhere(visit: Visit, identifier: string): Promise<boolean> {
    const realm = await this.leading(visit, identifier);
    return realm !== undefined && isRequired(realm);
  }

  /** Where the request itself says so (`connection`, `idp_hint`, `login_hint`), or the organization that it is for takes nothing else. Once: who comes back sees the page. */
  async hinted({ interaction, progress, need }: Visit): Promise<string | undefined> {
    const { connection, idp_hint, login_hint } = interaction.params;
    const { going, again, identifier, linking, federated } = progress;
    // Who came back with an answer that does not do is sent there again only if they want it, or they would go round in circles.
    if (going !== undefined || again || federated || identifier !== undefined || linking) return undefined;
    const hint = text(connection) ?? text(idp_hint);
    if (need.kind === 'way') return need.methods.length === 0 || hint === need.connection ? need.connection : undefined;
    const chosen = hint && (await this.deps.homeRealms.chosen(hint));
    if (chosen || progress.other_account) return chosen ? chosen.key : undefined;
    const name = text(login_hint);
    return name && (await this.deps.homeRealms.of(normalizeIdentifier(name.slice(0, 320)) ?? ''))?.key;
  }

  /** Those of the tenant, which are no secret; that of an organization only where its members are asked for it. */
  async buttons(visit: Visit): Promise<RealmButton[]> {
    const { need } = visit;
    const last = lastWayIn(visit.ctx);
    const named = async (key: string) => {
      const found = await this.deps.homeRealms.chosen(key);
      return found ? [found] : [];
    };
    const shown =
      need.kind === 'way'
        ? await named(need.connection ?? '')
        : isOpen(visit)
          ? await this.deps.homeRealms.buttons()
          : [];
    return shown.map(({ key, displayName }) => ({ key, name: displayName, last: key === last }));
  }

  /** @returns undefined where there is no such one, or not now: nothing tells these apart. */
  async chosen(visit: Visit, key: string): Promise<Connection | undefined> {
    const { need } = visit;
    if (need.kind === 'way' ? need.connection !== key : !isOpen(visit)) return undefined;
    return this.deps.homeRealms.chosen(key);
  }

  /** To the page that leads on: whoever is shown there is not whose account was to be proved here. */
  async go(visit: Visit, key: string, progress: Progress = visit.progress): Promise<void> {
    await this.stage.remember(visit, { ...progress, linking: undefined, going: key });
    if (!visit.json) seeOther(visit.ctx, departure(visit, key));
  }
}

export const departure = ({ base }: Pick<Visit, 'base'>, key: string): string => `${base}/federation/${key}`;

/** Where an account is to be proved by its own means, no identity provider is offered. */
const isOpen = ({ need, progress }: Visit): boolean => need.kind === 'first_factor' && progress.linking === undefined;
