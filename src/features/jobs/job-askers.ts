// Who asked for a job, as they are now: what they had when they asked, and of that what they have still.
import { type Clock, epochSeconds } from '../../platform/clock.js';
import type { Actor } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { ApiKey } from '../api-keys/api-key.entity.js';
import type { ClientService } from '../clients/client.service.js';
import { settingsOf } from '../clients/client-settings.js';
import type { RoleService } from '../roles/role.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import type { Job } from './job.entity.js';

export class JobAskers {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly users: Pick<UserService, 'findActive' | 'isOutdated'>,
    private readonly clients: Pick<ClientService, 'engineMetadata'>,
    private readonly roles: Pick<RoleService, 'permissionsOf' | 'within'>,
  ) {}

  /** undefined where they may not come in any more. */
  async now(job: Job): Promise<Actor | undefined> {
    const { actorType: type, actorId: id, actorScopes, apiKeyId } = job;
    const key = apiKeyId === null ? undefined : await this.goodKey(apiKeyId);
    if (apiKeyId !== null && !key) return undefined;
    const byKey = key && new Set([...key.scopes, ...(await this.roles.permissionsOf(key.roles))]);
    const user = type === 'user' ? await this.person(job) : undefined;
    const held = type === 'api_key' ? byKey : await this.held(job, user);
    if (!held) return undefined;
    const now = new Set(held);
    const scopes = new Set(actorScopes.filter((one) => now.has(one) && (!byKey || byKey.has(one))));
    return {
      type,
      id,
      scopes,
      // As the door has it: of a client, its scopes say it all; of a person also what their roles open at resources.
      ...(type === 'client' ? {} : { rolesWithin: await this.roles.within(scopes, user?.roles) }),
      ...(user ? { roles: user.roles } : {}),
      ...(key ? { apiKey: { id: key.id, environment: key.environment } } : {}),
    };
  }

  /** Whoever has ended all their sessions since, as with a new password, has ended what was asked for in one of them. A key ends by itself. */
  private async person({ actorId: id, apiKeyId, createdAt }: Job): Promise<User | undefined> {
    if (apiKeyId === null && (await this.users.isOutdated(id, epochSeconds(createdAt)))) return undefined;
    return this.users.findActive(id);
  }

  private async held(
    { actorType, actorId }: Pick<Job, 'actorType' | 'actorId'>,
    user: User | undefined,
  ): Promise<Iterable<string> | undefined> {
    if (actorType === 'user') return user && this.roles.permissionsOf(user.roles);
    const metadata = await this.clients.engineMetadata(actorId);
    return metadata && (settingsOf(metadata).allowed_scope?.split(' ') ?? []);
  }

  private async goodKey(id: string): Promise<ApiKey | undefined> {
    const key = await this.db.repo(ApiKey).findOneBy({ id });
    return key && !key.revokedAt && !(key.expiresAt && key.expiresAt <= this.clock.now()) ? key : undefined;
  }
}
