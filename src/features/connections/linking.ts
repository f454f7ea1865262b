// Who somebody is that an identity provider speaks of: known, new, or an account that is there already, and what has to be proved before the two are
// one. Pure. Nobody is linked by an address that is not proved on both sides; nobody with a role of the tenant is linked by an address at all.
import type { Purpose } from './federated-sign-in.js';

export interface Account {
  id: string;
  active: boolean;
  emailVerified: boolean;
  /** Has a role of the tenant. */
  privileged: boolean;
  /** Somebody made it and has not proved its address since. */
  unproved: boolean;
  /** Another subject of the same connection is linked to it. */
  linkedHere: boolean;
  /** Its address is in a domain whose people sign in by other identity providers alone. */
  elsewhere: boolean;
  /** Belongs to the organization of the connection, whose owners see it in their list. */
  member: boolean;
  /** Somebody comes in by another connection, too. */
  shared: boolean;
}

export interface Situation {
  purpose: Purpose;
  /** Whose the identity is already. */
  known?: Account | undefined;
  /** It was theirs by the domain of their address, or by having made an account into which others come by now, and its organization speaks for it no more. */
  lapsed?: boolean;
  /** What the identity provider says, as far as it is believed. */
  email?: { verified: boolean; elsewhere: boolean } | undefined;
  /** Whoever has that address. */
  account?: Account | undefined;
  connection: {
    organization: boolean;
    /** Its organization has proved the domain of the address. */
    ownsDomain: boolean;
    create: boolean;
  };
  inRequiredGroup: boolean;
  /** Who asks in their own account (`link`), or has just proved in the same browser whose account it is. */
  proved?: Account | undefined;
}

export type RefusalReason =
  | 'account_disabled'
  | 'linked_elsewhere'
  | 'provider_required'
  | 'privileged'
  | 'group_required'
  | 'email_missing'
  | 'foreign_domain'
  | 'not_provisioned'
  | 'no_account_proved';

export type Linking =
  | { kind: 'known'; userId: string }
  | { kind: 'create' }
  /** The address is theirs, and nobody had proved it before: what a stranger put into the account goes. */
  | { kind: 'take_over'; userId: string }
  | { kind: 'link'; userId: string }
  /** The account has to be proved by its own means first. */
  | { kind: 'prove'; userId: string }
  | { kind: 'refused'; reason: RefusalReason; userId?: string };

export function linking(situation: Situation): Linking {
  const { purpose, known, inRequiredGroup, proved } = situation;
  if (known && !known.active) return refused('account_disabled', known);
  if (!inRequiredGroup) return refused('group_required', known);
  if (purpose === 'link' && !proved) return refused('no_account_proved');
  if (known) return ofKnown(known, situation);
  return proved ? ofProved(proved, situation) : ofAddress(situation);
}

/** What somebody has proved beside it is theirs only where it is the same account. */
function ofKnown(known: Account, { purpose, proved, lapsed }: Situation): Linking {
  const isProved = proved?.id === known.id;
  if (purpose === 'link' && !isProved) return refused('linked_elsewhere');
  // It would write to an account that it opens no more.
  if (known.elsewhere) return refused('provider_required', known);
  if (lapsed && !isProved) return { kind: 'prove', userId: known.id };
  return { kind: 'known', userId: known.id };
}

/** By the account's own means, which is stronger than any address: in a sign-in, only the account that was asked for. */
function ofProved(proved: Account, situation: Situation): Linking {
  const { purpose, account, connection } = situation;
  if (!proved.active) return refused('account_disabled', proved);
  // Whoever runs the directory of an organization would speak for an administrator of the tenant.
  if (proved.privileged && connection.organization) return refused('privileged', proved);
  if (purpose !== 'link' && proved.id !== account?.id) return ofAddress(situation);
  if (proved.elsewhere) return refused('provider_required', proved);
  return { kind: 'link', userId: proved.id };
}

function ofAddress({ email, account, connection }: Situation): Linking {
  if (!email) return refused('email_missing');
  // Whoever runs the directory of an organization learns of nobody elsewhere whether they have an account, and gives nobody one.
  if (connection.organization && !connection.ownsDomain && !account?.member) return refused('foreign_domain');
  // Nobody comes in by it whose own business says that its own identity provider alone signs them in.
  if (account ? account.elsewhere : email.elsewhere) return refused('provider_required', account);
  if (!account) return connection.create ? { kind: 'create' } : refused('not_provisioned');
  if (!account.active) return refused('account_disabled', account);
  if (account.privileged)
    return connection.organization ? refused('privileged', account) : { kind: 'prove', userId: account.id };
  if (email.verified && !account.emailVerified && account.unproved) return { kind: 'take_over', userId: account.id };
  // Whose address it is now need not be who had it: another person of the same directory is somebody else.
  const sameHouse = connection.organization && connection.ownsDomain && !account.linkedHere;
  if (email.verified && account.emailVerified && sameHouse) return { kind: 'link', userId: account.id };
  return { kind: 'prove', userId: account.id };
}

const refused = (reason: RefusalReason, account?: Account): Linking => ({
  kind: 'refused',
  reason,
  ...(account ? { userId: account.id } : {}),
});
