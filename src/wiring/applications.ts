// The seventh rung: applications and what they may call, and how the first administrator comes in.

import { clockTolerance, lifetimes } from '../../config/protocol.js';
import { BuiltInClients, isBuiltInClient } from '../features/clients/built-in-clients.js';
import type { FullMetadata } from '../features/clients/client.metadata.js';
import { assertAllowed, assertCertificates, assertOpens, assertSigned } from '../features/clients/client.rules.js';
import { ClientService } from '../features/clients/client.service.js';
import { ClientLookup } from '../features/clients/client-lookup.js';
import { MetadataDocuments } from '../features/clients/documents/metadata-documents.js';
import { RegisteredClients } from '../features/clients/registered-clients.js';
import { InitialAccessTokens } from '../features/clients/registration/initial-access-tokens.js';
import { SoftwareStatements } from '../features/clients/registration/software-statements.js';
import { UnusedClients } from '../features/clients/registration/unused-clients.js';
import { ExchangePolicies } from '../features/exchange/exchange-policies.js';
import { Exchanges } from '../features/exchange/exchanges.js';
import { Impersonations } from '../features/impersonation/impersonations.js';
import { ResourceService } from '../features/resources/resource.service.js';
import { Permissions } from '../features/roles/permissions.js';
import { SetupService } from '../features/setup/setup.service.js';
import type { Tenant } from '../features/tenants/tenant.entity.js';
import { TokenEndings } from '../features/token-status/token-endings.js';
import { Assertions } from '../features/trusted-issuers/assertions.js';
import { IssuerKeys } from '../features/trusted-issuers/issuer-keys.js';
import { TrustedIssuers } from '../features/trusted-issuers/trusted-issuers.js';
import { managementApi, mayGrant, scopesAt } from '../management.js';
import type { Ground } from './ground.js';
import type { People } from './people.js';
import type { Roles } from './roles.js';

export type Applications = ReturnType<typeof openApplications>;

export function openApplications(ground: Ground, { roles }: Roles, { users, passwords, externalSubjects }: People) {
  const {
    config,
    db,
    audit,
    clock,
    tenants,
    caching,
    protocol,
    oneTimeTokens,
    mail,
    egress,
    rateLimits,
    limits,
    logger,
  } = ground;

  const builtInClients = new BuiltInClients(
    (tenant) => tenants.issuerOf(tenant),
    config.apiDocs ? (tenant) => Object.keys(scopesAt(tenant)) : undefined,
  );
  const protocolPolicy = async () => (await tenants.current()).settings.protocol;
  const documentPolicy = async () => (await protocolPolicy()).client_id_metadata_documents;
  const lookup = new ClientLookup(db, caching, clock, documentPolicy, (clientId) =>
    isBuiltInClient(clientId) ? tenants.current().then((tenant) => builtInClients.of(tenant, clientId)) : undefined,
  );
  const hooks = {
    async ended({ clientId }: { clientId: string }) {
      await protocol.grants.endAll({ clientId }, 'client_ended');
    },
    mayGrant,
    assigning: (before: readonly string[], after: readonly string[]) => roles.assertMayAssign(before, after),
    holds: (keys: readonly string[]) => roles.assertHoldsAt(keys),
    async maySign(metadata: FullMetadata) {
      assertCertificates(metadata, config.mutualTls !== undefined);
      const { signing_keys, protocol } = (await tenants.current()).settings;
      assertSigned(metadata, signing_keys.algorithms);
      assertOpens(metadata, signing_keys.encryption_algorithms);
      assertAllowed(metadata, protocol);
    },
  };
  const production = config.environment === 'production';
  const clients = new ClientService(db, audit, lookup, clock, { production }, hooks);
  const initialAccessTokens = new InitialAccessTokens(db, audit, clock, protocolPolicy, hooks);
  const softwareStatements = new SoftwareStatements(protocolPolicy, clock);
  const registeredClients = new RegisteredClients(db, audit, lookup, clock, hooks, initialAccessTokens);
  const unusedClients = new UnusedClients(db, registeredClients, lookup, clock);
  const fetches = {
    byAddress: rateLimits.limiter({ name: 'document_fetches', ...limits.documentFetches }),
    byHost: rateLimits.limiter({ name: 'document_host_fetches', ...limits.documentHostFetches }),
  };
  const documents = new MetadataDocuments(db, audit, lookup, clock, protocolPolicy, egress, fetches, logger);
  const resources = new ResourceService(db, audit, tenants, caching, clock, (tenant) => [
    managementApi(tenant, tenants.issuerOf(tenant)),
  ]);
  const { grants } = protocol;
  const isOurs = async (issuer: string) =>
    issuer === tenants.issuerOf(await tenants.current()) || `${issuer}/`.startsWith(`${config.issuer}/`);
  const trustedIssuers = new TrustedIssuers(db, audit, clock, grants, resources, isOurs);
  const terms = { tolerance: clockTolerance, longest: lifetimes.clientAssertion };
  const issuerKeys = new IssuerKeys(egress);
  const assertions = new Assertions(db, audit, clock, trustedIssuers, externalSubjects, issuerKeys, protocol, terms);
  const exchangePolicies = new ExchangePolicies(db, audit, clock, clients, resources);
  const exchanges = new Exchanges(db, audit, grants, exchangePolicies, assertions);
  const scopesOf = (tenant: Tenant) => Object.keys(scopesAt(tenant));
  const setup = new SetupService(db, audit, tenants, users, passwords, clients, oneTimeTokens, scopesOf, mayGrant);

  return {
    clients,
    initialAccessTokens,
    softwareStatements,
    registeredClients,
    unusedClients,
    documents,
    resources,
    permissions: new Permissions(roles, resources),
    impersonations: new Impersonations(db, audit, clock, tenants, users, roles, resources, grants, mail),
    exchangePolicies,
    exchanges,
    trustedIssuers,
    assertions,
    setup,
    tokenEndings: new TokenEndings(db, clock),
  };
}
