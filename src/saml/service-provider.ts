// Who we are for the identity provider of a connection: addresses, keys, and what is known of it. One service provider for each connection, so that what
// is said to one is nothing at another.
import type { Connection } from '../features/connections/connection.entity.js';
import type { ConnectionService } from '../features/connections/connection.service.js';
import type { SamlSettings } from '../features/connections/connection.settings.js';
import { samlAddresses } from '../features/connections/connection-addresses.js';
import type { ConnectionKeyStatus } from '../features/connections/connection-key.entity.js';
import type { ConnectionKeys } from '../features/connections/connection-keys.js';
import type { IdentityProvider } from '../features/connections/connection-saml.settings.js';
import { identityProviderOf } from '../features/connections/connection-upstream.js';
import { notFound } from '../platform/errors.js';
import { type ServiceProviderAddresses, serviceProviderMetadata } from './metadata.js';
import type { SigningKey } from './sending.js';

/** A connection as it is now, and all that messages need of it. */
export interface Party extends ServiceProviderAddresses {
  connection: Connection;
  saml: SamlSettings;
  idp: IdentityProvider;
  signingKey: SigningKey;
  /** Whatever may still be encrypted for. */
  decryptionKeys: string[];
}

export class ServiceProviders {
  constructor(
    private readonly connections: Pick<ConnectionService, 'enabled'> & {
      /** Enabled or not. */
      any(id: string): Promise<Connection | null>;
    },
    private readonly keys: Pick<ConnectionKeys, 'of' | 'opened'>,
    private readonly issuer: () => Promise<string>,
  ) {}

  /** Whosever it is; undefined for one of another kind or tenant, and where it is disabled or its organization suspended. */
  async enabled(connectionId: string): Promise<Connection | undefined> {
    const connection = await this.connections.enabled(connectionId);
    return connection?.kind === 'saml' ? connection : undefined;
  }

  /** To say nothing to. @throws AppError 404: unknown, of another kind or tenant, disabled: all alike. */
  async find(connectionId: string): Promise<Connection> {
    const connection = await this.enabled(connectionId);
    if (!connection) throw notFound('page');
    return connection;
  }

  /** To refuse something for, enabled or not. @throws AppError 404 */
  async addressed(connectionId: string): Promise<Connection> {
    const connection = await this.connections.any(connectionId);
    if (connection?.kind !== 'saml') throw notFound('page');
    return connection;
  }

  /** @returns undefined where nothing is known of the identity provider yet, or we have no key. */
  async partyOf(connection: Connection): Promise<Party | undefined> {
    const { saml } = connection.settings;
    const idp = identityProviderOf(connection);
    const keys = await this.keys.opened(connection);
    const current = keys.find(({ status }) => status === 'current');
    if (!saml || !idp || !current) return undefined;
    const decryptionKeys = keys.map(({ privateKey }) => privateKey);
    return { ...(await this.addressesOf(connection)), connection, saml, idp, signingKey: current, decryptionKeys };
  }

  /** What is signed with what comes next is believed before it comes; what is encrypted for what has gone is still read. */
  async metadata(connectionId: string): Promise<string> {
    const connection = await this.find(connectionId);
    const { saml } = connection.settings;
    const keys = await this.keys.of(connection);
    const having = (...wanted: ConnectionKeyStatus[]) =>
      wanted.flatMap((status) => keys.filter((key) => key.status === status)).map(({ certificate }) => certificate);
    return serviceProviderMetadata(
      await this.addressesOf(connection),
      { signing: having('current', 'next', 'previous'), encryption: having('current') },
      { signsRequests: saml?.sign_requests ?? true, nameIdFormat: saml?.name_id_format },
    );
  }

  private async addressesOf(connection: Connection): Promise<ServiceProviderAddresses> {
    const addresses = samlAddresses(await this.issuer(), connection);
    const { entity_id: entityId, assertion_consumer_service: acs, single_logout_service: slo } = addresses;
    return { entityId, acs, slo };
  }
}
