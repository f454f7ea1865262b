// Clients as the engine works with them. It makes one of its metadata, with every check, and would look for it by a hash of that metadata on
// each request, among a hundred; metadata that is the same object is the same client.
import type { Client, Provider } from 'oidc-provider';
import type { ClientService } from '../features/clients/client.service.js';

export function keepClients(provider: Provider, clients: Pick<ClientService, 'engineMetadata'>): void {
  const known = new WeakMap<object, Client>();
  const find = provider.Client.find.bind(provider.Client);
  provider.Client.find = async (id: string) => {
    const metadata = typeof id === 'string' ? await clients.engineMetadata(id) : undefined;
    if (!metadata) return undefined;
    const client = known.get(metadata) ?? (await find(id));
    if (client) known.set(metadata, client);
    return client;
  };
}

/**
 * The engine would call relying parties while the person waits, once each and whatever became of it. Whichever way a session ends, that is noted
 * in the same transaction and told by a job (features/logout): nothing is left to do here.
 */
export function withoutCalls(provider: Provider): void {
  const client = provider.Client.prototype as unknown as { backchannelLogout(): Promise<void> };
  client.backchannelLogout = async () => {};
}
