// Owns the resource servers of a tenant: for whom tokens are made, with which scopes and details, in which form (RFC 8707, RFC 9396), and what they
// tell of themselves (RFC 9728).
// Hands off to: oidc/resources.ts, which asks for one by its identifier on every token request that names it.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Cache, Caching } from '../tenants/caching.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { Resource, type ResourceServer } from './resource.entity.js';
import { CreateResource, DEFAULT_ACCESS_TOKEN_TTL, MAX_IDENTIFIER, type UpdateResource } from './resource.schema.js';

const TOPIC = 'resource';
/** Everybody reads discovery, and often. */
const MOST_TOLD = 100;
const ORIGIN = 'resource_origin';
/** What is built for a tenant: its engine, which knows the types of details by their names, and says which resources are open. */
const ISSUER = 'issuer';

export class ResourceService {
  private readonly byIdentifier: Cache<Resource>;
  /** Identifiers of a tenant at one origin. */
  private readonly atOrigin: Cache<ReadonlySet<string>>;
  /** Tenants are replaced when they change, never altered. */
  private readonly ofTenant = new WeakMap<Tenant, readonly ResourceServer[]>();

  /** @param builtIns the resource servers a tenant has without a row, as the management API. */
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly caching: Caching,
    private readonly clock: Clock,
    private readonly builtIns: (tenant: Tenant) => readonly ResourceServer[],
  ) {
    this.byIdentifier = caching.cache({ max: 2000, topic: TOPIC, load: (key) => this.load(key) });
    this.atOrigin = caching.cache({ max: 1000, topic: ORIGIN, load: (key) => this.identifiersAt(key) });
  }

  /** Cached; an identifier is compared exactly. */
  async findByIdentifier(identifier: string): Promise<ResourceServer | undefined> {
    return (
      (await this.builtIn(identifier)) ?? (mayBe(identifier) ? this.byIdentifier.get(keyOf(identifier)) : undefined)
    );
  }

  /** For those who may ask for anything, as often as they like: what is not there is not looked up. @param url below the issuer. */
  async findHosted(url: string): Promise<ResourceServer | undefined> {
    const own = await this.builtIn(url);
    if (own) return own;
    const known = await this.atOrigin.get(`${currentTenantId()} ${originOf(url)}`);
    return known?.has(url) ? this.findByIdentifier(url) : undefined;
  }

  async find(id: string): Promise<Resource> {
    const resource = await this.db.repo(Resource).findOneBy({ id });
    if (!resource) throw notFound('resource');
    return resource;
  }

  all(): Promise<Resource[]> {
    return this.db.repo(Resource).find({ order: { identifier: 'ASC' } });
  }

  /** Type of authorization details → identifiers of the resources that take it. */
  async byDetailsType(): Promise<ReadonlyMap<string, readonly string[]>> {
    const resources = await this.db
      .repo(Resource)
      .query('r')
      .andWhere(`r.authorization_details_types <> '[]'`)
      .getMany();
    const found = new Map<string, string[]>();
    for (const resource of resources)
      for (const type of typesOf(resource)) found.set(type, [...(found.get(type) ?? []), resource.identifier]);
    return found;
  }

  /** Identifiers of those that are open to clients whom nobody has registered here, which have to find them (RFC 9728 §4). */
  async openToClients(): Promise<string[]> {
    const open = this.db.repo(Resource).query('r').andWhere('r.dynamic_clients');
    const resources = await open.orderBy('r.identifier').take(MOST_TOLD).getMany();
    return resources.map(({ identifier }) => identifier);
  }

  /** Names of the scopes of resources that are open to clients that registered themselves. */
  async openScopes(): Promise<string[]> {
    const open = await this.db.repo(Resource).findBy({ dynamicClients: true });
    return [...new Set(open.flatMap(({ scopes }) => scopes.map(({ name }) => name)))];
  }

  /** @throws QueryFailedError on an identifier that is taken, answered as 409; AppError 422 where nothing could sign its tokens. */
  async create(input: CreateResource): Promise<Resource> {
    const given = CreateResource.parse(input);
    if (await this.builtIn(given.identifier))
      throw conflict('reserved_identifier', 'This identifier belongs to the server itself');
    if (given.access_token_format === 'jwt') await this.assertSigned(given.signing_alg ?? 'ES256');
    const now = this.clock.now();
    return this.db.transaction(async () => {
      const resource = await this.db.repo(Resource).insert(
        Object.assign(new Resource(), {
          id: newId(),
          identifier: given.identifier,
          name: given.name,
          scopes: given.scopes ?? [],
          accessTokenFormat: given.access_token_format ?? 'opaque',
          accessTokenTtl: given.access_token_ttl ?? DEFAULT_ACCESS_TOKEN_TTL,
          signingAlg: given.signing_alg ?? 'ES256',
          authorizationDetailsTypes: given.authorization_details_types ?? [],
          metadata: given.metadata ?? {},
          dynamicClients: given.dynamic_clients ?? false,
          introspectionClients: given.introspection_clients ?? [],
          roleClaims: given.role_claims ?? false,
          createdAt: now,
          updatedAt: now,
        }),
      );
      await this.audit.record('resource.created', { resource_id: resource.id, identifier: resource.identifier });
      await this.published(resource, [], toldOf(resource));
      return resource;
    });
  }

  /** RFC 7396: null brings back the default. @param ifMatch the version the caller saw. */
  update({ id }: Resource, patch: UpdateResource, ifMatch?: number): Promise<Resource> {
    return this.db.transaction(async () => {
      const resource = await this.locked(id, ifMatch);
      const before = JSON.stringify(resource);
      const told = toldOf(resource);
      if (patch.name) resource.name = patch.name;
      if (patch.scopes !== undefined) resource.scopes = patch.scopes ?? [];
      if (patch.access_token_format !== undefined) resource.accessTokenFormat = patch.access_token_format ?? 'opaque';
      if (patch.access_token_ttl !== undefined)
        resource.accessTokenTtl = patch.access_token_ttl ?? DEFAULT_ACCESS_TOKEN_TTL;
      if (patch.signing_alg !== undefined) resource.signingAlg = patch.signing_alg ?? 'ES256';
      if (patch.authorization_details_types !== undefined)
        resource.authorizationDetailsTypes = patch.authorization_details_types ?? [];
      if (patch.metadata !== undefined) resource.metadata = patch.metadata ?? {};
      if (patch.dynamic_clients !== undefined) resource.dynamicClients = patch.dynamic_clients ?? false;
      if (patch.introspection_clients !== undefined) resource.introspectionClients = patch.introspection_clients ?? [];
      if (patch.role_claims !== undefined) resource.roleClaims = patch.role_claims ?? false;
      if (JSON.stringify(resource) === before) return resource;
      const signs = patch.signing_alg !== undefined || patch.access_token_format !== undefined;
      if (signs && resource.accessTokenFormat === 'jwt') await this.assertSigned(resource.signingAlg);
      resource.version += 1;
      resource.updatedAt = this.clock.now();
      await this.db.repo(Resource).save(resource);
      const { identifier } = resource;
      await this.audit.record('resource.updated', { resource_id: id, identifier, changed: Object.keys(patch) });
      await this.published(resource, told, toldOf(resource));
      return resource;
    });
  }

  delete({ id }: Resource, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      const resource = await this.locked(id, ifMatch);
      const { identifier } = resource;
      await this.db.repo(Resource).delete({ id });
      await this.audit.record('resource.deleted', { resource_id: id, identifier });
      await this.published(resource, toldOf(resource), []);
    });
  }

  /** @throws AppError 422 where there is no key of the tenant that could sign so: each token would fail. */
  private async assertSigned(algorithm: string): Promise<void> {
    const { algorithms } = (await this.tenants.current()).settings.signing_keys;
    if (algorithms.some((one) => one === algorithm)) return;
    const message = `must be ${algorithms.join(' or ')} at this tenant`;
    throw invalid('The resource cannot be used', [{ pointer: '/signing_alg', message }]);
  }

  private async published({ identifier }: Resource, before: string[], after: string[]): Promise<void> {
    await this.caching.publish(TOPIC, keyOf(identifier));
    await this.caching.publish(ORIGIN, `${currentTenantId()} ${originOf(identifier)}`);
    if (before.join(' ') !== after.join(' ')) await this.caching.publish(ISSUER, currentTenantId());
  }

  private async builtIn(identifier: string): Promise<ResourceServer | undefined> {
    const tenant = await this.tenants.current();
    let own = this.ofTenant.get(tenant);
    if (!own) {
      own = this.builtIns(tenant);
      this.ofTenant.set(tenant, own);
    }
    return own.find((one) => one.identifier === identifier);
  }

  private load(key: string): Promise<Resource | undefined> {
    const space = key.indexOf(' ');
    return withContext({ tenantId: key.slice(0, space) }, async () => {
      const resource = await this.db.repo(Resource).findOneBy({ identifier: key.slice(space + 1) });
      return resource ? Object.freeze(resource) : undefined;
    });
  }

  private identifiersAt(key: string): Promise<ReadonlySet<string>> {
    const [tenantId = '', origin] = key.split(' ');
    return withContext({ tenantId }, async () => {
      const resources = await this.db
        .repo(Resource)
        .query('r')
        .select(['r.tenantId', 'r.id', 'r.identifier'])
        .andWhere('starts_with(r.identifier, :origin)', { origin })
        .getMany();
      return new Set(resources.map(({ identifier }) => identifier));
    });
  }

  private async locked(id: string, ifMatch?: number): Promise<Resource> {
    const resource = await this.db
      .repo(Resource)
      .query('r')
      .andWhere('r.id = :id', { id })
      .setLock('pessimistic_write')
      .getOne();
    if (!resource) throw notFound('resource');
    if (ifMatch !== undefined && ifMatch !== resource.version)
      throw preconditionFailed('The resource has changed since');
    return resource;
  }
}

const keyOf = (identifier: string) => `${currentTenantId()} ${identifier}`;
/** Scheme, host and port, to the byte; nothing where there is no host. */
const originOf = (identifier: string) => /^https?:\/\/[^/?]+/.exec(identifier)?.[0] ?? '';
const typesOf = ({ authorizationDetailsTypes }: Resource) => authorizationDetailsTypes.map(({ type }) => type);
/** What the engine knows of it. */
const toldOf = (resource: Resource) => [
  ...typesOf(resource),
  ...(resource.dynamicClients ? [`open ${resource.identifier}`] : []),
];

/** Less than Identifier asks for, on each token request: no longer than one, and nothing that the database could not compare. */
const mayBe = (identifier: string) => identifier.length <= MAX_IDENTIFIER && !identifier.includes('\0');
