import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { OrganizationParams } from '../organizations/organization.schema.js';
import type { OrganizationService } from '../organizations/organization.service.js';
import { listDomains } from './domain.queries.js';
import { CreateDomain, DomainParams, DomainQuery, DomainView, present, UpdateDomain } from './domain.schema.js';
import type { DomainService } from './domain.service.js';

export const domainRoutes = (
  db: Database,
  organizations: Pick<OrganizationService, 'find'>,
  domains: DomainService,
) => [
  endpoint({
    method: 'get',
    path: '/organizations/:organization/domains',
    scope: 'organizations:read',
    member: 'admin',
    summary: 'List the domains of an organization',
    params: OrganizationParams,
    query: DomainQuery,
    response: pageOf(DomainView),
    async handle({ params, query }) {
      const { id } = await organizations.find(params.organization);
      return mapPage(await db.reading(() => listDomains(db, id, query)), present);
    },
  }),
  endpoint({
    method: 'post',
    path: '/organizations/:organization/domains',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Claim a domain for an organization',
    description: 'Put the TXT record `challenge` into DNS, then ask for its verification.',
    params: OrganizationParams,
    body: CreateDomain,
    status: 201,
    response: DomainView,
    handle: async ({ params, body }) =>
      present(await domains.create(await organizations.find(params.organization), body)),
  }),
  endpoint({
    method: 'get',
    path: '/organizations/:organization/domains/:domain_id',
    scope: 'organizations:read',
    member: 'admin',
    summary: 'Show a domain of an organization',
    params: DomainParams,
    response: DomainView,
    handle: async ({ params }) =>
      present(await domains.find(await organizations.find(params.organization), params.domain_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/organizations/:organization/domains/:domain_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Change who joins by a domain (RFC 7396)',
    params: DomainParams,
    body: UpdateDomain,
    response: DomainView,
    async handle({ params, body, ifMatch }) {
      const organization = await organizations.find(params.organization);
      const domain = await domains.find(organization, params.domain_id);
      return present(await domains.update(organization, domain, body, ifMatch));
    },
  }),
  endpoint({
    method: 'delete',
    path: '/organizations/:organization/domains/:domain_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Give up a domain; who has joined by it stays',
    params: DomainParams,
    async handle({ params, ifMatch }) {
      const organization = await organizations.find(params.organization);
      await domains.delete(organization, await domains.find(organization, params.domain_id), ifMatch);
    },
  }),
  endpoint({
    method: 'post',
    path: '/organizations/:organization/domains/:domain_id/verification',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Look for the TXT record of a domain, and verify it',
    asksOutside: true,
    params: DomainParams,
    response: DomainView,
    async handle({ params }) {
      const organization = await organizations.find(params.organization);
      return present(await domains.verify(organization, await domains.find(organization, params.domain_id)));
    },
  }),
];
