// Clients as the engine works with them. It makes one of its metadata, with every check, and would look for it by a hash of that metadata on
// each request, among a hundred; metadata that is the same object is the same client.
import { type Client, errors, type Provider } from 'oidc-provider';
import type { MetadataDocuments } from '../features/clients/documents/metadata-documents.js';
import { AppError } from '../platform/errors.js';

export function keepClients(provider: Provider, clients: Pick<MetadataDocuments, 'engineMetadata'>): void {
  const known = new WeakMap<object, Client>();
  const find = provider.Client.find.bind(provider.Client);
  provider.Client.find = async (id: string) => {
    const metadata = typeof id === 'string' ? await clients.engineMetadata(id).catch(later) : undefined;
    if (!metadata) return undefined;
    const client = known.get(metadata) ?? (await find(id));
    if (client) known.set(metadata, client);
    return client;
  };
}

/** RFC 6749 §4.1.2.1: too many documents were fetched a moment ago. */
function later(error: unknown): never {
  if (error instanceof AppError && error.status === 429) throw new errors.TemporarilyUnavailable(error.message);
  throw error;
}

/**
 * The engine would call relying parties while the person waits, once each and whatever became of it. Whichever way a session ends, that is noted
 * in the same transaction and told by a job (features/logout): nothing is left to do here.
 */
export function withoutCalls(provider: Provider): void {
  const client = provider.Client.prototype as unknown as { backchannelLogout(): Promise<void> };
  client.backchannelLogout = async () => {};
}
