// Owns API keys: who makes them, with which permissions, until when; and their rotation, in which two are good for a while.
// Hands off to: presented-keys.ts, which knows a key again; api-key-usage.ts, which counts.
import type { Clock } from '../../platform/clock.js';
import { type Actor, currentContext, currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database, Statement } from '../../platform/database.js';
import { conflict, forbidden, type Issue, invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { changeOfRoles, recordRoles } from '../users/held-roles.js';
import { ApiKey, type ResourceAccess } from './api-key.entity.js';
import { makeKey } from './api-key.format.js';
import { CreateApiKey, type RotateApiKey, UpdateApiKey } from './api-key.schema.js';

/** What a key can be given is not this feature's to know. */
export interface Grantable {
  /** Every scope of the management API of this tenant. */
  scopes(): Promise<ReadonlySet<string>>;
  /** Every scope of another resource; undefined where there is no such resource. */
  resource(identifier: string): Promise<ReadonlySet<string> | undefined>;
  /** @throws AppError 403 where whoever asks holds less. */
  mayGrant(scopes: readonly string[]): void;
  /** In the transaction in which roles are given or taken. @throws AppError 422 where one is not there, 403 where whoever asks holds less than they open. */
  assigning(before: readonly string[], after: readonly string[]): Promise<void>;
  /** @throws AppError 403 where whoever asks is a person and may do less there. */
  mayGrantAt(resources: readonly ResourceAccess[]): Promise<void>;
}

interface Made {
  key: ApiKey;
  /** Nobody has it but whoever is told now. */
  value: string;
}

/** A key has this long to be replaced where it is used. */
const USUAL_OVERLAP = 86_400;

export class ApiKeys {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly grantable: Grantable,
  ) {}

  async find(id: string): Promise<ApiKey> {
    const key = await this.db.repo(ApiKey).findOneBy({ id });
    if (!key) throw notFound('API key');
    return key;
  }

  /** @throws AppError 403 for more than the caller holds, and for whoever is a key themselves; 422 for scopes that there are not. */
  async create(input: CreateApiKey): Promise<Made> {
    const given = CreateApiKey.parse(input);
    assertNoKey();
    const userId = given.kind === 'user' ? personAsking() : null;
    await this.assertGrantable(given);
    await this.assertNotAbove({ userId, resources: given.resources });
    const now = this.clock.now();
    const roles = changeOfRoles([], () => given.roles).after;
    const { value, prefix, hash } = makeKey(given.environment);
    const key = Object.assign(new ApiKey(), {
      id: newId(),
      userId,
      name: given.name,
      environment: given.environment,
      prefix,
      hash,
      scopes: given.scopes,
      roles,
      resources: given.resources,
      allowedNetworks: given.allowed_networks,
      requestsPerMinute: given.requests_per_minute,
      createdAt: now,
      updatedAt: now,
      expiresAt: endOf(now, given.expires_in),
    });
    return this.db.transaction(async () => {
      if (roles.length > 0) await this.grantable.assigning([], roles);
      await this.db.repo(ApiKey).insert(key);
      await this.audit.record('api_key.created', {
        ...named(key),
        environment: key.environment,
        scopes: key.scopes,
        resources: key.resources.map(({ identifier }) => identifier),
      });
      await recordRoles(this.audit, { before: [], after: roles }, { api_key_id: key.id });
      return { key, value };
    });
  }

  /** @param ifMatch the version the caller saw (RFC 9110 §13.1.1). @throws AppError 403 for a key that can do more than the caller, or is another person's. */
  async update({ id }: ApiKey, input: UpdateApiKey, ifMatch?: number): Promise<ApiKey> {
    const change = UpdateApiKey.parse(input);
    assertNoKey();
    await this.assertGrantable({ scopes: change.scopes ?? [], resources: change.resources ?? [] });
    return this.db.transaction(async () => {
      const key = await this.locked(id, ifMatch);
      await this.assertTheirs(key);
      await this.assertNotAbove({ userId: key.userId, resources: change.resources ?? [] });
      const now = this.clock.now();
      const before = JSON.stringify(key);
      const roles = changeOfRoles(key.roles, (held) => (change.roles === undefined ? held : (change.roles ?? [])));
      if (change.roles !== undefined) await this.grantable.assigning(roles.before, roles.after);
      key.roles = roles.after;
      if (change.name !== undefined) key.name = change.name;
      if (change.scopes !== undefined) key.scopes = change.scopes;
      if (change.resources !== undefined) key.resources = change.resources ?? [];
      if (change.allowed_networks !== undefined) key.allowedNetworks = change.allowed_networks ?? [];
      if (change.requests_per_minute !== undefined) key.requestsPerMinute = change.requests_per_minute;
      if (change.expires_in !== undefined) key.expiresAt = endOf(now, change.expires_in);
      if (JSON.stringify(key) === before) return key;
      await this.keep(key, now);
      await this.audit.record('api_key.updated', { ...named(key), changed: Object.keys(change) });
      await recordRoles(this.audit, roles, { api_key_id: id });
      return key;
    });
  }

  /**
   * Another key takes its place; the one in use is good for a while as well, never longer than it was. While it is, only a rotation that ends it at
   * once may follow: two that were begun side by side would take away from each other what one of them has just been given.
   * @throws AppError 409 `rotation_in_progress`
   */
  rotate({ id }: ApiKey, { overlap_seconds: overlap = USUAL_OVERLAP }: RotateApiKey): Promise<Made> {
    return this.db.transaction(async () => {
      const key = await this.locked(id);
      await this.assertTheirs(key, 'itself');
      const now = this.clock.now();
      if (overlap > 0 && key.formerGoodUntil(now))
        throw conflict(
          'rotation_in_progress',
          'The key before this one is still good: wait, or end it (overlap_seconds 0)',
        );
      const { value, prefix, hash } = makeKey(key.environment);
      Object.assign(key, {
        formerHash: overlap > 0 ? key.hash : null,
        formerUntil: overlap > 0 ? endOf(now, overlap) : null,
        prefix,
        hash,
        rotatedAt: now,
      });
      await this.keep(key, now);
      await this.audit.record('api_key.rotated', { ...named(key), overlap_seconds: overlap });
      return { key, value };
    });
  }

  /** The next use of it fails, and of the one before. @throws AppError 409 for one that has ended already. */
  revoke({ id }: ApiKey, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      const key = await this.locked(id, ifMatch);
      assertNoKey(key);
      const now = this.clock.now();
      const roles = { before: key.roles, after: [] };
      // A role is in use as long as somebody has it, and whoever has ended has none.
      Object.assign(key, { revokedAt: now, formerHash: null, formerUntil: null, roles: [] });
      await this.keep(key, now);
      await this.audit.record('api_key.revoked', { ...named(key), reason: 'revoked' });
      await recordRoles(this.audit, roles, { api_key_id: id });
    });
  }

  /** In the transaction of whatever ends for a person: their keys end with their account, their password, their factors. */
  async endAll(userId: string, reason: 'account_ended' | 'password_changed' | 'factors_removed'): Promise<void> {
    const ended = await this.db.execute<{ id: string }>(endOfUser, [currentTenantId(), userId, this.clock.now()]);
    await this.audit.recordAll(
      'api_key.revoked',
      ended.map(({ id }) => ({ api_key_id: id, user_id: userId, reason })),
    );
  }

  private async keep(key: ApiKey, now: Date): Promise<void> {
    key.version += 1;
    key.updatedAt = now;
    await this.db.repo(ApiKey).save(key);
  }

  private async locked(id: string, ifMatch?: number): Promise<ApiKey> {
    const key = await this.db
      .repo(ApiKey)
      .query('key')
      .andWhere('key.id = :id', { id })
      .setLock('pessimistic_write')
      .getOne();
    if (!key) throw notFound('API key');
    if (ifMatch !== undefined && ifMatch !== key.version) throw preconditionFailed('The API key has changed since');
    if (key.revokedAt) throw conflict('api_key_revoked', 'This API key was revoked');
    return key;
  }

  /** Whoever is given a key, or opens it to more, could act as it does. @throws AppError 403 */
  private async assertTheirs(key: ApiKey, by: 'nobody' | 'itself' = 'nobody'): Promise<void> {
    assertNoKey(by === 'itself' ? key : undefined);
    this.grantable.mayGrant(key.scopes);
    if (key.roles.length > 0) await this.grantable.assigning(key.roles, key.roles);
    await this.assertNotAbove(key);
    if (key.userId && key.userId !== asking()?.id)
      throw forbidden('key_of_another', 'Only the person whose API key it is changes or rotates it; it can be revoked');
  }

  /** One of a person speaks for them at a resource, as any application of theirs; one of the tenant may do there what is said here. @throws AppError 403 */
  private async assertNotAbove({ userId, resources }: Pick<ApiKey, 'userId' | 'resources'>): Promise<void> {
    if (userId === null) await this.grantable.mayGrantAt(resources);
  }

  private async assertGrantable({ scopes, resources }: Pick<ApiKey, 'scopes' | 'resources'>): Promise<void> {
    const issues: Issue[] = [];
    const known = await this.grantable.scopes();
    for (const [index, scope] of scopes.entries())
      if (!known.has(scope)) issues.push({ pointer: `/scopes/${index}`, message: 'is no scope of this API' });
    for (const [index, { identifier, scopes: asked }] of resources.entries()) {
      const offered = await this.grantable.resource(identifier);
      if (!offered)
        issues.push({ pointer: `/resources/${index}/identifier`, message: 'must be the identifier of a resource' });
      else if (asked.some((scope) => !offered.has(scope)))
        issues.push({ pointer: `/resources/${index}/scopes`, message: 'must be scopes of the resource' });
    }
    if (issues.length > 0) throw invalid('The API key cannot be made so', issues);
    this.grantable.mayGrant(scopes);
  }
}

const asking = (): Actor | undefined => currentContext()?.actor;

/** A key that was stolen makes no others, opens itself to nothing more, and ends none but itself. @throws AppError 403 */
function assertNoKey(but?: ApiKey): void {
  const used = asking()?.apiKey;
  if (used && used.id !== but?.id)
    throw forbidden('api_key_not_enough', 'With an API key no others are made, changed or ended: use an access token');
}

/** @throws AppError 403 */
function personAsking(): string {
  const actor = asking();
  if (actor?.type === 'user') return actor.id;
  throw forbidden('not_a_person', 'A key of a person is made by that person, with a token of theirs');
}

const named = ({ id, userId }: ApiKey) => ({ api_key_id: id, ...(userId ? { user_id: userId } : {}) });

const endOf = (now: Date, seconds: number | null): Date | null =>
  seconds === null ? null : new Date(now.getTime() + seconds * 1000);

const endOfUser: Statement = {
  name: 'api_keys_end_of_user',
  text: `UPDATE api_keys SET revoked_at = $3, updated_at = $3, former_hash = NULL, former_until = NULL, roles = '{}', version = version + 1
          WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL
        RETURNING id`,
};
