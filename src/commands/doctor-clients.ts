// The check of clients: which of them may do what the best current practice advises against (RFC 9700).
import { type Check, ok, warn } from './doctor-check.js';
import type { CommandServices } from './terminal.js';

export async function clientsCheck({ db }: Pick<CommandServices, 'db'>): Promise<Check> {
  const found = await db.manager.query<{ slug: string; count: number }[]>(
    `SELECT t.slug, count(*)::int AS count FROM clients c JOIN tenants t ON t.id = c.tenant_id
      WHERE c.metadata ->> 'profile' = 'compatibility' AND c.disabled_at IS NULL GROUP BY t.slug ORDER BY t.slug`,
  );
  if (found.length === 0) return ok('clients', 'none has the profile compatibility');
  return warn(
    'clients',
    `with the profile compatibility: ${found.map(({ slug, count }) => `${count} of ${slug}`).join(', ')}`,
    'take it from each application that can do without (docs/client-profiles.md)',
  );
}
