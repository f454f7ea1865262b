// Who asked for a job, as they are now: what they had when they asked, and of that what they have still.
import type { Clock } from '../../platform/clock.js';
import type { Actor } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { ApiKey } from '../api-keys/api-key.entity.js';
import type { ClientService } from '../clients/client.service.js';
import { settingsOf } from '../clients/client-settings.js';
import type { RoleService } from '../roles/role.service.js';
import type { UserService } from '../users/user.service.js';
import type { Job } from './job.entity.js';

export class JobAskers {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly users: Pick<UserService, 'findActive'>,
    private readonly clients: Pick<ClientService, 'engineMetadata'>,
    private readonly roles: Pick<RoleService, 'permissionsOf' | 'within'>,
  ) {}

  /** undefined where they may not come in any more. */
  async now({ actorType: type, actorId: id, actorScopes, apiKeyId }: Job): Promise<Actor | undefined> {
    const key = apiKeyId === null ? undefined : await this.goodKey(apiKeyId);
    if (apiKeyId !== null && !key) return undefined;
    const byKey = key && new Set([...key.scopes, ...(await this.roles.permissionsOf(key.roles))]);
    const held = type === 'api_key' ? byKey : await this.held(type, id);
    if (!held) return undefined;
    const now = new Set(held);
    const scopes = new Set(actorScopes.filter((one) => now.has(one) && (!byKey || byKey.has(one))));
    return {
      type,
      id,
      scopes,
      // As the door has it: of a client, its scopes say it all.
      ...(type === 'client' ? {} : { rolesWithin: await this.roles.within(scopes) }),
      ...(key ? { apiKey: { id: key.id, environment: key.environment } } : {}),
    };
  }

  private async held(type: 'user' | 'client', id: string): Promise<Iterable<string> | undefined> {
    if (type === 'client') {
      const metadata = await this.clients.engineMetadata(id);
      return metadata && (settingsOf(metadata).allowed_scope?.split(' ') ?? []);
    }
    const user = await this.users.findActive(id);
    return user && this.roles.permissionsOf(user.roles);
  }

  private async goodKey(id: string): Promise<ApiKey | undefined> {
    const key = await this.db.repo(ApiKey).findOneBy({ id });
    return key && !key.revokedAt && !(key.expiresAt && key.expiresAt <= this.clock.now()) ? key : undefined;
  }
}
