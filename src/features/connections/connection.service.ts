// Owns which identity providers the tenant and its organizations trust, and what they are told to do.
// Hands off to: connection-refresh.ts (what is read of them), connection-keys.ts (our own keys), home-realm.ts (who is sent where).
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { AppError, conflict, type Issue, invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import { mergePatch } from '../../platform/merge-patch.js';
import type { AuditLog } from '../audit/audit.service.js';
import { Organization } from '../organizations/organization.entity.js';
import type { Caching } from '../tenants/caching.js';
import { Connection } from './connection.entity.js';
import type { CreateConnection, UpdateConnection } from './connection.schema.js';
import type { ConnectionAdmission, Owner } from './connection-admission.js';
import type { ConnectionHooks } from './connection-hooks.js';
import { ConnectionKey } from './connection-key.entity.js';
import type { ConnectionKeys } from './connection-keys.js';
import { type MetadataReader, withMetadata } from './connection-metadata.js';
import type { ConnectionRefresh } from './connection-refresh.js';
import { missingOf, problemsOf } from './connection-rules.js';
import type { ConnectionSecrets } from './connection-secret.js';
import { nameOf, sourceOf } from './connection-upstream.js';
import { CONNECTIONS_TOPIC } from './home-realm.js';

export interface ConnectionDependencies {
  db: Database;
  audit: AuditLog;
  clock: Clock;
  caching: Pick<Caching, 'publish'>;
  admission: ConnectionAdmission;
  keys: Pick<ConnectionKeys, 'make'>;
  secrets: ConnectionSecrets;
  refresh: Pick<ConnectionRefresh, 'ask'>;
  readMetadata: MetadataReader;
  hooks: ConnectionHooks;
}

export class ConnectionService {
  constructor(private readonly deps: ConnectionDependencies) {}

  /** Of the tenant itself, or of this organization. @throws AppError 404 */
  async find(owner: Owner, id: string): Promise<Connection> {
    const found = await this.deps.db.repo(Connection).findOneBy({ id });
    if (!found || found.organizationId !== (owner?.id ?? null)) throw notFound('connection');
    return found;
  }

  /** Whosever it is: undefined where it is disabled, or its organization is suspended. */
  async enabled(id: string): Promise<Connection | undefined> {
    const found = await this.deps.db.repo(Connection).findOneBy({ id });
    if (!found?.enabled) return undefined;
    if (found.organizationId === null) return found;
    const organization = await this.deps.db.repo(Organization).findOneBy({ id: found.organizationId });
    return organization?.active ? found : undefined;
  }

  /**
   * It signs nobody in until it is enabled, and need not be complete: whoever registers us over there has to be told our addresses first.
   * @throws AppError 409 for a key that is taken, or too many, 422, 403 where the organization may not say this.
   */
  async create(owner: Owner, given: CreateConnection): Promise<Connection> {
    const { db, audit, clock, admission, keys, refresh } = this.deps;
    const now = clock.now();
    const connection = Object.assign(new Connection(), {
      tenantId: currentTenantId(),
      id: newId(),
      organizationId: owner?.id ?? null,
      key: given.key,
      kind: given.kind,
      preset: given.preset ?? null,
      displayName: given.display_name,
      // Members that are null are not there.
      storedSettings: mergePatch({}, given.settings ?? {}),
      createdAt: now,
      updatedAt: now,
    });
    await this.take(connection, given);
    await admission.assertMay(owner);
    this.assertGood(connection);
    const key = given.kind === 'saml' ? await keys.make(connection, 'current') : undefined;
    return db.transaction(async () => {
      await admission.assertMay(owner);
      await admission.admit(owner, connection);
      await admission.assertRoom(connection);
      await db.repo(Connection).insert(connection);
      if (key) await db.repo(ConnectionKey).insert(key);
      if (sourceOf(connection)) await refresh.ask(connection);
      await audit.record('connection.created', { ...namesOf(connection), kind: connection.kind });
      return connection;
    });
  }

  /** RFC 7396. @param ifMatch the version the caller saw. @throws AppError 412, 409 where it would become another provider, 422 */
  update(owner: Owner, { id }: Connection, patch: UpdateConnection, ifMatch?: number): Promise<Connection> {
    const { db, audit, clock, admission, refresh } = this.deps;
    return db.transaction(async () => {
      const connection = await this.locked(id, ifMatch);
      await admission.assertMay(owner);
      const before = Object.assign(new Connection(), connection);
      connection.key = patch.key ?? connection.key;
      connection.displayName = patch.display_name ?? connection.displayName;
      connection.storedSettings = mergePatch(connection.storedSettings, patch.settings ?? {});
      await this.take(connection, patch);
      if (JSON.stringify(connection) === JSON.stringify(before)) return connection;
      this.assertGood(connection, before);
      await admission.admit(owner, connection, before);
      await this.assertSame(connection, before);
      if (connection.enabled && isAbout(patch)) this.assertComplete(connection, 422);
      const isElsewhere = sourceOf(connection) !== sourceOf(before);
      if (isElsewhere) Object.assign(connection, { upstreamAt: null, upstreamError: null });
      await this.changed(connection, clock.now());
      if (isElsewhere && sourceOf(connection)) await refresh.ask(connection);
      await audit.record('connection.updated', { ...namesOf(connection), changed: Object.keys(patch) });
      return connection;
    });
  }

  /** @throws AppError 409 that names what is missing. */
  enable(owner: Owner, connection: Connection): Promise<void> {
    return this.turn(owner, connection, true);
  }

  /** Nobody is signed in by it from now on, and whatever stands on it ends. */
  disable(owner: Owner, connection: Connection): Promise<void> {
    return this.turn(owner, connection, false);
  }

  /** As disable; and nobody is known by it any more. */
  delete(owner: Owner, { id }: Connection, ifMatch?: number): Promise<void> {
    const { db, audit, admission, hooks, caching } = this.deps;
    return db.transaction(async () => {
      const connection = await this.locked(id, ifMatch);
      // Whoever came in by it is held before its organization.
      await hooks.ended(connection);
      await admission.assertMay(owner);
      // Counted, not told one by one: there may be tens of thousands.
      const identities = await hooks.known(connection);
      await db.repo(Connection).delete({ id });
      await audit.record('connection.deleted', { ...namesOf(connection), identities });
      await caching.publish(CONNECTIONS_TOPIC, currentTenantId());
    });
  }

  private turn(owner: Owner, { id }: Connection, on: boolean): Promise<void> {
    const { db, audit, clock, admission, hooks } = this.deps;
    return db.transaction(async () => {
      const connection = await this.locked(id);
      const changes = connection.enabled !== on;
      // As in delete.
      if (changes && !on) await hooks.ended(connection);
      await admission.assertMay(owner);
      if (!changes) return;
      if (on) this.assertComplete(connection, 409);
      connection.enabledAt = on ? clock.now() : null;
      await this.changed(connection, clock.now());
      await audit.record(on ? 'connection.enabled' : 'connection.disabled', namesOf(connection));
    });
  }

  /** What is given to be kept, and never told again. @throws AppError 422 */
  private async take(connection: Connection, { metadata, client_secret }: Partial<UpdateConnection>): Promise<void> {
    const { readMetadata, secrets, clock } = this.deps;
    if (metadata !== undefined)
      connection.storedSettings = await withMetadata(
        connection,
        (asked) => readMetadata(Buffer.from(metadata), asked),
        clock.now(),
      );
    if (client_secret === undefined) return;
    if (client_secret !== null && connection.kind === 'saml')
      throw unusable([{ pointer: '/client_secret', message: 'is for OpenID Connect and OAuth 2.0' }]);
    connection.secretSealed = client_secret === null ? null : secrets.seal(connection, client_secret);
  }

  /** @throws AppError 422 */
  private assertGood(connection: Connection, before?: Connection): void {
    const now = this.deps.clock.now();
    const issues = problemsOf(connection, now, before);
    if (issues.length > 0) throw unusable(issues);
  }

  /** @param status 409 for what was asked too early, 422 for what would break what works. */
  private assertComplete(connection: Connection, status: 409 | 422): void {
    const { secrets, clock } = this.deps;
    const issues = missingOf(connection, secrets.given(connection), clock.now());
    if (issues.length > 0)
      throw new AppError(status, 'connection_incomplete', 'The connection lacks something to sign people in', {
        issues,
      });
  }

  /** Under the name of another provider those who are known by it would be others. @throws AppError 409 */
  private async assertSame(connection: Connection, before: Connection): Promise<void> {
    const name = nameOf(before);
    if (name === undefined || name === nameOf(connection) || !(await this.deps.hooks.isKnown(connection))) return;
    throw conflict('provider_stays', 'People are known by this connection: another provider takes another connection');
  }

  private async changed(connection: Connection, updatedAt: Date): Promise<void> {
    const { db, caching } = this.deps;
    Object.assign(connection, { version: connection.version + 1, updatedAt });
    await db.repo(Connection).save(connection);
    await caching.publish(CONNECTIONS_TOPIC, currentTenantId());
  }

  /** Before its organization, and everybody who came in by it: as those do who sign them in. */
  private async locked(id: string, ifMatch?: number): Promise<Connection> {
    const row = this.deps.db.repo(Connection).query('c').andWhere('c.id = :id', { id });
    const connection = await row.setLock('pessimistic_write').getOne();
    if (!connection) throw notFound('connection');
    if (ifMatch !== undefined && ifMatch !== connection.version)
      throw preconditionFailed('The connection has changed since');
    return connection;
  }
}

const unusable = (issues: Issue[]) => invalid('The connection cannot be used', issues);

/** Names can be told anew whatever else is the matter. */
const isAbout = ({ settings, metadata, client_secret }: UpdateConnection): boolean =>
  settings !== undefined || metadata !== undefined || client_secret !== undefined;

const namesOf = ({ id, organizationId }: Connection) => ({ connection_id: id, organization_id: organizationId });
