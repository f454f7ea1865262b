// One Provider per tenant, built when first asked for and kept in a bounded pool. A change of keys or settings swaps it; flows begun on the
// old one end on the new one, because everything they rely on is the tenant's and stays the same.
import type Provider from 'oidc-provider';
import { handlesCookie } from '../features/devices/device-handles.js';
import type { KeyService } from '../features/keys/key.service.js';
import type { BindingPolicy } from '../features/protocol/session-binding.js';
import type { Tenant } from '../features/tenants/tenant.entity.js';
import type { TenantService } from '../features/tenants/tenant.service.js';
import type { BoundedCache } from '../platform/cache.js';
import { withContext } from '../platform/context.js';
import { deriveKey, secretKey } from '../platform/crypto.js';
import type { ProviderDependencies } from './extensions.js';
import { createProvider } from './provider.js';
import { Published } from './published.js';

/** Engines kept at most: those asked last. `npm run prove -- tenants` measures what one of them takes. */
export const POOL_SIZE = 1000;

export interface PooledProvider {
  provider: Provider;
  /** Where its sessions hold. */
  binding: BindingPolicy;
  handle: ReturnType<Provider['callback']>;
  /** Of the names by which clients know people. */
  pairwiseSalt: string;
  /** What it tells everybody about itself, prepared; goes with it when it is replaced. */
  published: Published;
}

type MakeCache = (settings: {
  max: number;
  topic: string;
  load: (tenantId: string) => Promise<PooledProvider | undefined>;
}) => Pick<BoundedCache<PooledProvider>, 'get'>;

export class ProviderPool {
  private readonly pool: Pick<BoundedCache<PooledProvider>, 'get'>;

  constructor(
    private readonly deps: ProviderDependencies,
    private readonly tenants: TenantService,
    private readonly keys: KeyService,
    private readonly settings: { cookieKeys: readonly string[]; aliasOrigin: string | undefined },
    makeCache: MakeCache,
  ) {
    this.pool = makeCache({ max: POOL_SIZE, topic: 'issuer', load: (tenantId) => this.build(tenantId) });
  }

  /** @throws Error for a tenant that is not there: the front has looked it up before. */
  async of(tenantId: string): Promise<PooledProvider> {
    const pooled = await this.pool.get(tenantId);
    if (!pooled) throw new Error('no engine for this tenant');
    return pooled;
  }

  private async build(tenantId: string): Promise<PooledProvider | undefined> {
    const tenant = await this.tenants.findById(tenantId);
    if (!tenant) return undefined;
    await this.keys.ensure(tenantId);
    const [{ private: jwks, retired }, secrets] = [await this.keys.signingKeys(tenantId), this.tenants.secrets(tenant)];
    const { sessions, authentication, protocol } = tenant.settings;
    const { resources } = this.deps;
    const told = async () => ({ types: await resources.byDetailsType(), open: await resources.openToClients() });
    const { types: detailsTypes, open: openResources } = await withContext({ tenantId }, told);
    const url = this.tenants.issuerOf(tenant);
    const { aliasOrigin } = this.settings;
    const provider = createProvider(this.deps, {
      url,
      aliases: aliasOrigin && aliasesOf(aliasOrigin, tenant),
      cookieName: cookieName(tenant),
      cookieKeys: this.settings.cookieKeys.map((key) =>
        secretKey(deriveKey(key, `cookies:${tenantId}`).toString('base64url')),
      ),
      dpopNonceSecret: secrets.dpopNonce,
      pairwiseSalt: secrets.pairwiseSalt,
      sessions: { ...sessions, idle: sessions.idle_seconds, absolute: sessions.absolute_seconds },
      authentication,
      protocol,
      detailsTypes,
      openResources,
      handlesCookie: handlesCookie(tenantId, url.startsWith('https:')),
      jwks,
      retired,
    });
    const handle = provider.callback();
    const { pairwiseSalt } = secrets;
    return { provider, binding: sessions, handle, pairwiseSalt, published: new Published(handle, provider.issuer) };
  }
}

/** RFC 8705 §5: one host for the certificates of all tenants, who are paths there whatever their own hosts are. */
export const aliasesOf = (origin: string, { slug }: Tenant): string =>
  slug === 'default' ? origin : `${origin}/t/${slug}`;

/** Tenants below one host share its cookie jar: each has a name of its own. */
export const cookieName = (tenant: Tenant) => `ostiary_${tenant.slug}`;
