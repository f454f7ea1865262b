// Owns whose assertions about people a tenant believes (RFC 7523 §2.1): an administrator writes them down, with their keys and what they are good for.
// Hands off to: assertions.ts, which verifies what they say; external-subjects.ts, who knows of whom they speak.
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, type Issue, invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Grants } from '../protocol/grants.js';
import { Resource } from '../resources/resource.entity.js';
import type { ResourceService } from '../resources/resource.service.js';
import { TrustedIssuer } from './trusted-issuer.entity.js';
import type { CreateTrustedIssuer, UpdateTrustedIssuer } from './trusted-issuer.schema.js';

export class TrustedIssuers {
  /** @param isOurs whether an issuer is one of this installation: what it signs for another purpose would be an assertion all at once. */
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly grants: Pick<Grants, 'endOnIssuer'>,
    private readonly resources: Pick<ResourceService, 'findByIdentifier'>,
    private readonly isOurs: (issuer: string) => Promise<boolean>,
  ) {}

  /** By `iss`, exactly; one that is disabled is nobody. */
  async believed(issuer: string): Promise<TrustedIssuer | undefined> {
    const found = await this.db.repo(TrustedIssuer).findOneBy({ issuer });
    return found && !found.disabledAt ? found : undefined;
  }

  async find(id: string): Promise<TrustedIssuer> {
    const issuer = await this.db.repo(TrustedIssuer).findOneBy({ id });
    if (!issuer) throw notFound('trusted issuer');
    return issuer;
  }

  /** @throws AppError 409 for this server itself, 422 for a resource that is not there; QueryFailedError on an issuer that is known, answered as 409. */
  async create(given: CreateTrustedIssuer): Promise<TrustedIssuer> {
    if (await this.isOurs(given.issuer)) throw conflict('reserved_issuer', 'This issuer is the server itself');
    const now = this.clock.now();
    const issuer = Object.assign(new TrustedIssuer(), {
      id: newId(),
      issuer: given.issuer,
      name: given.name,
      jwks: given.jwks ?? null,
      jwksUri: given.jwks_uri ?? null,
      algorithms: given.algorithms ?? ['ES256'],
      clients: given.clients,
      resources: given.resources,
      scopes: given.scopes,
      createdAt: now,
      updatedAt: now,
    });
    await this.assertResources(issuer.resources);
    assertOneSource(issuer);
    return this.db.transaction(async () => {
      await this.db.repo(TrustedIssuer).insert(issuer);
      await this.audit.record('trusted_issuer.created', { issuer_id: issuer.id, issuer: issuer.issuer });
      return issuer;
    });
  }

  /** RFC 7396: null takes keys away, so that there are others. @param ifMatch the version the caller saw. */
  async update({ id }: TrustedIssuer, patch: UpdateTrustedIssuer, ifMatch?: number): Promise<TrustedIssuer> {
    await this.assertResources(patch.resources ?? []);
    return this.db.transaction(async () => {
      const issuer = await this.locked(id, ifMatch);
      const before = JSON.stringify(issuer);
      if (patch.name) issuer.name = patch.name;
      if (patch.jwks !== undefined) issuer.jwks = patch.jwks;
      if (patch.jwks_uri !== undefined) issuer.jwksUri = patch.jwks_uri;
      if (patch.algorithms !== undefined) issuer.algorithms = patch.algorithms ?? ['ES256'];
      if (patch.clients !== undefined) issuer.clients = patch.clients ?? [];
      if (patch.resources) issuer.resources = patch.resources;
      if (patch.scopes !== undefined) issuer.scopes = patch.scopes ?? [];
      if (JSON.stringify(issuer) === before) return issuer;
      assertOneSource(issuer);
      issuer.version += 1;
      issuer.updatedAt = this.clock.now();
      await this.db.repo(TrustedIssuer).save(issuer);
      await this.audit.record('trusted_issuer.updated', { issuer_id: id, changed: Object.keys(patch) });
      return issuer;
    });
  }

  /** Nothing it says is believed from now on, and whatever was given on its word ends. */
  disable({ id }: TrustedIssuer): Promise<TrustedIssuer> {
    return this.db.transaction(async () => {
      const issuer = await this.locked(id);
      if (issuer.disabledAt) return issuer;
      issuer.disabledAt = this.clock.now();
      issuer.version += 1;
      await this.db.repo(TrustedIssuer).save(issuer);
      await this.grants.endOnIssuer(id);
      await this.audit.record('trusted_issuer.disabled', { issuer_id: id });
      return issuer;
    });
  }

  enable({ id }: TrustedIssuer): Promise<TrustedIssuer> {
    return this.db.transaction(async () => {
      const issuer = await this.locked(id);
      if (!issuer.disabledAt) return issuer;
      issuer.disabledAt = null;
      issuer.version += 1;
      await this.db.repo(TrustedIssuer).save(issuer);
      await this.audit.record('trusted_issuer.enabled', { issuer_id: id });
      return issuer;
    });
  }

  delete({ id }: TrustedIssuer, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      await this.locked(id, ifMatch);
      await this.grants.endOnIssuer(id);
      await this.db.repo(TrustedIssuer).delete({ id });
      await this.audit.record('trusted_issuer.deleted', { issuer_id: id });
    });
  }

  /** Never in a transaction: what is cached may be on its way for somebody else. @throws AppError 422 that names each which is none. */
  private async assertResources(resources: readonly string[]): Promise<void> {
    const issues: Issue[] = [];
    for (const [index, identifier] of resources.entries())
      if (!((await this.resources.findByIdentifier(identifier)) instanceof Resource))
        issues.push({ pointer: `/resources/${index}`, message: 'must be the identifier of a resource' });
    if (issues.length > 0) throw invalid(unusable, issues);
  }

  private async locked(id: string, ifMatch?: number): Promise<TrustedIssuer> {
    const issuer = await this.db
      .repo(TrustedIssuer)
      .query('i')
      .andWhere('i.id = :id', { id })
      .setLock('pessimistic_write')
      .getOne();
    if (!issuer) throw notFound('trusted issuer');
    if (ifMatch !== undefined && ifMatch !== issuer.version)
      throw preconditionFailed('The trusted issuer has changed since');
    return issuer;
  }
}

const unusable = 'The trusted issuer cannot be used';

/** @throws AppError 422 */
function assertOneSource({ jwks, jwksUri }: TrustedIssuer): void {
  if ((jwks === null) === (jwksUri === null))
    throw invalid(unusable, [{ pointer: '/jwks', message: 'either jwks or jwks_uri is needed' }]);
}
