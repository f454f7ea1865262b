// What one can choose from in an organization: its teams, and the custom roles that whoever asks may give.
import type { Standing } from '../features/organizations/hierarchy.js';
import { ROLES, type Role, rankOf } from '../features/organizations/hierarchy.js';
import type { Organization } from '../features/organizations/organization.entity.js';
import { listRoles } from '../features/organizations/organization-role.queries.js';
import { listTeams } from '../features/organizations/team.queries.js';
import type { Database } from '../platform/database.js';

/** More than that are nothing to choose from; the API has them all. */
const limit = 100;

export interface Choice {
  id: string;
  name: string;
  ticked: boolean;
}

/** Those that every organization has, as far as this person may give them. */
export const rolesUpTo = ({ rank }: Standing): Role[] => ROLES.filter((role) => rankOf({ role, roles: [] }) <= rank);

export async function teamChoices(
  db: Database,
  { id }: Pick<Organization, 'id'>,
  ticked: readonly string[],
): Promise<Choice[]> {
  const { items } = await listTeams(db, id, { limit });
  return items.map((team) => ({ id: team.id, name: team.name, ticked: ticked.includes(team.id) }));
}

/** Those that are given already are there, whatever their rank: what is not there is taken away. */
export async function roleChoices(
  db: Database,
  { id }: Pick<Organization, 'id'>,
  { rank }: Standing,
  ticked: readonly string[],
): Promise<Choice[]> {
  const { items } = await listRoles(db, id, { limit });
  return items
    .filter((role) => role.rank <= rank || ticked.includes(role.id))
    .map((role) => ({ id: role.id, name: role.name, ticked: ticked.includes(role.id) }));
}
