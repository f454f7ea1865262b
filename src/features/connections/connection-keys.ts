// Owns our own keys, a set for each SAML connection. One that is new is published first and used only when asked for again; the one before goes on
// opening what is encrypted for it: at no moment the other side has to change at the same time as we do.
// Hands off to: saml/, which signs and decrypts with them.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId, type Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict } from '../../platform/errors.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Connection } from './connection.entity.js';
import type { ConnectionAdmission, Owner } from './connection-admission.js';
import { type KeyPair, makeKeyPair } from './connection-certificate.js';
import { ConnectionKey, type ConnectionKeyStatus, KEY_STATUSES } from './connection-key.entity.js';

export interface OpenedKey extends KeyPair {
  status: ConnectionKeyStatus;
}

export class ConnectionKeys {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly admission: Pick<ConnectionAdmission, 'assertMay'>,
  ) {}

  /** In the order of their use: the next one, the current, the previous. */
  async of({ id }: Pick<Connection, 'id'>): Promise<ConnectionKey[]> {
    const keys = await this.db.repo(ConnectionKey).findBy({ connectionId: id });
    return KEY_STATUSES.flatMap((status) => keys.filter((key) => key.status === status));
  }

  /** As above, with their private halves: the current one signs, each of them decrypts. */
  async opened(connection: Pick<Connection, 'id'>): Promise<OpenedKey[]> {
    const keys = await this.of(connection);
    return keys.map(({ tenantId, id, status, certificate, privateKeySealed }) => {
      const privateKey = this.sealer.open(privateKeySealed, sealContext(tenantId, id));
      return { status, certificate, privateKey };
    });
  }

  /** Not stored yet. Takes a while: never in a transaction. */
  async make({ id, key }: Pick<Connection, 'id' | 'key'>, status: ConnectionKeyStatus): Promise<ConnectionKey> {
    const now = this.clock.now();
    const { certificate, privateKey } = await makeKeyPair(key, now);
    const made = newId();
    return Object.assign(new ConnectionKey(), {
      id: made,
      connectionId: id,
      status,
      certificate,
      privateKeySealed: this.sealer.seal(privateKey, sealContext(currentTenantId(), made)),
      createdAt: now,
      statusSince: now,
    });
  }

  /** One step: a next key where there is none; else that one is current from now on. @throws AppError 409 for what has no keys, or was turned meanwhile. */
  async rotate(owner: Owner, connection: Connection): Promise<ConnectionKey[]> {
    if (connection.kind !== 'saml') throw conflict('no_keys', 'Only SAML connections have keys of their own');
    const before = await this.of(connection);
    const isReady = before.some(({ status }) => status === 'next');
    const made = isReady ? undefined : await this.make(connection, before.length === 0 ? 'current' : 'next');
    await this.db.transaction(async () => {
      await this.lock(connection);
      await this.admission.assertMay(owner);
      const now = await this.of(connection);
      if (now.map(idOf).join() !== before.map(idOf).join())
        throw conflict('keys_rotated', 'The keys were rotated at the same moment: look at them first');
      if (made) await this.db.repo(ConnectionKey).insert(made);
      else await this.turn(now);
      await this.audit.record('connection.keys_rotated', {
        connection_id: connection.id,
        step: made ? 'published' : 'used',
      });
    });
    return this.of(connection);
  }

  private async turn(keys: readonly ConnectionKey[]): Promise<void> {
    const repo = this.db.repo(ConnectionKey);
    const statusSince = this.clock.now();
    const [next, current, previous] = KEY_STATUSES.map((status) => keys.find((key) => key.status === status));
    // In this order: there is one of each at most.
    if (previous) await repo.delete({ id: previous.id });
    if (current) await repo.update({ id: current.id }, { status: 'previous', statusSince });
    if (next) await repo.update({ id: next.id }, { status: 'current', statusSince });
  }

  /** @throws AppError 409 where it went meanwhile. */
  private async lock({ id }: Connection): Promise<void> {
    const rows = await this.db.execute(LOCK, [currentTenantId(), id]);
    if (rows.length === 0) throw conflict('keys_rotated', 'The connection went at the same moment');
  }
}

const idOf = ({ id, status }: ConnectionKey) => `${id} ${status}`;

const LOCK = { name: 'connection_lock', text: 'SELECT 1 FROM connections WHERE tenant_id = $1 AND id = $2 FOR UPDATE' };

const sealContext = (tenantId: string, id: string) => `connection_keys:${tenantId}:${id}`;

export const sealedConnectionKeys: SealedColumn = {
  table: 'connection_keys',
  column: 'private_key_sealed',
  key: ['tenant_id', 'id'],
  context: ({ tenant_id, id }) => sealContext(String(tenant_id), String(id)),
};
