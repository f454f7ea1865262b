// Identity providers that somebody trusts, as they are written down; none of them is asked.
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import type { Services } from '../../src/services.js';
import type { CertificateMaker } from './client-certificates.js';
import { newName } from './invitations.js';
import type { TestServer } from './server.js';

/** A provider that needs nothing to be read. */
export const oidcSettings = (host = 'op.example') => ({
  oidc: {
    issuer: `https://${host}`,
    client_id: 'us',
    metadata: {
      authorization_endpoint: `https://${host}/authorize`,
      token_endpoint: `https://${host}/token`,
      jwks_uri: `https://${host}/jwks`,
    },
  },
});

export const newConnection = (more: object = {}) => ({
  key: `c-${newName()}`,
  kind: 'oidc',
  display_name: 'Sign in over there',
  settings: oidcSettings(),
  client_secret: 'their-secret',
  ...more,
});

export const samlSettings = (...certificates: string[]) => ({
  saml: {
    idp: {
      entity_id: 'https://idp.example/metadata',
      sso: [{ binding: 'redirect', location: 'https://idp.example/sso' }],
      certificates,
    },
  },
});

/** @returns PEM of one that holds, and of one that does not any more. */
export const certificatesOf = (maker: CertificateMaker): { good: string; expired: string } => {
  const authority = maker.authority('idp');
  return { good: maker.selfSigned().cert, expired: maker.signedBy(authority, { days: -1 }).cert };
};

/** Enabled. */
export const makeConnection = (server: TestServer, owner: Organization | null, more: object = {}) =>
  server.inside(async ({ connections }: Services) => {
    const connection = await connections.create(owner, newConnection(more) as never);
    await connections.enable(owner, connection);
    return connections.find(owner, connection.id);
  });
