import type { Database } from '../../platform/database.js';
import { notFound, preconditionFailed } from '../../platform/errors.js';
import { Client } from './client.entity.js';

/** As it is now, and kept from being changed by others, its secrets included. @param ifMatch the version the caller saw. */
export async function lockedClient(db: Database, clientId: string, ifMatch?: number): Promise<Client> {
  const row = db.repo(Client).query('c').andWhere('c.client_id = :clientId', { clientId });
  const client = await row.setLock('pessimistic_write').getOne();
  if (!client) throw notFound('client');
  if (ifMatch !== undefined && ifMatch !== client.version) throw preconditionFailed('The client has changed since');
  return client;
}
