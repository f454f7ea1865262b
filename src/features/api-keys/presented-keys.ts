// Knows a key again that a request shows: its checksum first, then one statement. What is refused looks alike from outside; which it was is
// recorded, once a minute for each key.
import type { Clock } from '../../platform/clock.js';
import { type Actor, currentContext, currentTenantId, withContext } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import { type Limiter, waitOf } from '../../platform/rate-limit.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { ApiKey, ResourceAccess } from './api-key.entity.js';
import { type Environment, hashOfKey } from './api-key.format.js';
import { refusalOf, type Surroundings } from './api-key.rules.js';

/** A key that is good, and the person for whom it acts, as they are now. */
export interface KnownKey {
  id: string;
  environment: Environment;
  owner: { id: string; roles: string[] } | undefined;
  scopes: string[];
  /** Of the key, not of the person. */
  roles: string[];
  resources: ResourceAccess[];
  requestsPerMinute: number | null;
  expiresAt: Date | null;
}

type Row = Pick<KnownKey, 'id' | 'environment' | 'scopes' | 'roles' | 'resources'> & {
  user_id: string | null;
  hash: string;
  former_until: Date | null;
  allowed_networks: string[];
  requests_per_minute: number | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  owner_roles: string[] | null;
  owner_active: boolean;
};

export class PresentedKeys {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    /** How often the refusal of one key is recorded. */
    private readonly recorded: Limiter,
  ) {}

  /** @returns undefined for every key that is not good here and now, without saying why. */
  async know(value: string, around: Pick<Surroundings, 'testKeys' | 'boundOnly'>): Promise<KnownKey | undefined> {
    const hash = hashOfKey(value);
    if (hash === undefined) return undefined;
    const [row] = await this.db.execute<Row>(find, [currentTenantId(), hash]);
    if (!row) return undefined;
    const presented = { key: toKey(row), hash, ownerActive: row.owner_active };
    const now = this.clock.now();
    const reason = refusalOf(presented, { ...around, now, ip: currentContext()?.ip });
    if (reason) {
      await this.note(row, reason);
      return undefined;
    }
    return {
      id: row.id,
      environment: row.environment,
      owner: row.user_id ? { id: row.user_id, roles: row.owner_roles ?? [] } : undefined,
      scopes: row.scopes,
      roles: row.roles,
      resources: row.resources,
      requestsPerMinute: row.requests_per_minute,
      expiresAt: row.hash === hash ? row.expires_at : earlier(row.expires_at, row.former_until),
    };
  }

  private async note({ id, user_id }: Row, reason: string): Promise<void> {
    if ((await waitOf(this.recorded.consume(`${currentTenantId()}\0${id}`))) > 0) return;
    const event = { api_key_id: id, ...(user_id ? { user_id } : {}), reason };
    // Of a person, so that the address goes when they do.
    const actor: Actor = user_id ? { type: 'user', id: user_id } : { type: 'api_key', id };
    await withContext({ actor }, () => this.audit.record('api_key.refused', event));
  }
}

const earlier = (a: Date | null, b: Date | null): Date | null => (a && (!b || a < b) ? a : b);

const toKey = (
  row: Row,
): Pick<ApiKey, 'hash' | 'formerUntil' | 'expiresAt' | 'revokedAt' | 'userId' | 'environment' | 'allowedNetworks'> => ({
  hash: row.hash,
  formerUntil: row.former_until,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
  userId: row.user_id,
  environment: row.environment,
  allowedNetworks: row.allowed_networks,
});

/** Each branch by its own index: with an OR between them neither may be used. */
const find: Statement = {
  name: 'api_keys_find',
  text: `
    WITH shown AS (
      SELECT * FROM api_keys WHERE tenant_id = $1 AND hash = $2
      UNION ALL
      SELECT * FROM api_keys WHERE tenant_id = $1 AND former_hash = $2
    )
    SELECT k.id, k.user_id, k.environment, k.hash, k.former_until, k.scopes, k.roles, k.resources, k.allowed_networks, k.requests_per_minute,
           k.expires_at, k.revoked_at, u.roles AS owner_roles, (u.id IS NOT NULL AND u.disabled_at IS NULL AND u.deletion_at IS NULL) AS owner_active
      FROM shown k LEFT JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id`,
};
