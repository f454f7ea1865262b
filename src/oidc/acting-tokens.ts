// An access token for a person, made at no endpoint of the engine: somebody acts for them, and it says who (RFC 8693 §4.1). No person took part, so it says
// nothing of how they signed in, stands on no session and brings no other token. What it may say beside that is decided as at the token endpoint.
import { type Client, errors, type Provider, type ResourceServer } from 'oidc-provider';
import { isBuiltInClient } from '../features/clients/built-in-clients.js';
import { settingsOf } from '../features/clients/client-settings.js';
import { pairwiseSubject } from '../features/clients/pairwise.js';
import type { ActingTokens, ResourceAccess } from '../features/protocol/acting-tokens.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { currentTenantId } from '../platform/context.js';
import { invalid } from '../platform/errors.js';
import type { EngineContext } from './engine-types.js';
import { saysWhoActs } from './grants/acting.js';
import type { ProviderPool } from './provider-pool.js';
import { createResourceServerInfo } from './resources.js';

export class EngineActingTokens implements ActingTokens {
  private readonly infoOf;

  constructor(
    private readonly pool: ProviderPool,
    resources: ResourceService,
  ) {
    this.infoOf = createResourceServerInfo(resources);
  }

  async at(clientId: string, resource: string): Promise<ResourceAccess> {
    const { provider, pairwiseSalt } = await this.pool.of(currentTenantId());
    const client = await provider.Client.find(clientId);
    const problem = client ? problemOf(client) : 'is no client, or is disabled';
    if (!client || problem) throw refused('/client_id', String(problem));
    const server = await this.serverFor(client, resource);
    return {
      scopes: new Set(server.scope.split(' ').filter(Boolean)),
      seconds: Number(server.accessTokenTTL),
      give: ({ actor, seconds, ...rest }) => {
        const sub =
          client.subjectType === 'pairwise' ? pairwiseSubject(pairwiseSalt, client.sectorIdentifier, actor) : actor;
        return made(provider, { ...rest, client, server, seconds, act: { sub } });
      },
    };
  }

  private async serverFor(client: Client, resource: string): Promise<ResourceServer> {
    // As at the token endpoint, where nothing else was sent.
    const ctx = { oidc: { params: {}, client } } as unknown as EngineContext;
    try {
      return await this.infoOf(ctx, resource, client);
    } catch (error) {
      if (error instanceof errors.InvalidTarget) throw refused('/resource', error.error_description ?? error.message);
      throw error;
    }
  }
}

interface Made {
  client: Client;
  accountId: string;
  grantId: string;
  server: ResourceServer;
  scope: string;
  seconds: number;
  act: { sub: string };
}

function made(provider: Provider, { server, seconds, act, ...rest }: Made): Promise<string> {
  const token = new provider.AccessToken({
    ...rest,
    gty: 'impersonation',
    resourceServer: server as never,
    expiresIn: seconds,
  });
  saysWhoActs(token, act);
  return token.save();
}

/** Whoever acts has no key of the client's, and it is in its name: somebody of the house answers for it. */
function problemOf(client: Client): string | undefined {
  if (isBuiltInClient(client.clientId)) return 'is no client, or is disabled';
  if (settingsOf(client).dynamic) return 'registered itself, and nobody of this tenant answers for it';
  const { dpopBoundAccessTokens, tlsClientCertificateBoundAccessTokens } = client as unknown as Record<string, unknown>;
  return dpopBoundAccessTokens || tlsClientCertificateBoundAccessTokens
    ? 'has its tokens bound to a key, which is not here'
    : undefined;
}

const refused = (pointer: string, message: string) => invalid('There is no such token', [{ pointer, message }]);
