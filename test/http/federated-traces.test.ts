// What became of each sign-in at an identity provider, for whoever administers the tenant.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import type { Recording } from '../../src/features/traces/recording.js';
import { newTraceId } from '../../src/features/traces/traces.js';
import { Sweeper } from '../../src/platform/sweep.js';
import { retentions } from '../../src/retention.js';
import type { Services } from '../../src/services.js';
import { ask, makeManager, managementToken } from '../support/api.js';
import { comeIn, identity, makeConnection, signInAt } from '../support/connections.js';
import { newName } from '../support/invitations.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the trace of a sign-in at an identity provider', () => {
  let server: TestServer;
  let connection: Connection;
  let token: string;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    token = await managementToken(server, await makeManager(server, 'traces:read'), 'traces:read');
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    connection = await makeConnection(server);
    email = `ada.lovelace@${newName()}.example`;
  });

  const inside = <T>(work: (services: Services) => Promise<T>) => server.inside(work);
  const list = async (query = '') =>
    (await ask(server, token, 'get', `/traces?connection_id=${connection.id}${query}`)).body.items as Record<
      string,
      unknown
    >[];
  const read = async (id: unknown) =>
    (await ask(server, token, 'get', `/traces/${id}`)).body as { recording: Recording; can_validate: boolean };
  const ada = () =>
    identity(
      'ada',
      { email, email_verified: 'true', name: 'Ada Lovelace', groups: 'staff' },
      { tokens: { access_token: 'very-secret' }, amr: ['mfa'] },
    );
  const refuse = (message?: string) =>
    inside(({ federatedSignIns }) =>
      federatedSignIns.refuse(connection.id, {
        reason: 'assertion_audience',
        checks: [
          { check: 'assertion_signature', passed: true },
          {
            check: 'assertion_audience',
            passed: false,
            seen: 'https://other.example',
            expected: 'https://us.example',
            setting: 'saml.idp.entity_id',
          },
        ],
        message,
      }),
    );

  it('names each step of one that worked, and what was seen, masked', async () => {
    const { user } = await comeIn(server, connection, ada());
    const [found] = await list('&kind=sign_in&outcome=succeeded');
    expect(found).toMatchObject({
      kind: 'sign_in',
      outcome: 'succeeded',
      user_id: user.id,
      connection_id: connection.id,
      error: '',
    });
    const trace = await read(found?.id);
    expect(trace.recording).toMatchObject({
      request: { purpose: 'sign_in', login_hint: false },
      checks: [{ check: 'nonce', passed: true }],
      identity: { amr: ['mfa'], tokens: true, session: false },
      mapping: {
        email: expect.stringMatching(/^a…@/),
        email_verified: true,
        claims: ['name'],
        groups: ['staff'],
        dropped: [],
      },
      decision: { kind: 'create' },
      result: { user_id: user.id, created: true },
    });
    for (const secret of ['very-secret', 'ada.lovelace', 'Lovelace'])
      expect(JSON.stringify(trace)).not.toContain(secret);
  });

  it('is there before anybody comes in by it', async () => {
    await signInAt(server, connection, ada());
    expect(await list()).toMatchObject([{ outcome: 'pending', user_id: null }]);
  });

  it('says why nobody came in', async () => {
    const person = await makePerson(server, email);
    await inside(({ users }) => users.disable(person));
    await expect(comeIn(server, connection, ada())).rejects.toMatchObject({ code: 'federation_refused' });
    const [found] = await list('&outcome=refused');
    expect((await read(found?.id)).recording.decision).toEqual({ kind: 'refused', reason: 'account_disabled' });
  });

  it('names the check that failed, what was seen, what was expected, and the setting', async () => {
    const { trace } = await refuse();
    const found = await read(trace.toLowerCase());
    expect(found).toMatchObject({ outcome: 'refused', error: 'assertion_audience', can_validate: false });
    expect(found).toHaveProperty('steps', [
      { step: 'assertion_signature', outcome: 'passed' },
      { step: 'assertion_audience', outcome: 'failed' },
    ]);
    expect(found.recording.checks[1]).toEqual({
      check: 'assertion_audience',
      passed: false,
      seen: 'https://other.example',
      expected: 'https://us.example',
      setting: 'saml.idp.entity_id',
    });
  });

  it('lies in the database without what was seen', async () => {
    await comeIn(server, connection, ada());
    await refuse('<Assertion>Ada</Assertion>');
    const rows = JSON.stringify(
      await server.services.db.manager.query('SELECT * FROM traces WHERE connection_id = $1', [connection.id]),
    );
    for (const seen of [email, 'Ada', 'staff', 'other.example', 'Assertion>']) expect(rows).not.toContain(seen);
  });

  it('is listed by connection, kind and outcome', async () => {
    await comeIn(server, connection, ada());
    await refuse();
    expect(
      [await list(), await list('&outcome=refused'), await list('&outcome=pending'), await list('&kind=refusal')].map(
        ({ length }) => length,
      ),
    ).toEqual([2, 1, 0, 0]);
    connection = await makeConnection(server);
    expect(await list()).toEqual([]);
  });

  describe('looked at again with the settings of today', () => {
    const validate = async (trace: string) => ask(server, token, 'post', `/traces/${trace}/validations`, {});

    it('by the door that had received it: nothing is begun, what was received is not told', async () => {
      const seen: unknown[] = [];
      server.services.traceValidation.by('oidc', async (at, message) => {
        seen.push(at.id, message);
        return [{ check: 'id_token_audience', passed: true }];
      });
      const { trace } = await refuse('eyJhbGciOiJub25lIn0');
      const before = await read(trace);
      expect([before.can_validate, JSON.stringify(before)]).toEqual([true, expect.not.stringContaining('eyJ')]);
      const { status, body } = await validate(trace);
      expect([status, body]).toEqual([
        200,
        { outcome: 'passed', checks: [{ check: 'id_token_audience', passed: true }] },
      ]);
      expect(seen).toEqual([connection.id, 'eyJhbGciOiJub25lIn0']);
      expect(await read(trace)).toEqual(before);
    });

    it('not where nothing was kept, of a refused request, or of none', async () => {
      const { trace } = await refuse();
      expect((await validate(trace)).status).toBe(409);
      const id = newTraceId();
      await inside(({ traces }) =>
        traces.keep(id, { endpoint: 'token', error: 'invalid_grant', steps: [], findings: [] }),
      );
      expect((await validate(id)).status).toBe(409);
      expect((await validate(newTraceId())).status).toBe(404);
    });
  });

  it('goes when the tenant says', async () => {
    const tenant = await inside(({ tenants }) => tenants.current());
    await inside(({ tenants }) => tenants.update(tenant, { settings: { federation: { trace_days: 2 } } } as never));
    const { trace } = await refuse();
    const [row] = await server.services.db.manager.query(
      'SELECT round(extract(epoch FROM expires_at - occurred_at) / 86400)::int AS days FROM traces WHERE id = $1',
      [trace],
    );
    expect(row.days).toBe(2);
    await server.services.db.manager.query(`UPDATE traces SET expires_at = now() - interval '1 second' WHERE id = $1`, [
      trace,
    ]);
    await inside(({ db, clock }) => new Sweeper(db, clock, retentions).run());
    expect((await ask(server, token, 'get', `/traces/${trace}`)).status).toBe(404);
  });
});
