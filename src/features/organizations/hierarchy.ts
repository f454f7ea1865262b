// The hierarchy of an organization, which nobody climbs: whom one may touch, and what one may give. Pure.

export const ROLES = ['owner', 'admin', 'member'] as const;
/** What everybody in an organization is; custom roles come beside it. */
export type Role = (typeof ROLES)[number];

const RANKS: Readonly<Record<Role, number>> = { owner: 100, admin: 50, member: 0 };

export interface CustomRole {
  id: string;
  key: string;
  rank: number;
  permissions: readonly string[];
}

/** What somebody has in an organization. */
export interface Holding {
  role: Role;
  roles: readonly CustomRole[];
  /** Directly, beside those of the roles. */
  permissions: readonly string[];
}

/** Who asks, as far as the organization is concerned. */
export interface Standing {
  /** null: not a member but the tenant itself. */
  userId: string | null;
  rank: number;
  role: Role;
  /** Ids of custom roles. */
  roles: ReadonlySet<string>;
  permissions: ReadonlySet<string> | 'all';
}

/** The tenant's own word: as good as an owner's. */
export const TENANT: Standing = { userId: null, rank: 100, role: 'owner', roles: new Set(), permissions: 'all' };

export const rankOf = ({ role, roles }: Pick<Holding, 'role' | 'roles'>): number =>
  Math.max(RANKS[role], ...roles.map(({ rank }) => rank));

/** All of them, each once, in order. */
export const permissionsOf = ({ roles, permissions }: Pick<Holding, 'roles' | 'permissions'>): string[] =>
  [...new Set([...permissions, ...roles.flatMap((role) => role.permissions)])].sort();

/** Every token for the organization carries them: more than that, names or letters, nobody has. */
export const MOST_CARRIED = { names: 200, letters: 16_384 };

export function isTooMuch(holding: Pick<Holding, 'roles' | 'permissions'>): boolean {
  const all = permissionsOf(holding);
  return all.length > MOST_CARRIED.names || all.join('').length > MOST_CARRIED.letters;
}

export const standingOf = (userId: string, holding: Holding): Standing => ({
  userId,
  rank: rankOf(holding),
  role: holding.role,
  roles: new Set(holding.roles.map(({ id }) => id)),
  permissions: holding.role === 'owner' ? 'all' : new Set(permissionsOf(holding)),
});

export const isAtLeast = (role: Role, needed: Role): boolean => RANKS[role] >= RANKS[needed];

export type Refusal = 'rank_too_low' | 'raises_oneself' | 'permission_not_held';

/** Change, suspend, remove: equal is allowed. */
export const mayTouch = ({ rank }: Standing, them: Pick<Holding, 'role' | 'roles'>): boolean => rankOf(them) <= rank;

/**
 * @param before what they have now; undefined for somebody new. @param grantable permissions that whoever asks may give directly.
 * @returns why not; undefined where it may be.
 */
export function refusalOfChange(
  standing: Standing,
  grantable: ReadonlySet<string> | 'all',
  { userId, before, after }: { userId: string; before?: Holding; after: Holding },
): Refusal | undefined {
  if ((before && !mayTouch(standing, before)) || !mayTouch(standing, after)) return 'rank_too_low';
  const added = after.permissions.filter((permission) => !before?.permissions.includes(permission));
  if (!holds(grantable, added)) return 'permission_not_held';
  if (before && userId === standing.userId && !isWithin(standing, before, after)) return 'raises_oneself';
  return undefined;
}

/**
 * @param before the custom role as it is; undefined for a new one.
 * @returns why whoever asks may not make it so, or change it; undefined where they may.
 */
export function refusalOfRole(
  standing: Standing,
  grantable: ReadonlySet<string> | 'all',
  { before, after }: { before?: CustomRole; after: Pick<CustomRole, 'rank' | 'permissions'> },
): Refusal | undefined {
  if ((before && before.rank > standing.rank) || after.rank > standing.rank) return 'rank_too_low';
  if (!holds(grantable, after.permissions)) return 'permission_not_held';
  // Whoever has the role would give it to themselves.
  const own = before && standing.roles.has(before.id);
  if (own && (after.rank > before.rank || !holds(standing.permissions, after.permissions))) return 'raises_oneself';
  return undefined;
}

/** Whoever has it loses something, or their rank: that takes the rank of everybody who has it. */
export const takesFrom = (before: CustomRole, after: Pick<CustomRole, 'rank' | 'permissions'>): boolean =>
  after.rank !== before.rank || !holds(new Set(after.permissions), before.permissions);

const holds = (held: ReadonlySet<string> | 'all', permissions: readonly string[]): boolean =>
  held === 'all' || permissions.every((permission) => held.has(permission));

/** Nobody raises themselves, not even by what they could give to others. */
const isWithin = (standing: Standing, before: Holding, after: Holding): boolean =>
  standing.permissions === 'all' ||
  (RANKS[after.role] <= RANKS[before.role] &&
    after.roles.every(({ id }) => standing.roles.has(id)) &&
    holds(standing.permissions, after.permissions));
