// Owns which client may exchange whose tokens for which resource (RFC 8693): rules that an administrator writes, none of them there by itself.
// Hands off to: decision.ts, which judges by them; exchanges.ts, which asks for those of one client on each exchange.
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { type Issue, invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { ClientService } from '../clients/client.service.js';
import { Resource } from '../resources/resource.entity.js';
import type { ResourceService } from '../resources/resource.service.js';
import { ExchangePolicy } from './exchange-policy.entity.js';
import type { CreateExchangePolicy, UpdateExchangePolicy } from './exchange-policy.schema.js';

export class ExchangePolicies {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly clients: Pick<ClientService, 'find'>,
    private readonly resources: Pick<ResourceService, 'findByIdentifier'>,
  ) {}

  /** Read anew each time: what an administrator takes away is away with the next request. */
  of(clientId: string): Promise<ExchangePolicy[]> {
    return this.db.repo(ExchangePolicy).findBy({ clientId });
  }

  async find(id: string): Promise<ExchangePolicy> {
    const policy = await this.db.repo(ExchangePolicy).findOneBy({ id });
    if (!policy) throw notFound('exchange policy');
    return policy;
  }

  /** @throws AppError 404 for a client that is not there, 422 for a resource that is not. */
  async create(given: CreateExchangePolicy): Promise<ExchangePolicy> {
    await this.clients.find(given.client_id);
    await this.assertResources(given);
    const now = this.clock.now();
    return this.db.transaction(async () => {
      const policy = await this.db.repo(ExchangePolicy).insert(
        Object.assign(new ExchangePolicy(), {
          id: newId(),
          clientId: given.client_id,
          subjectClients: given.subject_clients ?? [],
          subjectAudiences: given.subject_audiences ?? [],
          subjectIssuers: given.subject_issuers ?? [],
          subjectApiKeys: given.subject_api_keys ?? false,
          resources: given.resources,
          scopes: given.scopes ?? null,
          acting: given.acting ?? 'delegation',
          actors: given.actors ?? ['client'],
          createdAt: now,
          updatedAt: now,
        }),
      );
      await this.audit.record('exchange_policy.created', { policy_id: policy.id, client_id: policy.clientId });
      return policy;
    });
  }

  /** RFC 7396: null brings back the default; what has none stays. @param ifMatch the version the caller saw. */
  async update({ id }: ExchangePolicy, patch: UpdateExchangePolicy, ifMatch?: number): Promise<ExchangePolicy> {
    await this.assertResources(patch);
    return this.db.transaction(async () => {
      const policy = await this.locked(id, ifMatch);
      const before = JSON.stringify(policy);
      if (patch.subject_clients !== undefined) policy.subjectClients = patch.subject_clients ?? [];
      if (patch.subject_audiences !== undefined) policy.subjectAudiences = patch.subject_audiences ?? [];
      if (patch.subject_issuers !== undefined) policy.subjectIssuers = patch.subject_issuers ?? [];
      if (patch.subject_api_keys !== undefined) policy.subjectApiKeys = patch.subject_api_keys ?? false;
      if (patch.resources) policy.resources = patch.resources;
      if (patch.scopes !== undefined) policy.scopes = patch.scopes;
      if (patch.acting !== undefined) policy.acting = patch.acting ?? 'delegation';
      if (patch.actors !== undefined) policy.actors = patch.actors ?? ['client'];
      if (JSON.stringify(policy) === before) return policy;
      policy.version += 1;
      policy.updatedAt = this.clock.now();
      await this.db.repo(ExchangePolicy).save(policy);
      const { clientId: client_id } = policy;
      await this.audit.record('exchange_policy.updated', { policy_id: id, client_id, changed: Object.keys(patch) });
      return policy;
    });
  }

  delete({ id }: ExchangePolicy, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      const { clientId: client_id } = await this.locked(id, ifMatch);
      await this.db.repo(ExchangePolicy).delete({ id });
      await this.audit.record('exchange_policy.deleted', { policy_id: id, client_id });
    });
  }

  /** The server's own API is not among them: whoever works there does so by their own name. */
  private async assertResources(given: Pick<UpdateExchangePolicy, 'subject_audiences' | 'resources'>): Promise<void> {
    const issues: Issue[] = [];
    for (const member of ['subject_audiences', 'resources'] as const)
      for (const [index, identifier] of (given[member] ?? []).entries())
        if (!((await this.resources.findByIdentifier(identifier)) instanceof Resource))
          issues.push({ pointer: `/${member}/${index}`, message: 'must be the identifier of a resource' });
    if (issues.length > 0) throw invalid('The exchange policy cannot be used', issues);
  }

  private async locked(id: string, ifMatch?: number): Promise<ExchangePolicy> {
    const policy = await this.db
      .repo(ExchangePolicy)
      .query('p')
      .andWhere('p.id = :id', { id })
      .setLock('pessimistic_write')
      .getOne();
    if (!policy) throw notFound('exchange policy');
    if (ifMatch !== undefined && ifMatch !== policy.version)
      throw preconditionFailed('The exchange policy has changed since');
    return policy;
  }
}
