// What the engine is configured to be is told in chapters, one for each part of the standards: what each of them is given.
import type { KeyObject } from 'node:crypto';
import type { Configuration, JWK } from 'oidc-provider';
import type { BackchannelRequests } from '../../features/backchannel-requests/backchannel-requests.js';
import type { ClientService } from '../../features/clients/client.service.js';
import type { MetadataDocuments } from '../../features/clients/documents/metadata-documents.js';
import type { RegisteredClients } from '../../features/clients/registered-clients.js';
import type { InitialAccessTokens } from '../../features/clients/registration/initial-access-tokens.js';
import type { SoftwareStatements } from '../../features/clients/registration/software-statements.js';
import type { SecondFactors } from '../../features/credentials/second-factors.js';
import type { Devices } from '../../features/devices/device.service.js';
import type { OrganizationAccess } from '../../features/organization-access/organization-access.js';
import type { Protocol } from '../../features/protocol/protocol.js';
import type { BindingPolicy } from '../../features/protocol/session-binding.js';
import type { ResourceService } from '../../features/resources/resource.service.js';
import type { RoleService } from '../../features/roles/role.service.js';
import type { AuthenticationPolicy } from '../../features/tenants/authentication-policy.js';
import type { ProtocolPolicy } from '../../features/tenants/protocol-policy/protocol-policy.js';
import type { UserService } from '../../features/users/user.service.js';
import type { Egress } from '../../platform/egress.js';
import type { Limiter } from '../../platform/rate-limit.js';
import type { DetailsTypes } from '../authorization-details.js';
import type { DevicePages } from '../device-pages.js';
import type { EnginePages } from '../pages.js';

export type Chapter = (deps: ConfigurationDependencies, issuer: Issuer) => Configuration;

export interface ConfigurationDependencies {
  protocol: Protocol;
  clients: ClientService;
  registeredClients: RegisteredClients;
  initialAccessTokens: InitialAccessTokens;
  softwareStatements: SoftwareStatements;
  documents: MetadataDocuments;
  users: UserService;
  resources: ResourceService;
  roles: Pick<RoleService, 'openAt'>;
  devices: Devices;
  organizationAccess: OrganizationAccess;
  secondFactors: Pick<SecondFactors, 'of'>;
  backchannelRequests: BackchannelRequests;
  unknownHints: Pick<Limiter, 'consume' | 'reward'>;
  egress: Egress;
  pages: EnginePages;
  devicePages: DevicePages;
}

/** What one issuer is made of; all of it must be the same before and after a rebuild, or flows begun earlier would break. */
export interface Issuer {
  url: string;
  /** Where its endpoints answer to whoever shows a certificate; undefined where nobody can. */
  aliases: string | undefined;
  /** Distinguishes the cookies of tenants that share a host. */
  cookieName: string;
  cookieKeys: KeyObject[];
  dpopNonceSecret: Buffer;
  pairwiseSalt: string;
  /** Lifetimes in seconds: since the last use, and since the sign-in. */
  sessions: { idle: number; absolute: number } & BindingPolicy;
  authentication: AuthenticationPolicy;
  protocol: ProtocolPolicy;
  /** Authorization details that its resources take (RFC 9396). */
  detailsTypes: DetailsTypes;
  /** Identifiers of the resources that it tells everybody of (RFC 9728 §4). */
  openResources: readonly string[];
  /** In which cookie browsers hold what they are recognised by. */
  handlesCookie: string;
  /** Private JWKs, the current ones first. */
  jwks: JWK[];
  /** Public JWKs that are published no longer, and are still believed in an id_token_hint. */
  retired: JWK[];
}
