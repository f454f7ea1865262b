// The same endpoints twice: for identity providers of the tenant, and below each organization for its own.
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { organizationParam } from '../organizations/organization.schema.js';
import type { OrganizationService } from '../organizations/organization.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { listConnections } from './connection.queries.js';
import {
  ConnectionKeysView,
  ConnectionQuery,
  ConnectionView,
  CreateConnection,
  present,
  presentKeys,
  ServiceProviderView,
  UpdateConnection,
} from './connection.schema.js';
import type { ConnectionService } from './connection.service.js';
import { federationAddresses, samlAddresses } from './connection-addresses.js';
import type { Owner } from './connection-admission.js';
import type { ConnectionKeys } from './connection-keys.js';
import { MappingPreview, MappingPreviewView, preview } from './connection-preview.js';
import type { ConnectionRefresh } from './connection-refresh.js';

export interface ConnectionRouteDependencies {
  db: Database;
  clock: Clock;
  tenants: Pick<TenantService, 'current' | 'issuerOf'>;
  organizations: Pick<OrganizationService, 'find'>;
  connections: ConnectionService;
  connectionKeys: ConnectionKeys;
  connectionRefresh: ConnectionRefresh;
}

interface Whose {
  organization?: string;
}

interface One extends Whose {
  connection_id: string;
}

/** Where they are: whose, and who may ask by the session of their account. */
interface Place {
  prefix: string;
  whose: string;
  params: typeof organizationParam | Record<string, never>;
  owner(params: Whose): Promise<Owner>;
  reads: { member?: 'admin' };
  writes: { member?: 'owner'; proof?: 'always' };
  /** Nothing is changed by it. */
  tries: { member?: 'admin'; proof?: 'never' };
}

export function connectionRoutes(deps: ConnectionRouteDependencies) {
  const ofTenant: Place = {
    prefix: '',
    whose: 'the tenant',
    params: {},
    owner: async () => null,
    reads: {},
    writes: {},
    tries: {},
  };
  const ofOrganization: Place = {
    prefix: '/organizations/:organization',
    whose: 'an organization',
    params: organizationParam,
    owner: ({ organization = '' }) => deps.organizations.find(organization),
    reads: { member: 'admin' },
    writes: { member: 'owner', proof: 'always' },
    tries: { member: 'admin', proof: 'never' },
  };
  return [ofTenant, ofOrganization].flatMap((place) => [...collectionAt(place, deps), ...oneAt(place, deps)]);
}

function collectionAt({ prefix, whose, params, owner, reads, writes }: Place, deps: ConnectionRouteDependencies) {
  const { db, clock, connections } = deps;
  const path = `${prefix}/connections`;
  const Params = z.strictObject(params) as z.ZodType<Whose>;
  return [
    endpoint({
      method: 'get',
      path,
      scope: 'connections:read',
      ...reads,
      summary: `List the identity providers that ${whose} trusts`,
      params: Params,
      query: ConnectionQuery,
      response: pageOf(ConnectionView),
      async handle({ params, query }) {
        const id = (await owner(params))?.id ?? null;
        return mapPage(await db.reading(() => listConnections(db, id, query)), (one) => present(one, clock.now()));
      },
    }),
    endpoint({
      method: 'post',
      path,
      scope: 'connections:write',
      ...writes,
      summary: `Trust an identity provider, for ${whose}`,
      description: 'It signs nobody in until it is enabled, and need not be complete before.',
      params: Params,
      body: CreateConnection,
      status: 201,
      response: ConnectionView,
      handle: async ({ params, body }) => present(await connections.create(await owner(params), body), clock.now()),
    }),
  ];
}

function oneAt({ prefix, whose, params, owner, reads, writes, tries }: Place, deps: ConnectionRouteDependencies) {
  const { clock, connections, connectionKeys, connectionRefresh } = deps;
  const path = `${prefix}/connections/:connection_id`;
  const Params = z.strictObject({ ...params, connection_id: z.uuid() }) as z.ZodType<One>;
  const found = async (params: One) => {
    const whose = await owner(params);
    return [whose, await connections.find(whose, params.connection_id)] as const;
  };
  return [
    endpoint({
      method: 'get',
      path,
      scope: 'connections:read',
      ...reads,
      summary: `Read a connection of ${whose}`,
      params: Params,
      response: ConnectionView,
      handle: async ({ params }) => present((await found(params))[1], clock.now()),
    }),
    endpoint({
      method: 'patch',
      path,
      scope: 'connections:write',
      ...writes,
      summary: `Change a connection of ${whose} (RFC 7396, at every depth)`,
      params: Params,
      body: UpdateConnection,
      response: ConnectionView,
      handle: async ({ params, body, ifMatch }) =>
        present(await connections.update(...(await found(params)), body, ifMatch), clock.now()),
    }),
    endpoint({
      method: 'delete',
      path,
      scope: 'connections:write',
      ...writes,
      summary: `Delete a connection of ${whose}, and who is known by it; nobody loses their account`,
      params: Params,
      async handle({ params, ifMatch }) {
        await connections.delete(...(await found(params)), ifMatch);
      },
    }),
    endpoint({
      method: 'put',
      path: `${path}/enablement`,
      scope: 'connections:write',
      ...writes,
      summary: `Enable a connection of ${whose}`,
      params: Params,
      handle: async ({ params }) => connections.enable(...(await found(params))),
    }),
    endpoint({
      method: 'delete',
      path: `${path}/enablement`,
      scope: 'connections:write',
      ...writes,
      summary: `Disable a connection of ${whose}: nobody is signed in by it, and what stands on it ends`,
      params: Params,
      handle: async ({ params }) => connections.disable(...(await found(params))),
    }),
    endpoint({
      method: 'get',
      path: `${path}/service-provider`,
      scope: 'connections:read',
      ...reads,
      summary: 'Read what to type in at the identity provider',
      params: Params,
      response: ServiceProviderView,
      async handle({ params }) {
        const [, connection] = await found(params);
        return serviceProvider(deps, connection);
      },
    }),
    endpoint({
      method: 'post',
      path: `${path}/keys`,
      scope: 'connections:write',
      ...writes,
      summary: 'Rotate our keys for a SAML connection, one step',
      description: 'A new key is published first. Asked again, once the other side knows it, it is used.',
      params: Params,
      response: ConnectionKeysView,
      handle: async ({ params }) => ({
        keys: presentKeys(await connectionKeys.rotate(...(await found(params))), clock.now()),
      }),
    }),
    endpoint({
      method: 'post',
      path: `${path}/refreshes`,
      scope: 'connections:write',
      ...writes,
      summary: 'Read now what the identity provider says of itself',
      description: 'What came of it is said by `identity_provider`. What cannot be used replaces nothing.',
      asksOutside: true,
      params: Params,
      response: ConnectionView,
      handle: async ({ params }) => present(await connectionRefresh.refreshNow((await found(params))[1]), clock.now()),
    }),
    endpoint({
      method: 'post',
      path: `${path}/mapping-previews`,
      scope: 'connections:read',
      ...tries,
      summary: 'See what somebody would become, by what the identity provider says of them',
      params: Params,
      body: MappingPreview,
      response: MappingPreviewView,
      handle: async ({ params, body }) => preview(deps.db, (await found(params))[1], body),
    }),
  ];
}

async function serviceProvider(
  { tenants, connectionKeys, clock }: ConnectionRouteDependencies,
  connection: Awaited<ReturnType<ConnectionService['find']>>,
) {
  const issuer = tenants.issuerOf(await tenants.current());
  if (connection.kind !== 'saml') return { ...federationAddresses(issuer, connection), jwks_uri: `${issuer}/jwks` };
  const keys = presentKeys(await connectionKeys.of(connection), clock.now());
  return { ...samlAddresses(issuer, connection), keys };
}
