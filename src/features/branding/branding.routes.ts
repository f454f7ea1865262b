import { endpoint } from '../../platform/endpoint.js';
import type { Organization } from '../organizations/organization.entity.js';
import { OrganizationParams } from '../organizations/organization.schema.js';
import type { OrganizationService } from '../organizations/organization.service.js';
import { Branding, worn } from '../tenants/branding.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { BrandingView, PutLogo, present, UpdateBranding } from './branding.schema.js';
import type { OrganizationBranding } from './organization-branding.js';
import type { TenantBranding } from './tenant-branding.js';

interface BrandingDependencies {
  tenants: TenantService;
  organizations: OrganizationService;
  tenantBranding: TenantBranding;
  organizationBranding: OrganizationBranding;
}

const bytesOf = ({ image }: { image: string }): Buffer => Buffer.from(image, 'base64');

export function brandingRoutes(deps: BrandingDependencies) {
  return [...ofTenant(deps), ...ofOrganizations(deps)];
}

function ofTenant({ tenants, tenantBranding: branding }: BrandingDependencies) {
  const view = (tenant: Tenant) =>
    present({ ...tenant.dressed, ...versionOf(tenant) }, tenant.dressed, tenants.issuerOf(tenant));
  return [
    endpoint({
      method: 'get',
      path: '/branding',
      scope: 'settings:read',
      summary: 'Read how the pages and letters of this tenant look',
      response: BrandingView,
      handle: async () => view(await branding.read()),
    }),
    endpoint({
      method: 'put',
      path: '/branding',
      scope: 'settings:write',
      summary: 'Replace the branding of this tenant; the logo that was uploaded stays',
      description: 'Colours are refused that cannot be read (WCAG 2.2 §1.4.3), with the contrast that was measured.',
      body: Branding,
      response: BrandingView,
      handle: async ({ body, ifMatch }) => view(await branding.replace(body, ifMatch)),
    }),
    endpoint({
      method: 'patch',
      path: '/branding',
      scope: 'settings:write',
      summary: 'Change the branding of this tenant; null takes a member away',
      body: UpdateBranding,
      response: BrandingView,
      handle: async ({ body, ifMatch }) => view(await branding.update(body, ifMatch)),
    }),
    endpoint({
      method: 'put',
      path: '/branding/logo',
      scope: 'settings:write',
      summary: 'Upload a logo: PNG, JPEG or WebP',
      body: PutLogo,
      response: BrandingView,
      handle: async ({ body, ifMatch }) => view(await branding.putLogo(bytesOf(body), ifMatch)),
    }),
    endpoint({
      method: 'delete',
      path: '/branding/logo',
      scope: 'settings:write',
      summary: 'Take the logo away that was uploaded',
      async handle({ ifMatch }) {
        await branding.removeLogo(ifMatch);
      },
    }),
  ];
}

function ofOrganizations({ tenants, organizations, organizationBranding: branding }: BrandingDependencies) {
  const params = OrganizationParams;
  const find = ({ organization }: { organization: string }) => organizations.find(organization);
  const view = async (organization: Organization) => {
    const tenant = await tenants.current();
    const own = organization.dressed;
    return present({ ...own, ...versionOf(organization) }, worn(tenant.dressed, own), tenants.issuerOf(tenant));
  };
  return [
    endpoint({
      method: 'get',
      path: '/organizations/:organization/branding',
      scope: 'organizations:read',
      member: 'member',
      summary: 'Read how the pages look to whoever signs in for an organization',
      params,
      response: BrandingView,
      handle: async ({ params }) => view(await find(params)),
    }),
    endpoint({
      method: 'put',
      path: '/organizations/:organization/branding',
      scope: 'organizations:write',
      member: 'admin',
      proof: 'always',
      summary: 'Replace the branding of an organization; the logo that was uploaded stays',
      params,
      body: Branding,
      response: BrandingView,
      handle: async ({ params, body, ifMatch }) => view(await branding.replace(await find(params), body, ifMatch)),
    }),
    endpoint({
      method: 'patch',
      path: '/organizations/:organization/branding',
      scope: 'organizations:write',
      member: 'admin',
      proof: 'always',
      summary: 'Change the branding of an organization; null takes a member away',
      params,
      body: UpdateBranding,
      response: BrandingView,
      handle: async ({ params, body, ifMatch }) => view(await branding.update(await find(params), body, ifMatch)),
    }),
    endpoint({
      method: 'put',
      path: '/organizations/:organization/branding/logo',
      scope: 'organizations:write',
      member: 'admin',
      proof: 'always',
      summary: 'Upload the logo of an organization: PNG, JPEG or WebP',
      params,
      body: PutLogo,
      response: BrandingView,
      handle: async ({ params, body, ifMatch }) =>
        view(await branding.putLogo(await find(params), bytesOf(body), ifMatch)),
    }),
    endpoint({
      method: 'delete',
      path: '/organizations/:organization/branding/logo',
      scope: 'organizations:write',
      member: 'admin',
      proof: 'always',
      summary: 'Take the logo of an organization away that was uploaded',
      params,
      async handle({ params, ifMatch }) {
        await branding.removeLogo(await find(params), ifMatch);
      },
    }),
  ];
}

const versionOf = ({ version, updatedAt }: { version: number; updatedAt: Date }) => ({ version, updatedAt });
