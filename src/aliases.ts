// The address at which clients show certificates (RFC 8705 §5): one host for all tenants, a few endpoints of the engine, the management API and nothing
// else. Owns which certificate a request has; nowhere else a request has any.
import type { MutualTls } from '../config/index.js';
import type { Tenant } from './features/tenants/tenant.entity.js';
import type { TenantService } from './features/tenants/tenant.service.js';
import type { Observed } from './front.js';
import { aliasedRoutes } from './oidc/certificates.js';
import { aliasesOf } from './oidc/provider-pool.js';
import { badRequest } from './platform/errors.js';
import { claimedCertificate, shownCertificate } from './platform/peer-certificate.js';

const tenantPath = /^\/t\/([a-z0-9][a-z0-9-]{0,62})(\/.*)$/;

/** What else lies below the API's path, for people and their cookies, is not answered here (app.ts). */
const isAliased = (path: string): boolean => aliasedRoutes.has(path) || path.startsWith('/api/v1/');

export class Aliases {
  readonly host: string;

  constructor(
    private readonly tenants: TenantService,
    private readonly settings: MutualTls,
  ) {
    this.host = new URL(settings.origin).host;
  }

  /** @returns undefined for whatever is not answered here. */
  async find(path: string): Promise<{ tenant: Tenant; prefix: string } | undefined> {
    const [, slug, below] = tenantPath.exec(path) ?? [];
    if (slug === 'default' || !isAliased(below ?? path)) return undefined;
    const tenant = await this.tenants.findBySlug(slug ?? 'default');
    return tenant && { tenant, prefix: slug ? `/t/${slug}` : '' };
  }

  /** @throws AppError 400 where a proxy may have read another host in the request than is asked here. */
  admit(req: Observed, tenant: Tenant): void {
    const { header, ca, origin } = this.settings;
    const { front } = req;
    // RFC 9112 §3.2.2: both are the same for whoever sends them. A proxy that goes by the Host field has not looked at certificates for another host.
    if (header && front.asked?.field !== this.host)
      throw badRequest('several_hosts', 'The target of a request and its Host header name one host');
    front.aliases = aliasesOf(origin, tenant);
    // One of both, as it is configured: at a listener of ours no header is believed, behind a proxy its own certificate is not the client's.
    front.certificate = header
      ? front.claimed && claimedCertificate(header, front.claimed)
      : shownCertificate(req, ca !== undefined);
  }
}
