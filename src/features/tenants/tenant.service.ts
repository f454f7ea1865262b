// Owns the tenants: who is an issuer here, under which host or path, with which settings and secrets.
// Hands off to: every feature, through the tenant id in the context; oidc/ builds one engine per tenant from these rows.
import type { QueryDeepPartialEntity } from 'typeorm';
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import { newId, randomToken, type Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { notFound, preconditionFailed } from '../../platform/errors.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Cache, Caching } from './caching.js';
import { Tenant } from './tenant.entity.js';
import { CreateTenant, UpdateTenant } from './tenant.schema.js';

const Secrets = z.object({ dpop_nonce: z.string(), pairwise_salt: z.string(), identifier_key: z.string() });

export interface TenantSecrets {
  /** 32 bytes for the DPoP nonces (RFC 9449 §8). */
  dpopNonce: Buffer;
  /** OIDC Core §8.1: a salt that changes gives everybody another sub. */
  pairwiseSalt: string;
  /** Key of the HMAC under which failed sign-ins are counted. */
  identifierKey: string;
}

const TOPIC = 'tenant';

export class TenantService {
  private readonly tenants: Cache<Tenant>;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly sealer: Sealer,
    private readonly caching: Caching,
    private readonly clock: Clock,
  ) {
    this.tenants = caching.cache({ max: 3000, topic: TOPIC, load: (key) => this.load(key) });
  }

  /** Makes the tenant `default` at the first start, once, however many processes start. */
  async ensureDefault(): Promise<Tenant> {
    const existing = await this.db.manager.findOneBy(Tenant, { slug: 'default' });
    if (existing) return existing;
    return this.db.transaction(async () => {
      const tenant = this.build({ slug: 'default', name: 'Ostiary' });
      const { raw } = await this.db.manager
        .createQueryBuilder()
        .insert()
        .into(Tenant)
        .values(tenant as QueryDeepPartialEntity<Tenant>)
        .orIgnore()
        .returning('id')
        .execute();
      if ((raw as unknown[]).length === 0) return this.db.manager.findOneByOrFail(Tenant, { slug: 'default' });
      await this.recordAs(tenant, () =>
        this.audit.record('tenant.created', { tenant_id: tenant.id, slug: tenant.slug }),
      );
      await this.published(tenant);
      return tenant;
    });
  }

  create(input: CreateTenant): Promise<Tenant> {
    const tenant = this.build(CreateTenant.parse(input));
    return this.db.transaction(async () => {
      await this.db.manager.insert(Tenant, tenant as QueryDeepPartialEntity<Tenant>);
      await this.recordAs(tenant, () =>
        this.audit.record('tenant.created', { tenant_id: tenant.id, slug: tenant.slug }),
      );
      await this.published(tenant);
      return tenant;
    });
  }

  /** @param ifMatch the version the caller saw (RFC 9110 §13.1.1). Settings are replaced one member at a time. */
  update(tenant: Tenant, input: UpdateTenant, ifMatch?: number): Promise<Tenant> {
    const { name, host, settings } = UpdateTenant.parse(input);
    return this.db.transaction(async () => {
      const row = await this.db.manager
        .createQueryBuilder(Tenant, 'tenant')
        .where('tenant.id = :id', { id: tenant.id })
        .setLock('pessimistic_write')
        .getOne();
      if (!row) throw notFound('tenant');
      if (ifMatch !== undefined && ifMatch !== row.version) throw preconditionFailed('The tenant has changed since');
      const before = Object.assign(new Tenant(), row);
      if (name !== undefined) row.name = name;
      if (host !== undefined) row.host = host;
      if (settings) row.storedSettings = { ...row.storedSettings, ...settings };
      row.version += 1;
      row.updatedAt = this.clock.now();
      await this.db.manager.save(row);
      await this.recordAs(row, () =>
        this.audit.record('tenant.updated', { tenant_id: row.id, changed: Object.keys(input) }),
      );
      await this.published(before);
      await this.published(row);
      return row;
    });
  }

  /** Cached: what is handed out is not to be changed. */
  findById(id: string): Promise<Tenant | undefined> {
    return this.tenants.get(`id:${id}`);
  }

  findBySlug(slug: string): Promise<Tenant | undefined> {
    return this.tenants.get(`slug:${slug}`);
  }

  findByHost(host: string): Promise<Tenant | undefined> {
    // RFC 1035 §2.3.4, and a port.
    return host.length > 260 ? Promise.resolve(undefined) : this.tenants.get(`host:${host.toLowerCase()}`);
  }

  /** The tenant of the context. */
  async current(): Promise<Tenant> {
    const tenant = await this.findById(currentTenantId());
    if (!tenant) throw notFound('tenant');
    return tenant;
  }

  list(): Promise<Tenant[]> {
    return this.db.manager.find(Tenant, { order: { slug: 'ASC' } });
  }

  /** Made with the tenant and never rotated by accident: a live engine is swapped without anybody noticing. */
  secrets(tenant: Tenant): TenantSecrets {
    const secrets = Secrets.parse(JSON.parse(this.sealer.open(tenant.secretsSealed, sealContext(tenant.id))));
    return {
      dpopNonce: Buffer.from(secrets.dpop_nonce, 'base64url'),
      pairwiseSalt: secrets.pairwise_salt,
      identifierKey: secrets.identifier_key,
    };
  }

  private build({ slug, name, host, settings }: z.output<typeof CreateTenant>): Tenant {
    const id = newId();
    const now = this.clock.now();
    const secrets: z.infer<typeof Secrets> = {
      dpop_nonce: randomToken(),
      pairwise_salt: randomToken(),
      identifier_key: randomToken(),
    };
    return Object.assign(new Tenant(), {
      id,
      slug,
      name,
      host: host ?? null,
      storedSettings: settings ?? {},
      secretsSealed: this.sealer.seal(JSON.stringify(secrets), sealContext(id)),
      createdAt: now,
      updatedAt: now,
    });
  }

  private async load(key: string): Promise<Tenant | undefined> {
    const [, by, value] = /^(id|slug|host):(.*)$/.exec(key) ?? [];
    if (!by || !value) return undefined;
    const tenant = await this.db.manager.findOneBy(Tenant, { [by]: value });
    return tenant ? Object.freeze(tenant) : undefined;
  }

  private async published({ id, slug, host }: Tenant): Promise<void> {
    for (const key of [`id:${id}`, `slug:${slug}`, ...(host ? [`host:${host}`] : [])])
      await this.caching.publish(TOPIC, key);
    // What is built for the tenant, an engine for one, is built anew.
    await this.caching.publish('issuer', id);
  }

  /** A tenant's own history holds its beginning, whoever made it. */
  private recordAs(tenant: Tenant, work: () => Promise<void>): Promise<void> {
    return withContext({ tenantId: tenant.id }, work);
  }
}

const sealContext = (tenantId: string) => `tenants:${tenantId}:secrets`;

export const sealedTenantSecrets: SealedColumn = {
  table: 'tenants',
  column: 'secrets_sealed',
  key: ['id'],
  context: ({ id }) => sealContext(String(id)),
};
