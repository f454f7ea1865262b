// The house's own applications: clients of every tenant without a row, so that they stand in no list and nobody can change them.
import type { Tenant } from '../tenants/tenant.entity.js';
import { asTravelling } from './client-settings.js';

/** The pages below /account. They ask for no code and no token (response_type none, OAuth 2.0 Multiple Response Types §4): they only have people sign in. */
export const ACCOUNT_CLIENT = 'ostiary-account';

/** The management API in the browser, at `/api/docs`. */
export const API_DOCS_CLIENT = 'ostiary-api-docs';

/** Where the account client is answered, below the issuer. */
export const SIGNED_IN_PATH = '/account/signed-in';

/** Where the client of the API's pages is answered, below the issuer. */
export const API_DOCS_REDIRECT_PATH = '/api/docs/oauth2-redirect.html';

/** Nobody else can have such a client_id. */
export const isBuiltInClient = (clientId: string): boolean =>
  clientId === ACCOUNT_CLIENT || clientId === API_DOCS_CLIENT;

type Metadata = Readonly<Record<string, unknown>>;

export class BuiltInClients {
  /** The engine knows a client again by its metadata; tenants are replaced when they change, never altered. */
  private readonly ofTenant = new WeakMap<Tenant, Record<string, Metadata>>();

  /** @param apiScopes of the management API of a tenant; absent where it is not shown in the browser. */
  constructor(
    private readonly issuerOf: (tenant: Tenant) => string,
    private readonly apiScopes?: (tenant: Tenant) => readonly string[],
  ) {}

  of(tenant: Tenant, clientId: string): Metadata | undefined {
    if (!isBuiltInClient(clientId)) return undefined;
    let clients = this.ofTenant.get(tenant);
    if (!clients) {
      const issuer = this.issuerOf(tenant);
      const scopes = this.apiScopes?.(tenant);
      clients = {
        [ACCOUNT_CLIENT]: accountClient(issuer),
        ...(scopes ? { [API_DOCS_CLIENT]: apiDocsClient(issuer, scopes) } : {}),
      };
      this.ofTenant.set(tenant, clients);
    }
    return clients[clientId];
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

/** Which scopes it gets is ticked on its page, each time. What it asks for is a token of the management API, and that lasts no longer than the page. */
const apiDocsClient = (issuer: string, scopes: readonly string[]): Metadata =>
  Object.freeze({
    client_id: API_DOCS_CLIENT,
    client_name: 'API documentation',
    application_type: 'web',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: [`${issuer}${API_DOCS_REDIRECT_PATH}`],
    scope: 'openid',
    id_token_signed_response_alg: 'ES256',
    ...asTravelling({
      consent_policy: 'implicit',
      dynamic: false,
      allowed_scope: scopes.join(' '),
      // The page redeems its code itself.
      allowed_cors_origins: [new URL(issuer).origin],
    }),
  });
