// Which issuer is asked: by host, by path, or by name below a domain; unknown ones are refused here. Owns what a request says about itself
// afterwards; nothing later reads the sender's words.
import type { IncomingMessage } from 'node:http';
import type { Aliases } from './aliases.js';
import type { Places, Tenant } from './features/tenants/tenant.entity.js';
import type { TenantService } from './features/tenants/tenant.service.js';
import type { Observed } from './front.js';
import { AppError, badRequest, notFound } from './platform/errors.js';

/** RFC 8414 §3.1 puts the well-known part before the issuer's path; RFC 9728 §3.1 before that of a resource, which may go on below it. */
const wellKnownInFront = [
  /^(\/\.well-known\/oauth-authorization-server)(\/t\/[a-z0-9-]+)$/,
  /^(\/\.well-known\/oauth-protected-resource)(\/t\/[a-z0-9-]+)(\/.*)?$/,
];
const tenantPath = /^\/t\/([a-z0-9][a-z0-9-]{0,62})(\/.*)$/;
const isSlug = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What is true of an issuer on each request, made once. */
interface Address {
  issuer: string;
  origin: string;
  host: string;
  scheme: string;
  /** Empty, or /t/{slug}. */
  prefix: string;
}

/** Finds the issuer that is asked. From here on the request speaks of nothing else, whatever its sender said. */
export class Issuers {
  private readonly base: URL;
  /** What the names of tenants end in, where they are names. */
  private readonly below: string | undefined;
  /** Tenants are replaced when they change, never altered. */
  private readonly addresses = new WeakMap<Tenant, Address>();

  constructor(
    private readonly tenants: TenantService,
    { issuer, domain }: Places,
    private readonly aliases?: Aliases,
  ) {
    this.base = new URL(issuer);
    this.below = domain && `.${domain}${this.base.port && `:${this.base.port}`}`;
  }

  /** @throws AppError 404 or 421 where nobody here is asked, 400 where that cannot be told. */
  async resolve(req: Observed): Promise<void> {
    req.front.asked ??= targetOf(req);
    const { target, host } = req.front.asked;
    const rewritten = rewriteWellKnown(target);
    const query = rewritten.indexOf('?');
    const path = query < 0 ? rewritten : rewritten.slice(0, query);
    const { base, below } = this;
    const onBase = host === base.host;
    const aliases = this.aliases?.host === host ? this.aliases : undefined;
    const found = await (aliases?.find(path) ??
      (onBase ? onBaseHost(this.tenants, path, below) : onOtherHost(this.tenants, host, below)));
    if (!found)
      throw onBase || aliases || (below && host.endsWith(below)) ? notFound('page') : misdirected(base.origin);
    const { tenant } = found;
    if (tenant.state !== 'active') throw notFound('page');
    aliases?.admit(req, tenant);

    const address = this.addressOf(tenant);
    const { issuer, origin, prefix } = address;
    const { front } = req;
    front.issuer = issuer;
    front.origin = origin;
    front.prefix = prefix;
    front.tenant = tenant;
    trustOnly(req, address);
    // At an alias the tenant may stand behind another prefix than at its issuer, which is what everything is told of.
    req.url = rewritten.slice(found.prefix.length);
    req.originalUrl = `${prefix}${req.url}`;
  }

  private addressOf(tenant: Tenant): Address {
    let address = this.addresses.get(tenant);
    if (!address) {
      const issuer = this.tenants.issuerOf(tenant);
      const { origin, host, protocol, pathname } = new URL(issuer);
      const prefix = pathname === '/' ? '' : pathname;
      address = { issuer, origin, host, scheme: protocol.slice(0, -1), prefix };
      this.addresses.set(tenant, address);
    }
    return address;
  }
}

/**
 * RFC 9112 §3.2.2: the host of an absolute-form target counts, not the Host field; what stays is the origin-form, because the engine makes
 * addresses of whatever it finds in the target. Nothing is tidied up on the way: a path is a registered one to the byte, or unknown.
 * @throws AppError 400 where there are several Host fields (§3.2).
 */
function targetOf({ url = '/', headers, rawHeaders }: IncomingMessage): NonNullable<Observed['front']['asked']> {
  if (rawHeaders.filter((name, place) => place % 2 === 0 && isHost(name)).length > 1)
    throw badRequest('several_hosts', 'A request has one Host header');
  const field = (headers.host ?? '').toLowerCase();
  if (url.startsWith('/') && !url.startsWith('//')) return { target: url, host: field, field };
  const [, host, path = ''] = /^https?:\/\/([^/?]+)(.*)$/i.exec(url) ?? [];
  if (!host) throw notFound('page');
  return { target: path.startsWith('/') ? path : `/${path}`, host: host.toLowerCase(), field };
}

const isHost = (name: string) => name.length === 4 && name.toLowerCase() === 'host';

interface Found {
  tenant: Tenant;
  prefix: string;
}

/** @param below what the names of tenants end in; where they are names, they are no paths. */
async function onBaseHost(tenants: TenantService, path: string, below: string | undefined): Promise<Found | undefined> {
  const [, slug] = tenantPath.exec(path) ?? [];
  if (slug === 'default' || (slug && below)) return undefined;
  const tenant = await tenants.findBySlug(slug ?? 'default');
  // A tenant with a host of its own is another issuer there, and nobody here.
  if (!tenant || tenant.host) return undefined;
  return { tenant, prefix: slug ? `/t/${slug}` : '' };
}

async function onOtherHost(
  tenants: TenantService,
  host: string,
  below: string | undefined,
): Promise<Found | undefined> {
  const tenant = (host ? await tenants.findByHost(host) : undefined) ?? (await onSubdomain(tenants, host, below));
  return tenant && { tenant, prefix: '' };
}

async function onSubdomain(
  tenants: TenantService,
  host: string,
  below: string | undefined,
): Promise<Tenant | undefined> {
  if (!below || !host.endsWith(below)) return undefined;
  const slug = host.slice(0, -below.length);
  if (slug === 'default' || !isSlug.test(slug)) return undefined;
  const tenant = await tenants.findBySlug(slug);
  return tenant?.host ? undefined : tenant;
}

function rewriteWellKnown(url: string): string {
  if (!url.startsWith('/.well-known/')) return url;
  // RFC 3986 §3.4: a query may hold question marks of its own.
  const [, path = '', query = ''] = /^([^?]*)(.*)$/s.exec(url) ?? [];
  for (const form of wellKnownInFront) {
    const [, wellKnown, tenant, rest = ''] = form.exec(path) ?? [];
    if (wellKnown && tenant) return `${tenant}${wellKnown}${rest}${query}`;
  }
  return url;
}

/** The engine reads these: it is told the issuer, whatever the sender says. */
function trustOnly(req: IncomingMessage, { host, scheme }: Address): void {
  req.headers.host = host;
  req.headers['x-forwarded-host'] = host;
  req.headers['x-forwarded-proto'] = scheme;
  delete req.headers.forwarded;
}

const misdirected = (issuer: string) => new AppError(421, 'misdirected_request', `This server answers at ${issuer}`);
