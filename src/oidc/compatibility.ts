// The profile `compatibility`: for whom the engine lets go of what it holds all others to.
import type { Client, Provider } from 'oidc-provider';
import type { ClientService } from '../features/clients/client.service.js';
import { settingsOf } from '../features/clients/client-settings.js';
import type { EngineContext } from './engine-types.js';
import { profileOf } from './profile.js';

interface Policy {
  compatibility: boolean;
}

/** Where the tenant does not allow it (any more), such a client is none: the engine could not even make one of its metadata. */
export function refuseCompatibility(
  provider: Provider,
  clients: Pick<ClientService, 'engineMetadata'>,
  { compatibility }: Policy,
): void {
  if (compatibility) return;
  const find = provider.Client.find.bind(provider.Client);
  provider.Client.find = async (id: string) =>
    typeof id === 'string' && profileOf(await clients.engineMetadata(id)) === 'compatibility' ? undefined : find(id);
}

/** RFC 9700 §2.1.1: everybody, but for a client that authenticates, is exempt, and asks for an ID token with a nonce. */
export const needsPkce =
  ({ compatibility }: Policy) =>
  ({ oidc }: EngineContext, client: Client): boolean => {
    const exempt = compatibility && settingsOf(client).pkce_exempt === true && client.clientAuthMethod !== 'none';
    return !(exempt && oidc.params?.nonce !== undefined && oidc.requestParamScopes.has('openid'));
  };
