// One difference between the file and the database, and how to make it go away.
import type { Database } from '../../platform/database.js';

export interface Change {
  action: 'create' | 'update';
  kind: 'tenant' | 'client' | 'user' | 'resource' | 'role' | 'exchange_policy';
  /** Slug. */
  tenant: string;
  /** slug, client_id, e-mail address, identifier, key, or what an exchange policy is about. */
  name: string;
  /** Members that differ, never their values; empty for what is new. */
  changed: string[];
}

/** A client_secret that was made here because the file gave none: shown this once. */
export interface MadeSecret {
  client_id: string;
  client_secret: string;
}

export interface Step {
  action: Change['action'];
  changed: string[];
  /** In the transaction of the whole file. */
  write(): Promise<MadeSecret | undefined>;
}

/** `~ user ann@example.com: claims.name`; a tenant other than default is named with it. */
export function describeChange({ action, kind, tenant, name, changed }: Change): string {
  const owner = tenant === 'default' || kind === 'tenant' ? '' : `${tenant}/`;
  return `${action === 'create' ? '+' : '~'} ${kind} ${owner}${name}${changed.length > 0 ? `: ${changed.join(', ')}` : ''}`;
}

/** jsonb keeps the members of an object in an order of its own. */
export const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  ) ?? 'null';

/** Names of the members whose values differ. */
export const differing = (before: object, after: object): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !same((before as Record<string, unknown>)[name], (after as Record<string, unknown>)[name]),
  );

/** Two files applied at once follow each other. Held until the surrounding transaction ends. */
export async function oneAtATime(db: Database): Promise<void> {
  await db.manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('declarations', 0))`);
}
