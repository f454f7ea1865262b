// How organizations look to whoever signs in for one: cached by slug and by id, dropped in every process with the change. Only those that look like
// something are told of: by one that was left as it is nobody learns that it is there.
import { z } from 'zod';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { Organization } from '../organizations/organization.entity.js';
import { type Dressed, isDressed } from '../tenants/branding.js';
import type { Cache, Caching } from '../tenants/caching.js';

const TOPIC = 'organization-brand';
/** A slug or an id; what is longer names nothing. */
const LONGEST = 63;

export class OrganizationBrands {
  private readonly brands: Cache<Dressed>;

  constructor(
    private readonly db: Database,
    private readonly caching: Caching,
  ) {
    this.brands = caching.cache({ max: 3000, topic: TOPIC, load: (key) => this.load(key) });
  }

  /** @param name slug or id, as a request says it. */
  async find(name: string): Promise<Dressed | undefined> {
    return name.length > LONGEST || name.includes('\0') ? undefined : this.brands.get(keyOf(name));
  }

  /** In the transaction of the change, with the names it had and has. */
  async changed(...organizations: readonly Pick<Organization, 'id' | 'slug'>[]): Promise<void> {
    const names = new Set(organizations.flatMap(({ id, slug }) => [id, slug]));
    for (const name of names) await this.caching.publish(TOPIC, keyOf(name));
  }

  private async load(key: string): Promise<Dressed | undefined> {
    const name = key.slice(key.indexOf(':') + 1);
    const by = z.uuid().safeParse(name).success ? { id: name } : { slug: name };
    const organization = await this.db.repo(Organization).findOneBy(by);
    if (!organization?.active) return undefined;
    const { settings, logo } = organization;
    const dressed = { name: organization.name, branding: settings.branding, logo };
    return isDressed(dressed) ? dressed : undefined;
  }
}

const keyOf = (name: string): string => `${currentTenantId()}:${name}`;
