// The roles that every tenant has, each said here and nowhere else. They have no row: nobody edits or deletes them.
import { ADMIN } from '../users/user.entity.js';

export interface BuiltInRole {
  key: string;
  name: string;
  description: string;
  /** `every`: whatever the tenant has, at its resources too. */
  permissions: 'every' | readonly string[];
}

/** Reading what a person asks about, and the few acts that help them: none of them makes anybody stronger. */
const support = [
  'users:read',
  'users:lock',
  'sessions:read',
  'sessions:write',
  'grants:read',
  'audit:read',
  'mail:read',
  'mail:write',
  'traces:read',
  'health:read',
];

export const builtInRoles: readonly BuiltInRole[] = [
  {
    key: ADMIN,
    name: 'Administrator',
    description: 'Administers the tenant: every permission, of its resources too',
    permissions: 'every',
  },
  {
    key: 'BILLING_ADMIN',
    name: 'Billing administrator',
    description: 'Sees the organizations that are billed',
    permissions: ['organizations:read'],
  },
  {
    key: 'SUPPORT',
    name: 'Support',
    description:
      'Helps people: sees accounts, sessions, mail and the audit log, locks and unlocks, ends sessions, sends mail again, sees whether the server is well',
    permissions: support,
  },
  {
    key: 'USER',
    name: 'User',
    description: 'Uses the applications of the tenant: no permission here',
    permissions: [],
  },
];

const keys: ReadonlySet<string> = new Set(builtInRoles.map(({ key }) => key));

/** In any spelling: nobody is to take `Admin` for ADMIN. */
export const isBuiltIn = (key: string): boolean => keys.has(key.toUpperCase());
