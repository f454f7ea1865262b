import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { type BuiltInRole, builtInRoles } from './built-in-roles.js';
import { Role } from './role.entity.js';
import type { RoleQuery } from './role.schema.js';

/** By their keys, those that every tenant has among the others: there are few of either. */
export async function listRoles(db: Database, query: RoleQuery): Promise<Page<Role | BuiltInRole>> {
  const after = decodeCursor(query.cursor) ?? '';
  const roles = [...builtInRoles, ...(await db.repo(Role).find())].filter(({ key }) => key > after);
  const rows = roles.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, query.limit + 1);
  return toPage(rows, query, ({ key }) => key);
}
