import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiClient, ApiProblem } from '../../examples/api-client/client.js';
import { operations } from '../../examples/api-client/operations.js';
import { makeManager } from '../support/api.js';
import { runExample } from '../support/examples.js';
import type { Party } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the client that is generated from the OpenAPI document', () => {
  let server: TestServer;
  let manager: Party;
  let api: ApiClient;

  beforeAll(async () => {
    server = await startServer();
    const scope = 'users:read users:write settings:read settings:write audit:export';
    manager = await makeManager(server, scope);
    const { clientId, clientSecret } = manager;
    api = new ApiClient({ issuer: server.issuer, clientId, clientSecret, scope });
  }, 180_000);
  afterAll(() => server?.close());

  it('creates, reads, changes and lists, by the names of the operations', async () => {
    const made = await api.call('postUsers', { body: { email: 'ada@example.com', claims: { name: 'Ada' } } });
    const { id: user_id } = made.body;
    const seen = await api.call('getUsersByUserId', { path: { user_id } });
    expect([seen.body.email, seen.etag]).toEqual(['ada@example.com', '"1"']);
    const changed = await api.call('patchUsersByUserId', {
      path: { user_id },
      body: { email_verified: true },
      ifMatch: String(seen.etag),
    });
    expect(changed.body).toMatchObject({ email_verified: true, version: 2 });
    const { body } = await api.call('getUsers', { query: { q: 'ada', sort: 'email' } });
    expect(body.items.map(({ id }) => id)).toEqual([user_id]);
    expect((await api.call('putUsersByUserIdSuspension', { path: { user_id } })).body).toBeUndefined();
    expect((await api.call('getUsers', { query: { state: 'disabled' } })).body.items).toHaveLength(1);
  });

  it('says what was refused, by code, status and place (RFC 9457)', async () => {
    const refused = async (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error);
    const wrong = await refused(api.call('postUsers', { body: { email: 'nowhere' } }));
    expect(wrong).toBeInstanceOf(ApiProblem);
    expect(wrong).toMatchObject({
      status: 422,
      code: 'invalid_request',
      errors: [expect.objectContaining({ pointer: '/email' })],
    });
    const { etag } = await api.call('getSettings', {});
    await api.call('patchSettings', { body: { settings: { branding: { company_name: 'Ada' } } } });
    const late = api.call('patchSettings', { body: { settings: { branding: null } }, ifMatch: String(etag) });
    expect(await refused(late)).toMatchObject({ status: 412, code: 'precondition_failed' });
    expect(await refused(api.call('getClients', {}))).toMatchObject({ status: 403, code: 'insufficient_scope' });
  });

  it('hands on what is no JSON as the text it is, and knows nothing that has no end', async () => {
    const { body } = await api.call('getAuditEventsExport', { query: { format: 'csv', name: 'user.created' } });
    expect(body.split('\n')[0]).toContain('name');
    const lines = (await api.call('getAuditEventsExport', { query: { name: 'user.created' } })).body.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).name)).toEqual(['user.created']);
    expect(Object.keys(operations)).toContain('getAuditEvents');
    expect(Object.keys(operations)).not.toContain('getAuditEventsStream');
  });

  it('gets another token where its own was revoked', async () => {
    expect((await api.call('getUsers', {})).body.items.length).toBeGreaterThan(0);
    await server.services.db.manager.query('DELETE FROM engine_rows');
    expect((await api.call('getUsers', {})).body.items.length).toBeGreaterThan(0);
  });

  it('as a program prints everybody, page by page', async () => {
    const program = runExample('api-client', {
      ISSUER: server.issuer,
      CLIENT_ID: manager.clientId,
      CLIENT_SECRET: manager.clientSecret,
    });
    expect(await program.ended()).toBe(0);
    expect(program.lines).toEqual(['ada@example.com (disabled)']);
  });
});
