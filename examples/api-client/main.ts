// Walks through the people of a tenant, page by page, and prints them.
import { ApiClient } from './client.js';

const { ISSUER = 'http://localhost:3000', CLIENT_ID = '', CLIENT_SECRET = '' } = process.env;

const api = new ApiClient({ issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, scope: 'users:read' });

let cursor: string | undefined;
do {
  const { body } = await api.call('getUsers', { query: { limit: 100, cursor, sort: 'email' } });
  for (const { email, disabled_at } of body.items) console.log(`${email}${disabled_at ? ' (disabled)' : ''}`);
  cursor = body.next_cursor ?? undefined;
} while (cursor);
