// Clients as the engine works with them. It makes one of its metadata, with every check, and would look for it by a hash of that metadata on
// each request, among a hundred; metadata that is the same object is the same client.
import { type Client, errors, type Provider } from 'oidc-provider';
import { settingsOf } from '../features/clients/client-settings.js';
import type { MetadataDocuments } from '../features/clients/documents/metadata-documents.js';
import type { UnusedClients } from '../features/clients/registration/unused-clients.js';
import { AppError } from '../platform/errors.js';
import type { Logger } from '../platform/logger.js';

export function keepClients(provider: Provider, clients: Pick<MetadataDocuments, 'engineMetadata'>): void {
  const known = new WeakMap<object, Client>();
  const metadataOf = async (id: string) => {
    try {
      return await clients.engineMetadata(id);
    } catch (error) {
      return later(error);
    }
  };
  const find = provider.Client.find.bind(provider.Client);
  provider.Client.find = async (id: string) => {
    const metadata = typeof id === 'string' ? await metadataOf(id) : undefined;
    if (!metadata) return undefined;
    const client = known.get(metadata) ?? (await find(id));
    if (client) known.set(metadata, client);
    return client;
  };
}

/** A client that registered itself and gets a token stays; nobody waits for that to be written, once in its life. */
export function noteFirstUse(provider: Provider, clients: Pick<UnusedClients, 'used'>, logger: Logger): void {
  provider.on('grant.success', ({ oidc: { client } }) => {
    const { dynamic, used } = settingsOf(client);
    if (!client || !dynamic || used) return;
    clients.used(client.clientId).catch((error) => logger.warn('the first use of a client was not noted', { error }));
  });
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
