// How an organization looks, changed by those who look after it. What is decided about it is decided, and recorded, by the organizations.
import type { Database } from '../../platform/database.js';
import { applyPatch } from '../../platform/merge-patch.js';
import type { Organization } from '../organizations/organization.entity.js';
import type { OrganizationService } from '../organizations/organization.service.js';
import { lockedOrganization } from '../organizations/organization-rows.js';
import { assertReadable, Branding } from '../tenants/branding.js';
import type { UpdateBranding } from './branding.schema.js';
import type { Logos } from './logos.js';

export class OrganizationBranding {
  constructor(
    private readonly db: Database,
    private readonly organizations: Pick<OrganizationService, 'update' | 'wear'>,
    private readonly logos: Logos,
  ) {}

  /** @param ifMatch the version the caller saw. @throws AppError 422 for colours that cannot be read. */
  replace(organization: Organization, branding: Branding, ifMatch?: number): Promise<Organization> {
    assertReadable(branding, '');
    const given = Object.keys(branding).length > 0 ? branding : null;
    return this.organizations.update(organization, { settings: { branding: given } }, ifMatch);
  }

  /** RFC 7396. Of two who each change something neither is lost. */
  update(organization: Organization, patch: UpdateBranding, ifMatch?: number): Promise<Organization> {
    return this.db.transaction(async () => {
      const row = await lockedOrganization(this.db, organization, 'changing');
      return this.replace(row, Branding.parse(applyPatch(row.settings.branding, patch)), ifMatch);
    });
  }

  /** @throws AppError 422 for what is no picture. */
  putLogo(organization: Organization, image: Buffer, ifMatch?: number): Promise<Organization> {
    return this.organizations.wear(organization, () => this.logos.put(organization.id, image), ifMatch);
  }

  removeLogo(organization: Organization, ifMatch?: number): Promise<Organization> {
    const remove = () => this.logos.remove(organization.id).then(() => null);
    return this.organizations.wear(organization, remove, ifMatch);
  }
}
