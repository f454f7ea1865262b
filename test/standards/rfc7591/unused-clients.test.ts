import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../../support/pair.js';
import { makeClient, makePerson, tokensFor } from '../../support/party.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { startServer, type TestServer } from '../../support/server.js';

const redirectUri = 'https://rp.example/cb';

describe('clients that nobody uses (RFC 7591 §5)', () => {
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
    token = await initialAccessTokenFor(server);
  }, 180_000);
  afterAll(() => server?.close());

  const register = async (more: object = {}) => {
    const response = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [redirectUri], ...more }),
    });
    expect(response.status).toBe(201);
    const { client_id, client_secret } = (await response.json()) as Record<string, string>;
    return { clientId: String(client_id), clientSecret: String(client_secret), redirectUri };
  };
  const age = (clientId: string, days: number) =>
    server.inside(({ db }) =>
      db.manager.query(
        `UPDATE clients SET created_at = now() - make_interval(days => $2) - interval '1 minute' WHERE client_id = $1`,
        [clientId, days],
      ),
    );
  const clientOf = (clientId: string) => server.inside(({ clients }) => clients.find(clientId).catch(() => undefined));
  const isUsed = async (clientId: string) => (await clientOf(clientId))?.usedAt instanceof Date;
  const end = () => server.services.unusedClients.end();

  it('go after 30 days and not before, with their secrets, and that is recorded', async () => {
    const { clientId, clientSecret } = await register();
    await age(clientId, 29);
    expect([await end(), (await clientOf(clientId))?.clientId]).toEqual([0, clientId]);
    await age(clientId, 30);
    expect([await end(), await clientOf(clientId)]).toEqual([1, undefined]);
    const response = await fetch(`${server.issuer}/introspect`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ token: 'x' }),
    });
    expect(response.status).toBe(401);
    const [event] = await server.inside(({ db }) =>
      db.manager.query(
        `SELECT actor_type FROM audit_events WHERE name = 'client.deleted' AND data ->> 'client_id' = $1`,
        [clientId],
      ),
    );
    expect(event).toEqual({ actor_type: 'system' });
  });

  it('stay where they were given a token once, whoever it was for', async () => {
    const signed = await register();
    await tokensFor(server, signed, (await makePerson(server)).email);
    const machine = await register({ grant_types: ['client_credentials'], response_types: [], redirect_uris: [] });
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${machine.clientId}:${machine.clientSecret}`).toString('base64')}`,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect(response.status).toBe(200);
    for (const { clientId } of [signed, machine]) {
      await until('the use is written down', () => isUsed(clientId));
      await age(clientId, 400);
    }
    expect(await end()).toBe(0);
  });

  it('stay where an administrator has made or disabled them', async () => {
    const made = await makeClient(server);
    const disabled = await register();
    await server.inside(async ({ clients }) => clients.disable(await clients.find(disabled.clientId)));
    for (const { clientId } of [made, disabled]) await age(clientId, 400);
    expect(await end()).toBe(0);
  });

  it('stay where an administrator has said of them what their document cannot say, and go after a day otherwise', async () => {
    const [said, silent] = [await register(), await register()];
    await server.inside(({ db }) =>
      db.manager.query(
        `UPDATE clients SET document_expires_at = now() - interval '2 days',
                metadata = metadata || CASE client_id WHEN $1 THEN '{"dpop_nonce_required": true}' ELSE '{}' END::jsonb
          WHERE client_id IN ($1, $2)`,
        [said.clientId, silent.clientId],
      ),
    );
    expect(await end()).toBe(1);
    expect([await clientOf(said.clientId), await clientOf(silent.clientId)]).toEqual([expect.anything(), undefined]);
  });

  it('go once, however many processes look', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => register()));
    for (const { clientId } of all) await age(clientId, 31);
    const gone = await Promise.all([end(), end(), end()]);
    expect(gone.reduce((sum, one) => sum + one, 0)).toBe(5);
  });
});
