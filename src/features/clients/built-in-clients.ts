// The house's own applications: clients of every tenant without a row, so that they stand in no list and nobody can change them.
// They ask for no code and no token (response_type none, OAuth 2.0 Multiple Response Types §4): they only have people sign in.
import type { Tenant } from '../tenants/tenant.entity.js';
import { asTravelling } from './client-settings.js';

/** The pages below /account. */
export const ACCOUNT_CLIENT = 'ostiary-account';

/** Where the account client is answered, below the issuer. */
export const SIGNED_IN_PATH = '/account/signed-in';

/** Nobody else can have such a client_id. */
export const isBuiltInClient = (clientId: string): boolean => clientId === ACCOUNT_CLIENT;

type Metadata = Readonly<Record<string, unknown>>;

export class BuiltInClients {
  /** The engine knows a client again by its metadata; tenants are replaced when they change, never altered. */
  private readonly ofTenant = new WeakMap<Tenant, Metadata>();

  constructor(private readonly issuerOf: (tenant: Tenant) => string) {}

  of(tenant: Tenant, clientId: string): Metadata | undefined {
    if (!isBuiltInClient(clientId)) return undefined;
    let metadata = this.ofTenant.get(tenant);
    if (!metadata) {
      metadata = accountClient(this.issuerOf(tenant));
      this.ofTenant.set(tenant, metadata);
    }
    return metadata;
  }
}

const accountClient = (issuer: string): Metadata =>
  Object.freeze({
    client_id: ACCOUNT_CLIENT,
    client_name: 'Account',
    application_type: 'web',
    token_endpoint_auth_method: 'none',
    grant_types: [],
    response_types: ['none'],
    redirect_uris: [`${issuer}${SIGNED_IN_PATH}`],
    scope: 'openid',
    id_token_signed_response_alg: 'ES256',
    ...asTravelling({ consent_policy: 'implicit', dynamic: false }),
  });
