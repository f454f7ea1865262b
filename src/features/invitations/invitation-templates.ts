// Owns the words that an organization has ready for those whom it invites.
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, notFound, preconditionFailed } from '../../platform/errors.js';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Organization } from '../organizations/organization.entity.js';
import { organizationParam } from '../organizations/organization.schema.js';
import { lockedOrganization } from '../organizations/organization-rows.js';
import type { Standings } from '../organizations/standing.js';
import { Message } from './invitation.schema.js';
import { InvitationTemplate } from './invitation-template.entity.js';

export const TemplateBody = z.strictObject({ name: plainText(120), message: Message });
export const UpdateTemplate = patchOf(TemplateBody);
export const TemplateParams = z.strictObject({ ...organizationParam, template_id: z.uuid() });
export const TemplateQuery = z.strictObject(pageQuery);

export const TemplateView = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid(),
    ...TemplateBody.shape,
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'InvitationTemplate' });

export const presentTemplate = (one: InvitationTemplate) => ({
  id: one.id,
  organization_id: one.organizationId,
  name: one.name,
  message: one.message,
  created_at: one.createdAt.toISOString(),
  updated_at: one.updatedAt.toISOString(),
  version: one.version,
});

/** Each list is read by somebody who chooses one. */
const MOST_TEMPLATES = 100;

export class InvitationTemplates {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly standings: Standings,
  ) {}

  async find({ id: organizationId }: Pick<Organization, 'id'>, id: string): Promise<InvitationTemplate> {
    const template = await this.db.repo(InvitationTemplate).findOneBy({ organizationId, id });
    if (!template) throw notFound('invitation template');
    return template;
  }

  /** @throws QueryFailedError on a name that is taken, answered as 409. */
  create(organization: Organization, body: z.infer<typeof TemplateBody>): Promise<InvitationTemplate> {
    return this.db.transaction(async () => {
      const { id: organizationId } = await lockedOrganization(this.db, organization, 'joining');
      await this.standings.atLeast('admin', organization);
      const repo = this.db.repo(InvitationTemplate);
      if ((await repo.countBy({ organizationId })) >= MOST_TEMPLATES)
        throw conflict('too_many_templates', `An organization has at most ${MOST_TEMPLATES} templates`);
      const now = this.clock.now();
      const made = { id: newId(), organizationId, ...body, createdAt: now, updatedAt: now };
      const template = await repo.insert(Object.assign(new InvitationTemplate(), made));
      const event = { organization_id: organizationId, template_id: template.id };
      await this.audit.record('invitation_template.created', event);
      return template;
    });
  }

  /** Invitations have their copy. @param ifMatch the version the caller saw. */
  update(
    organization: Organization,
    { id }: InvitationTemplate,
    patch: z.infer<typeof UpdateTemplate>,
    ifMatch?: number,
  ): Promise<InvitationTemplate> {
    return this.db.transaction(async () => {
      const { id: organizationId } = organization;
      await this.standings.atLeast('admin', organization);
      const template = await this.locked(organizationId, id, ifMatch);
      const before = JSON.stringify(template);
      if (patch.name) template.name = patch.name;
      if (patch.message) template.message = patch.message;
      if (JSON.stringify(template) === before) return template;
      template.version += 1;
      template.updatedAt = this.clock.now();
      await this.db.repo(InvitationTemplate).save(template);
      const event = { organization_id: organizationId, template_id: id, changed: Object.keys(patch) };
      await this.audit.record('invitation_template.updated', event);
      return template;
    });
  }

  delete(organization: Organization, { id }: InvitationTemplate, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      const { id: organizationId } = organization;
      await this.standings.atLeast('admin', organization);
      await this.locked(organizationId, id, ifMatch);
      await this.db.repo(InvitationTemplate).delete({ id });
      await this.audit.record('invitation_template.deleted', { organization_id: organizationId, template_id: id });
    });
  }

  private async locked(organizationId: string, id: string, ifMatch?: number): Promise<InvitationTemplate> {
    const row = this.db.repo(InvitationTemplate).query('t').andWhere('t.id = :id', { id });
    row.andWhere('t.organization_id = :organizationId', { organizationId });
    const template = await row.setLock('pessimistic_write').getOne();
    if (!template) throw notFound('invitation template');
    if (ifMatch !== undefined && ifMatch !== template.version)
      throw preconditionFailed('The invitation template has changed since');
    return template;
  }
}
