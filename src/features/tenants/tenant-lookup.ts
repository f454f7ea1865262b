// Tenants as every request asks for them: cached, by id, by slug and by host. What is handed out is not to be changed.
import type { Database } from '../../platform/database.js';
import type { Cache, Caching } from './caching.js';
import { Tenant } from './tenant.entity.js';

const TOPIC = 'tenant';

export class TenantLookup {
  private readonly tenants: Cache<Tenant>;

  constructor(
    private readonly db: Database,
    private readonly caching: Caching,
  ) {
    this.tenants = caching.cache({ max: 3000, topic: TOPIC, load: (key) => this.load(key) });
  }

  byId(id: string): Promise<Tenant | undefined> {
    return this.tenants.get(`id:${id}`);
  }

  bySlug(slug: string): Promise<Tenant | undefined> {
    return this.tenants.get(`slug:${slug}`);
  }

  byHost(host: string): Promise<Tenant | undefined> {
    // RFC 1035 §2.3.4, and a port.
    return host.length > 260 ? Promise.resolve(undefined) : this.tenants.get(`host:${host.toLowerCase()}`);
  }

  /** Every process forgets what it knew of the tenant, once the surrounding transaction has committed. */
  async published({ id, slug, host }: Tenant): Promise<void> {
    for (const key of [`id:${id}`, `slug:${slug}`, ...(host ? [`host:${host}`] : [])])
      await this.caching.publish(TOPIC, key);
    // What is built for the tenant, an engine for one, is built anew.
    await this.caching.publish('issuer', id);
  }

  private async load(key: string): Promise<Tenant | undefined> {
    const [, by, value] = /^(id|slug|host):(.*)$/.exec(key) ?? [];
    if (!by || !value) return undefined;
    const tenant = await this.db.manager.findOneBy(Tenant, { [by]: value });
    return tenant ? Object.freeze(tenant) : undefined;
  }
}
