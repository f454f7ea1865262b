import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { OrganizationParams } from '../organizations/organization.schema.js';
import type { OrganizationService } from '../organizations/organization.service.js';
import { listTemplates } from './invitation.queries.js';
import {
  type InvitationTemplates,
  presentTemplate,
  TemplateBody,
  TemplateParams,
  TemplateQuery,
  TemplateView,
  UpdateTemplate,
} from './invitation-templates.js';

export const invitationTemplateRoutes = (
  db: Database,
  organizations: Pick<OrganizationService, 'find'>,
  templates: InvitationTemplates,
) => [
  endpoint({
    method: 'get',
    path: '/organizations/:organization/invitation-templates',
    scope: 'organizations:read',
    member: 'admin',
    summary: 'List the invitation templates of an organization',
    params: OrganizationParams,
    query: TemplateQuery,
    response: pageOf(TemplateView),
    async handle({ params, query }) {
      const { id } = await organizations.find(params.organization);
      return mapPage(await db.reading(() => listTemplates(db, id, query)), presentTemplate);
    },
  }),
  endpoint({
    method: 'post',
    path: '/organizations/:organization/invitation-templates',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Write an invitation template',
    params: OrganizationParams,
    body: TemplateBody,
    status: 201,
    response: TemplateView,
    handle: async ({ params, body }) =>
      presentTemplate(await templates.create(await organizations.find(params.organization), body)),
  }),
  endpoint({
    method: 'get',
    path: '/organizations/:organization/invitation-templates/:template_id',
    scope: 'organizations:read',
    member: 'admin',
    summary: 'Show an invitation template',
    params: TemplateParams,
    response: TemplateView,
    handle: async ({ params }) =>
      presentTemplate(await templates.find(await organizations.find(params.organization), params.template_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/organizations/:organization/invitation-templates/:template_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Change an invitation template (RFC 7396); invitations that were made keep their words',
    params: TemplateParams,
    body: UpdateTemplate,
    response: TemplateView,
    async handle({ params, body, ifMatch }) {
      const organization = await organizations.find(params.organization);
      const template = await templates.find(organization, params.template_id);
      return presentTemplate(await templates.update(organization, template, body, ifMatch));
    },
  }),
  endpoint({
    method: 'delete',
    path: '/organizations/:organization/invitation-templates/:template_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Delete an invitation template; invitations that were made keep their words',
    params: TemplateParams,
    async handle({ params, ifMatch }) {
      const organization = await organizations.find(params.organization);
      await templates.delete(organization, await templates.find(organization, params.template_id), ifMatch);
    },
  }),
];
