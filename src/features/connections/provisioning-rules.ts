// What a connection makes of somebody in its organization: what it wants for them, and how that meets what they have. Only what it has given is taken
// away again. Pure.
import type { Role } from '../organizations/hierarchy.js';
import type { ConnectionSettings } from './connection.settings.js';
import type { Given } from './identity.entity.js';

/** null: nothing makes them a member. */
export interface Wanted {
  role: 'member' | 'admin' | null;
  roles: string[];
  teams: string[];
}

export interface Has {
  role: Role;
  roles: readonly string[];
  teams: readonly string[];
}

export interface Changes {
  role: Role;
  roles: string[];
  joins: string[];
  leaves: string[];
  given: Given;
}

type Rules = Pick<ConnectionSettings['provisioning'], 'role' | 'roles' | 'groups'>;

export const isInRequired = (required: readonly string[], groups: readonly string[]): boolean =>
  required.length === 0 || required.some((group) => groups.includes(group));

export function wantedBy(rules: Rules, groups: readonly string[]): Wanted {
  const theirs = rules.groups.filter(({ group }) => groups.includes(group));
  const said = [rules.role, ...theirs.map(({ role }) => role ?? null)];
  return {
    role: said.includes('admin') ? 'admin' : said.includes('member') ? 'member' : null,
    roles: [...new Set([...rules.roles, ...theirs.flatMap(({ roles = [] }) => roles)])],
    teams: [...new Set(theirs.flatMap(({ teams = [] }) => teams))],
  };
}

/** Of a member. An owner stays one, and nobody becomes one. */
export function changesOf(has: Has, wanted: Wanted, given: Given): Changes {
  const roles = meeting(has.roles, wanted.roles, given.roles ?? []);
  const teams = meeting(has.teams, wanted.teams, given.teams ?? []);
  const admin = has.role === 'member' ? wanted.role === 'admin' : has.role === 'admin' && given.admin === true;
  const role = has.role === 'owner' ? 'owner' : roleOf(has.role, wanted, given);
  return {
    role,
    roles: roles.after,
    joins: teams.after.filter((id) => !has.teams.includes(id)),
    leaves: has.teams.filter((id) => !teams.after.includes(id)),
    given: {
      ...given,
      admin: admin && role === 'admin',
      roles: roles.given,
      teams: teams.given,
    },
  };
}

export const isNothing = (has: Has, { role, roles, joins, leaves }: Changes): boolean =>
  role === has.role && joins.length + leaves.length === 0 && isSame(roles, has.roles);

function roleOf(now: 'member' | 'admin', wanted: Wanted, given: Given): Role {
  if (now === 'member') return wanted.role === 'admin' ? 'admin' : 'member';
  return given.admin && wanted.role !== 'admin' ? 'member' : 'admin';
}

/** What they had by somebody else's word stays that: it is not counted as given. */
function meeting(has: readonly string[], wanted: readonly string[], given: readonly string[]) {
  const kept = has.filter((id) => !given.includes(id) || wanted.includes(id));
  const added = wanted.filter((id) => !has.includes(id));
  return {
    after: [...kept, ...added],
    given: wanted.filter((id) => added.includes(id) || given.includes(id)),
  };
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((id) => b.includes(id));
