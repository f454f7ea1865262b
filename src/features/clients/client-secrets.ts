// The secrets of one client: at most two at a time, so that a new one can be brought in before the old one goes.
// Its callers hold the row of the client, so two rotations at once follow each other.
import type { Clock } from '../../platform/clock.js';
import { newId, randomToken, sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Client } from './client.entity.js';
import { ClientSecret } from './client-secret.entity.js';
import { assertUsableSecret } from './secret-strength.js';

const OVERLAP = 2;

export class ClientSecrets {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly settings: { production: boolean },
  ) {}

  list(clientId: string): Promise<ClientSecret[]> {
    return this.db.repo(ClientSecret).find({ where: { clientId }, order: { id: 'ASC' } });
  }

  async add(
    { clientId }: Client,
    { given, previousExpiresIn }: { given?: string | undefined; previousExpiresIn?: number | undefined },
  ): Promise<{ secret: ClientSecret; value: string }> {
    if (given !== undefined) assertUsableSecret(given, this.settings.production);
    const now = this.clock.now();
    const live: ClientSecret[] = [];
    for (const one of await this.list(clientId)) {
      if (one.isLive(now)) live.push(one);
      else await this.db.repo(ClientSecret).delete({ id: one.id });
    }
    if (live.length >= OVERLAP)
      throw conflict('too_many_secrets', 'A client has at most two secrets: delete one first');
    if (previousExpiresIn !== undefined) {
      const expiresAt = new Date(now.getTime() + previousExpiresIn * 1000);
      for (const one of live)
        if (!one.expiresAt || one.expiresAt > expiresAt)
          await this.db.repo(ClientSecret).update({ id: one.id }, { expiresAt });
    }
    const value = given ?? randomToken();
    const secret = Object.assign(new ClientSecret(), {
      id: newId(),
      clientId,
      hash: sha256(value),
      hint: value.length >= 16 ? value.slice(-4) : '',
      createdAt: now,
    });
    await this.db.repo(ClientSecret).insert(secret);
    await this.audit.record('client.secret_added', { client_id: clientId, secret_id: secret.id });
    return { secret, value };
  }

  async remove({ clientId }: Client, secretId: string): Promise<void> {
    if ((await this.db.repo(ClientSecret).delete({ id: secretId, clientId })) === 0) throw notFound('secret');
    await this.audit.record('client.secret_removed', { client_id: clientId, secret_id: secretId });
  }

  async removeAll(client: Client): Promise<void> {
    for (const { id } of await this.list(client.clientId)) await this.remove(client, id);
  }
}
