// Who acts for whom (RFC 8693 §4.1, §4.4): the chain that a token carries, which only ever grows.

/** The current actor, and in `act` those before it: information only, for nobody is asked again what an earlier one may (§4.1). */
export interface Act {
  sub: string;
  /** Where it is a client: the names of clients and of people are not of one space. */
  client_id?: string;
  iss?: string;
  act?: Act;
}

/** A chain is no longer than this, so that neither is a token. */
export const MOST_ACTORS = 5;

/** @returns the chain with this actor in front; without one, the chain as it was, for nothing drops out of it. */
export function acting(actor: Act | undefined, before: Act | undefined): Act | undefined {
  if (!actor) return before;
  return before ? { ...actor, act: before } : actor;
}

/** What another issuer says of who acts; a chain that is none is not shortened but refused. @returns undefined where it is none. */
export function readAct(said: unknown, issuer: string, most = MOST_ACTORS): Act | undefined {
  if (typeof said !== 'object' || said === null || most === 0) return undefined;
  const { sub, client_id, iss, act } = said as Record<string, unknown>;
  if (typeof sub !== 'string' || sub === '') return undefined;
  const before = act === undefined ? undefined : readAct(act, issuer, most - 1);
  if (act !== undefined && !before) return undefined;
  // §4.1: sub alone names somebody only together with who says so.
  return {
    sub,
    ...(typeof client_id === 'string' ? { client_id } : {}),
    iss: typeof iss === 'string' ? iss : issuer,
    ...(before ? { act: before } : {}),
  };
}

export const lengthOf = (act: Act | undefined): number => (act ? 1 + lengthOf(act.act) : 0);

/** §4.4: whoever acts must be the party that may_act names, by every member it names it by. */
export const mayAct = (named: Readonly<Record<string, unknown>>, actor: Act): boolean => {
  const members = Object.entries(named);
  return members.length > 0 && members.every(([name, value]) => name !== 'act' && actor[name as keyof Act] === value);
};
