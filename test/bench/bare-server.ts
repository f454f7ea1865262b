// The bare engine, as fast as it gets: one process, a plain Map for an adapter (the bundled one forgets after 1000 entries), no log, the
// same algorithms, clients and paths as the server it is measured against. Whoever asks for a sign-in gets one.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { type Adapter, type Configuration, type JWK, Provider } from 'oidc-provider';
import { claimsByScope, lifetimes, routes, scopes } from '../../config/protocol.js';

type Payload = Record<string, unknown> & { grantId?: string; uid?: string };

const rows = new Map<string, Payload>();
const uids = new Map<string, string>();

class PlainMap {
  constructor(private readonly kind: string) {}

  async upsert(id: string, payload: Payload): Promise<void> {
    rows.set(this.kind + id, payload);
    if (payload.uid) uids.set(this.kind + payload.uid, id);
  }
  async find(id: string): Promise<Payload | undefined> {
    const row = rows.get(this.kind + id);
    return row && structuredClone(row);
  }
  async findByUid(uid: string): Promise<Payload | undefined> {
    return this.find(uids.get(this.kind + uid) ?? '');
  }
  async findByUserCode(): Promise<undefined> {}
  async consume(id: string): Promise<void> {
    const row = rows.get(this.kind + id);
    if (row) row.consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id: string): Promise<void> {
    rows.delete(this.kind + id);
  }
  async revokeByGrantId(): Promise<void> {}
}

const key = async (alg: string): Promise<JWK> => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg } as JWK;
};

const { issuer, resource, web, machine, redirectUri } = JSON.parse(process.env.BENCH ?? '{}');
const configuration: Configuration = {
  adapter: PlainMap as unknown as new (kind: string) => Adapter,
  jwks: { keys: [await key('ES256'), await key('RS256')] },
  clients: [
    {
      client_id: web.clientId,
      client_secret: web.clientSecret,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: 'ES256',
    },
    {
      client_id: machine.clientId,
      client_secret: machine.clientSecret,
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
    },
  ],
  scopes: [...scopes],
  claims: Object.fromEntries(Object.entries(claimsByScope).map(([scope, claims]) => [scope, [...claims]])),
  routes,
  rotateRefreshToken: true,
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: async (_ctx, accountId) => ({
    accountId,
    claims: async () => ({ sub: accountId, email: `${accountId}@example.com`, email_verified: true, name: 'Maria' }),
  }),
  ttl: {
    AccessToken: lifetimes.accessToken,
    AuthorizationCode: lifetimes.authorizationCode,
    ClientCredentials: lifetimes.clientCredentials,
    Grant: lifetimes.grant,
    IdToken: lifetimes.idToken,
    Interaction: lifetimes.interaction,
    RefreshToken: lifetimes.refreshTokenIdle,
    Session: 86_400,
  },
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  cookies: { keys: ['bench'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async () => true },
    revocation: { enabled: true },
    claimsParameter: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, oneOf) => oneOf as never,
      useGrantedResource: () => false,
      getResourceServerInfo: async () => ({
        scope: 'read',
        audience: resource,
        accessTokenTTL: lifetimes.clientCredentials,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
};
const provider = new Provider(issuer, configuration);
provider.proxy = true;
const engine = provider.callback();

createServer(async (req, res) => {
  if (!req.url?.startsWith('/interaction/')) return engine(req, res);
  const { prompt, params } = await provider.interactionDetails(req, res);
  if (prompt.name === 'login') return provider.interactionFinished(req, res, { login: { accountId: 'maria' } });
  const grant = new provider.Grant({ accountId: 'maria', clientId: String(params.client_id) });
  grant.addOIDCScope(String(params.scope));
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
}).listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
process.once('disconnect', () => process.exit(0));
// By itself, so that a profile is written.
process.once('SIGTERM', () => process.exit(0));
