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
