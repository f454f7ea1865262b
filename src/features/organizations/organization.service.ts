// Owns the organizations of a tenant: their names, what they decide for themselves, and whether they are open.
// Hands off to: MembershipService (who belongs to one); organization-hooks.ts, with which everything granted for one ends.
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, forbidden, invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import { applyPatch } from '../../platform/merge-patch.js';
import type { AuditLog } from '../audit/audit.service.js';
import { assertReadable } from '../tenants/branding.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import { holdPerson } from '../users/user-rows.js';
import { Membership } from './membership.entity.js';
import type { MembershipService } from './membership.service.js';
import { Organization } from './organization.entity.js';
import type { CreateOrganization, ReplaceOrganization, UpdateOrganization } from './organization.schema.js';
import type { OrganizationHooks } from './organization-hooks.js';
import { timesOf, weakens } from './organization-policy.js';
import { lockedOrganization } from './organization-rows.js';
import { givenSettings, OrganizationSettings, readOrganizationSettings } from './organization-settings.js';
import { askingPerson, type Standings } from './standing.js';

/** Organizations that one person may have made. */
const MOST_MADE = 20;

export class OrganizationService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly tenants: Pick<TenantService, 'current'>,
    private readonly standings: Standings,
    private readonly memberships: MembershipService,
    private readonly hooks: OrganizationHooks,
  ) {}

  /** Whoever asks: who may see it is the matter of the door, or of Standings. @param name slug or id. @throws AppError 404 */
  async find(name: string): Promise<Organization> {
    const by = z.uuid().safeParse(name).success ? { id: name } : { slug: name };
    const organization = await this.db.repo(Organization).findOneBy(by);
    if (!organization) throw notFound('organization');
    return organization;
  }

  /**
   * A person makes their own, where the tenant lets them. @throws AppError 403 where it does not, 404 for an owner who is not there;
   * QueryFailedError on a slug that is taken, answered as 409.
   */
  create({ slug, name, settings, owner_id }: CreateOrganization): Promise<Organization> {
    return this.db.transaction(async () => {
      const owner = await this.ownerOfNew(owner_id);
      const organization = await this.insert({ slug, name }, settings);
      if (owner) await this.memberships.add(organization, { user_id: owner, role: 'owner' }, { kind: 'created' });
      return organization;
    });
  }

  /** A workspace of one person, which goes with them: once. In the transaction in which it is decided. */
  async createPersonal({ id, claims }: Pick<User, 'id' | 'claims'>): Promise<void> {
    if (await this.db.repo(Organization).existsBy({ personalOf: id })) return;
    const slug = `personal-${randomBytes(8).toString('hex')}`;
    const organization = await this.insert({ slug, name: claims.name?.slice(0, 120) ?? 'Personal', personalOf: id });
    await this.memberships.add(organization, { user_id: id, role: 'owner' }, { kind: 'personal' });
  }

  /** The one of this slug, made where there is none. @throws QueryFailedError where somebody else makes it at once: it is there the next time. */
  async ensure(slug: string, name: string): Promise<Organization> {
    return (await this.db.repo(Organization).findOneBy({ slug })) ?? this.insert({ slug, name: name.slice(0, 120) });
  }

  /** Settings are replaced one member at a time. @param ifMatch the version the caller saw. @throws AppError 403 where it would ask for less proof. */
  update(
    organization: Organization,
    { slug, name, settings }: UpdateOrganization,
    ifMatch?: number,
  ): Promise<Organization> {
    return this.change(organization, ifMatch, async (row) => {
      await this.rename(row, slug ?? row.slug);
      if (name !== undefined) row.name = name;
      const given = givenSettings(row.storedSettings);
      if (settings) await this.decide(row, OrganizationSettings.parse(applyPatch(given, settings)));
      const changed = Object.keys({ ...(slug && { slug }), ...(name && { name }), ...(settings && { settings }) });
      await this.audit.record('organization.updated', { organization_id: row.id, changed });
    });
  }

  /** As update, of all that it decides: what is absent takes its default. */
  replace(organization: Organization, given: ReplaceOrganization, ifMatch?: number): Promise<Organization> {
    return this.change(organization, ifMatch, async (row) => {
      await this.rename(row, given.slug);
      row.name = given.name;
      await this.decide(row, given.settings);
      await this.audit.record('organization.updated', { organization_id: row.id, changed: Object.keys(given) });
    });
  }

  /** @param logo takes another picture in, or none any more. */
  wear(organization: Organization, logo: () => Promise<string | null>, ifMatch?: number): Promise<Organization> {
    return this.change(organization, ifMatch, async (row) => {
      const before = row.logo;
      row.logo = await logo();
      if (row.logo === before) return;
      const of = { organization_id: row.id };
      if (row.logo) await this.audit.record('branding.logo_replaced', { ...of, logo: row.logo });
      else await this.audit.record('branding.logo_removed', of);
    });
  }

  /** Everything that it has, and what was granted for it; nobody's account. */
  delete(organization: Organization, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      await this.hooks.organizationsEnding([organization.id]);
      const row = await this.locked(organization, ifMatch);
      await this.standings.atLeast('owner', row);
      await this.assertNotDefault(row);
      await this.hooks.organizationEnded(row.id);
      await this.db.repo(Organization).delete({ id: row.id });
      await this.hooks.organizationChanged(row);
      await this.audit.record('organization.deleted', { organization_id: row.id, slug: row.slug });
    });
  }

  /** To its members it is not there, and nobody is given a token for it; nothing else is lost. */
  suspend(organization: Organization, reason: string): Promise<Organization> {
    return this.change(organization, undefined, async (row) => {
      if (row.suspendedAt) return;
      Object.assign(row, { suspendedAt: this.clock.now(), suspensionReason: reason });
      await this.hooks.organizationEnded(row.id);
      await this.audit.record('organization.suspended', { organization_id: row.id });
    });
  }

  resume(organization: Organization): Promise<Organization> {
    return this.change(organization, undefined, async (row) => {
      if (!row.suspendedAt) return;
      Object.assign(row, { suspendedAt: null, suspensionReason: null });
      await this.audit.record('organization.resumed', { organization_id: row.id });
    });
  }

  private async rename(row: Organization, slug: string): Promise<void> {
    if (slug !== row.slug) await this.assertNotDefault(row);
    row.slug = slug;
  }

  /** The tenant's settings name it. @throws AppError 409 */
  private async assertNotDefault({ slug }: Organization): Promise<void> {
    if ((await this.tenants.current()).settings.organizations.default_organization === slug)
      throw conflict(
        'default_organization',
        'Everybody joins this organization: name another one in the settings first',
      );
  }

  private async decide(row: Organization, settings: OrganizationSettings): Promise<void> {
    // How it has looked so far is no reason to refuse what else is decided.
    if (!isDeepStrictEqual(settings.branding, row.storedSettings.branding)) assertReadable(settings.branding);
    const before = row.settings.policy;
    const after = readOrganizationSettings(settings).policy;
    if (weakens(before, after)) await this.standings.atLeast('owner', row);
    row.storedSettings = { ...settings, ...timesOf(before, after, this.clock.now()) };
  }

  private async insert(
    { slug, name, personalOf = null }: Pick<Organization, 'slug' | 'name'> & { personalOf?: string | null },
    settings: CreateOrganization['settings'] = {},
  ): Promise<Organization> {
    const now = this.clock.now();
    const given = OrganizationSettings.parse(settings);
    assertReadable(given.branding);
    const times = timesOf(readOrganizationSettings({}).policy, readOrganizationSettings(given).policy, now);
    const storedSettings = { ...given, ...times };
    const organization = await this.db.repo(Organization).insert(
      Object.assign(new Organization(), {
        id: newId(),
        slug,
        name,
        storedSettings,
        personalOf,
        createdAt: now,
        updatedAt: now,
      }),
    );
    await this.audit.record('organization.created', { organization_id: organization.id, slug });
    return organization;
  }

  private async ownerOfNew(given: string | undefined): Promise<string | undefined> {
    const person = askingPerson();
    if (!person) return given;
    const { creation } = (await this.tenants.current()).settings.organizations;
    if (creation === 'closed') throw forbidden('creation_closed', 'Nobody makes an organization themselves here');
    if (given !== undefined && given !== person.id)
      throw invalid('The body is not valid', [{ pointer: '/owner_id', message: 'must be you' }]);
    // Of many made at once none is one too many.
    await holdPerson(this.db, person.id);
    if ((await this.db.repo(Membership).countBy({ userId: person.id, role: 'owner' })) >= MOST_MADE)
      throw conflict('too_many_organizations', 'Nobody owns more organizations than that');
    return person.id;
  }

  private change(
    organization: Organization,
    ifMatch: number | undefined,
    work: (row: Organization) => Promise<void>,
  ): Promise<Organization> {
    return this.db.transaction(async () => {
      const row = await this.locked(organization, ifMatch);
      // Whoever asked may have been removed while this waited.
      await this.standings.atLeast('admin', row);
      const before = Object.assign(new Organization(), row);
      await work(row);
      if (isDeepStrictEqual(before, row)) return row;
      row.version += 1;
      row.updatedAt = this.clock.now();
      await this.hooks.organizationChanged(before, row);
      return this.db.repo(Organization).save(row);
    });
  }

  private async locked(organization: Organization, ifMatch?: number): Promise<Organization> {
    const row = await lockedOrganization(this.db, organization, 'changing');
    if (ifMatch !== undefined && ifMatch !== row.version)
      throw preconditionFailed('The organization has changed since');
    return row;
  }
}
