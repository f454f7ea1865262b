import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { verifyFile } from '../../src/features/audit-proof/file-verification.js';
import { JobTurns } from '../../src/features/jobs/job-turns.js';
import { currentTenantId } from '../../src/platform/context.js';
import { Sweeper } from '../../src/platform/sweep.js';
import { retentions } from '../../src/retention.js';
import type { Services } from '../../src/services.js';
import { ask, makeManager, managementToken, tokenWith } from '../support/api.js';
import { makeAdministrator, makeApiKey } from '../support/api-keys.js';
import { endedJob, jobWhen, newcomers, readJob, startJob } from '../support/jobs.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

const scopes = 'jobs:read jobs:write audit:read audit:export users:read users:write roles:write';
const mark = () => `m${randomBytes(5).toString('hex')}`;

describe('long work that somebody can follow', () => {
  let server: TestServer;
  let token: string;
  beforeAll(async () => {
    server = await startServer({ quiet: true });
    await server.inside(({ audit }) =>
      audit.recordAll(
        'user.updated',
        Array.from({ length: 1200 }, (_, n) => ({ user_id: `user-${n % 3} \u{1f600}`, changed: [] })),
      ),
    );
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    token = await tokenWith(server, scopes);
  });
  afterEach(() => server.services.jobs.start());

  const fetched = (path: string, as = token) =>
    fetch(`${server.issuer}/api/v1${path}`, {
      headers: { authorization: `Bearer ${as}`, 'accept-encoding': 'identity' },
    });
  const linesOf = async (id: string) =>
    (await (await fetched(`/jobs/${id}/result`)).text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const query = <R>(sql: string, ...values: unknown[]) => server.services.db.manager.query(sql, values) as Promise<R[]>;
  const known = async (like: string) =>
    Number((await query<{ n: string }>('SELECT count(*) AS n FROM users WHERE email LIKE $1', `${like}-%`))[0]?.n);
  /** What happens between asking and doing. */
  const between = async <T>(work: () => Promise<T>): Promise<T> => {
    await server.services.jobs.stop();
    try {
      return await work();
    } finally {
      await server.services.jobs.start();
    }
  };

  describe('an export of the audit log', () => {
    it.each(['jsonl', 'csv', 'ocsf'])('is the file that the endpoint streams, as %s', async (format) => {
      const { id } = await startJob(server, token, { kind: 'audit_export', format, filter: { name: 'user.updated' } });
      const job = await endedJob(server, token, id);
      expect(job).toMatchObject({ status: 'succeeded', error: null, progress: { done: 1200, total: 1200 } });
      const [file, streamed] = await Promise.all([
        fetched(`/jobs/${id}/result`),
        fetched(`/audit-events/export?format=${format}&name=user.updated`),
      ]);
      for (const name of ['content-type', 'content-disposition', 'cache-control'])
        expect(file.headers.get(name)).toBe(streamed.headers.get(name));
      expect(file.headers.get('cache-control')).toBe('no-store');
      const text = await file.text();
      expect(text).toBe(await streamed.text());
      expect(job.result).toMatchObject({ type: file.headers.get('content-type'), bytes: Buffer.byteLength(text) });
    });

    it('of everything ends where it was asked for, with the checkpoints that prove it', async () => {
      await server.inside(async ({ auditSealing, auditCheckpoints }) => {
        await auditSealing.run();
        await auditCheckpoints.sign();
      });
      const { id } = await startJob(server, token, { kind: 'audit_export' });
      const job = await endedJob(server, token, id);
      const lines = await linesOf(id);
      expect(lines.at(-1)?.checkpoint).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
      const events = lines.filter(({ checkpoint }) => checkpoint === undefined);
      expect(events).toHaveLength(job.progress.done);
      expect(events.some(({ data }) => data.job_id === id)).toBe(false);
    });

    it('of everything is whole to who verifies it, though more was recorded and signed for until it was written', async () => {
      const signed = () =>
        server.inside(async ({ auditSealing, auditCheckpoints }) => {
          await auditSealing.run();
          return auditCheckpoints.sign();
        });
      await signed();
      const { id } = await between(async () => {
        const job = await startJob(server, token, { kind: 'audit_export' });
        expect(await signed()).toBeGreaterThan(0);
        return job;
      });
      await endedJob(server, token, id);
      const text = await (await fetched(`/jobs/${id}/result`)).text();
      const lines = (async function* () {
        yield* text.split('\n');
      })();
      const keys = await server.inside(({ auditVerification }) => auditVerification.publicKeys());
      const { findings, proven } = await verifyFile(lines, { keys });
      expect(findings).toEqual([]);
      expect(proven).toBeGreaterThan(1200);
    });

    it('of nothing is an empty file', async () => {
      const { id } = await startJob(server, token, { kind: 'audit_export', filter: { actor: 'nobody' } });
      expect(await endedJob(server, token, id)).toMatchObject({ status: 'succeeded', result: { bytes: 0 } });
      const file = await fetched(`/jobs/${id}/result`);
      expect([file.status, await file.text()]).toEqual([200, '']);
    });

    it('is recorded: who asked, that it was exported, how it ended, who read it', async () => {
      const manager = await makeManager(server, scopes);
      const own = await managementToken(server, manager, scopes);
      const { id } = await startJob(server, own, { kind: 'audit_export', filter: { name: 'user.updated' } });
      await endedJob(server, own, id);
      await (await fetched(`/jobs/${id}/result`, own)).text();
      const { body } = await ask(server, token, 'get', '/audit-events?limit=100');
      const events = (body.items as { name: string; data: Record<string, unknown>; actor: object }[]).reverse();
      const actor = { type: 'client', id: manager.clientId };
      const named = { job_id: id, kind: 'audit_export' };
      const ended = { ...named, status: 'succeeded', error: null, asked_by: actor };
      expect(events.filter(({ data }) => data.job_id === id)).toEqual([
        expect.objectContaining({ name: 'job.started', data: named, actor }),
        expect.objectContaining({ name: 'job.ended', data: ended, actor: { type: 'system', id: 'jobs.turn' } }),
        expect.objectContaining({ name: 'job.result_read', data: named, actor }),
      ]);
      expect(events).toContainEqual(
        expect.objectContaining({ name: 'audit_log.exported', data: { format: 'jsonl', whole: false }, actor }),
      );
    });
  });

  describe('many changes of people', () => {
    it('are each done or refused by themselves, and each has its line', async () => {
      const who = mark();
      const operations = [...newcomers(150, who), { op: 'create', email: `${who}-7@bulk.example` }];
      const { id } = await startJob(server, token, { kind: 'users_bulk', operations });
      expect(await endedJob(server, token, id)).toMatchObject({
        status: 'succeeded',
        progress: { done: 151, total: 151 },
        counts: { succeeded: 150, failed: 1 },
      });
      const lines = await linesOf(id);
      expect(lines.map(({ index }) => index)).toEqual(operations.map((_one, index) => index));
      expect(lines.at(-1)).toEqual({
        index: 150,
        op: 'create',
        done: false,
        error: { status: 409, code: 'conflict', detail: expect.any(String) },
      });
      expect(await known(who)).toBe(150);
    });

    it('are recorded as of whoever asked', async () => {
      const manager = await makeManager(server, scopes);
      const own = await managementToken(server, manager, scopes);
      const person = await makePerson(server);
      const { id } = await startJob(server, own, {
        kind: 'users_bulk',
        operations: [{ op: 'disable', user_id: person.id }],
      });
      await endedJob(server, own, id);
      const { body } = await ask(server, token, 'get', `/audit-events?user_id=${person.id}&name=user.disabled`);
      expect(body.items).toEqual([expect.objectContaining({ actor: { type: 'client', id: manager.clientId } })]);
    });

    it('leave nothing in clear, and nothing of what was given once they have ended', async () => {
      const who = mark();
      const asked = { kind: 'users_bulk', operations: newcomers(3, who) };
      const { id } = await between(async () => {
        const job = await startJob(server, token, asked);
        const rows = await query<{ row: string }>(
          `SELECT row_to_json(j)::text AS row FROM jobs j WHERE id = $1
           UNION ALL SELECT row_to_json(c)::text FROM job_chunks c WHERE job_id = $1`,
          job.id,
        );
        expect(rows).toHaveLength(2);
        for (const { row } of rows) expect(row).not.toContain(who);
        return job;
      });
      await endedJob(server, token, id);
      const left = await query<{ part: string }>('SELECT part FROM job_chunks WHERE job_id = $1', id);
      expect(left).toEqual([{ part: 'result' }]);
    });

    it('change nobody who has a role, for a client that may not give one', async () => {
      const lesser = await tokenWith(server, 'jobs:read jobs:write users:write');
      const person = await makePerson(server);
      await server.inside(async ({ users }) => users.setRoles(await users.find(person.id), ['SUPPORT']));
      const { id } = await startJob(server, lesser, {
        kind: 'users_bulk',
        operations: [{ op: 'disable', user_id: person.id }],
      });
      expect(await endedJob(server, lesser, id)).toMatchObject({ counts: { succeeded: 0, failed: 1 } });
      expect((await ask(server, token, 'get', `/users/${person.id}`)).body.disabled_at).toBeNull();
    });
  });

  describe('nobody has done by others what they may not do', () => {
    const exporting = { kind: 'audit_export', filter: { name: 'user.updated' } };

    it.each([
      ['jobs:write', exporting, 403],
      ['audit:export', exporting, 403],
      ['jobs:write users:write', exporting, 403],
      ['jobs:write audit:export', { kind: 'users_bulk', operations: newcomers(1, 'no') }, 403],
      ['jobs:write audit:export', exporting, 202],
    ])('a token with %s that starts %j: %d', async (scope, body, status) => {
      expect((await ask(server, await tokenWith(server, scope), 'post', '/jobs', body)).status).toBe(status);
    });

    it('a result is read with the scope of its kind, a job without', async () => {
      const { id } = await startJob(server, token, exporting);
      await endedJob(server, token, id);
      const reader = await tokenWith(server, 'jobs:read users:write');
      expect((await ask(server, reader, 'get', `/jobs/${id}`)).status).toBe(200);
      const refused = await ask(server, reader, 'get', `/jobs/${id}/result`);
      expect([refused.status, refused.body.code]).toEqual([403, 'insufficient_scope']);
    });

    it('nor is it cancelled, or cleared away with its result, without that scope', async () => {
      const other = await tokenWith(server, 'jobs:read jobs:write users:write');
      const open = await between(async () => {
        const { id } = await startJob(server, token, exporting);
        const refused = await ask(server, other, 'put', `/jobs/${id}/cancellation`);
        expect([refused.status, refused.body.code]).toEqual([403, 'insufficient_scope']);
        return id;
      });
      expect(await endedJob(server, token, open)).toMatchObject({ status: 'succeeded' });
      const refused = await ask(server, other, 'delete', `/jobs/${open}`);
      expect([refused.status, refused.body.code]).toEqual([403, 'insufficient_scope']);
      expect((await ask(server, token, 'get', `/jobs/${open}/result`)).status).toBe(200);
    });

    const all = scopes.split(' ');
    type Losing = [string, (services: Services) => Promise<{ value: string; lose: () => Promise<unknown> }>];
    it.each<Losing>([
      [
        'a client that was disabled',
        async ({ clients }) => {
          const { clientId, ...party } = await makeManager(server, scopes);
          const lose = async () => clients.disable(await clients.find(clientId));
          return { value: await managementToken(server, { clientId, ...party }, scopes), lose };
        },
      ],
      [
        'a client that lost the scope',
        async () => {
          const { clientId, ...party } = await makeManager(server, scopes);
          const lose = async () => {
            const manager = await tokenWith(server, `clients:write ${scopes}`);
            const answer = await ask(server, manager, 'patch', `/clients/${clientId}`, {
              scope: 'jobs:read jobs:write',
            });
            expect(answer.status).toBe(200);
          };
          return { value: await managementToken(server, { clientId, ...party }, scopes), lose };
        },
      ],
      [
        'a key that was revoked',
        async ({ apiKeys }) => {
          const { key, value } = await apiKeys.create({ name: 'Exports', scopes: all });
          return { value, lose: async () => apiKeys.revoke(await apiKeys.find(key.id)) };
        },
      ],
      [
        'a key whose role opens less by now',
        async ({ apiKeys, roles }) => {
          const role = mark();
          await roles.create({ key: role, name: 'Exports', permissions: all as never });
          const { value } = await apiKeys.create({ name: 'By a role', roles: [role] });
          return { value, lose: () => roles.update(role, { permissions: ['jobs:read', 'jobs:write'] as never }) };
        },
      ],
      [
        'the key of a person who may not come in any more',
        async ({ users }) => {
          const { user, value } = await keyOfAdministrator();
          return { value, lose: async () => users.disable(await users.find(user.id)) };
        },
      ],
      [
        'the key of a person who has lost the role',
        async ({ users }) => {
          const { user, value } = await keyOfAdministrator();
          return { value, lose: async () => users.setRoles(await users.find(user.id), []) };
        },
      ],
    ])('%s: the job fails and says so', async (_what, make) => {
      const { value, lose } = await server.inside(make);
      const { id } = await between(async () => {
        const job = await startJob(server, value, exporting);
        await server.inside(lose);
        return job;
      });
      expect(await endedJob(server, token, id)).toMatchObject({
        status: 'failed',
        error: 'permission_lost',
        progress: { done: 0 },
        result: null,
      });
      expect((await ask(server, token, 'get', `/jobs/${id}/result`)).status).toBe(404);
    });

    it('a person who was signed out everywhere since: whoever had their token does no more with it', async () => {
      const { user, token: own } = await makeAdministrator(server, scopes);
      const { id } = await between(async () => {
        const job = await startJob(server, own, exporting);
        // By the second is how it is compared.
        await query(`UPDATE jobs SET created_at = created_at - interval '2 seconds' WHERE id = $1`, job.id);
        expect(
          (await ask(server, await tokenWith(server, 'sessions:write'), 'delete', `/users/${user.id}/sessions`)).status,
        ).toBe(204);
        return job;
      });
      expect(await endedJob(server, token, id)).toMatchObject({ status: 'failed', error: 'permission_lost' });
    });

    it('but whoever signs out of one session has what they asked for done', async () => {
      const { user, token: own } = await makeAdministrator(server, scopes);
      const { id } = await between(async () => {
        const job = await startJob(server, own, exporting);
        const manager = await tokenWith(server, 'sessions:read sessions:write');
        const { body } = await ask(server, manager, 'get', `/sessions?user_id=${user.id}`);
        const [session] = body.items as { id: string }[];
        expect((await ask(server, manager, 'delete', `/sessions/${session?.id}`)).status).toBe(204);
        return job;
      });
      expect(await endedJob(server, token, id)).toMatchObject({ status: 'succeeded' });
    });

    /** There is another one, or they could not be disabled. */
    const keyOfAdministrator = async () => {
      await makeAdministrator(server, scopes);
      const { user, token: own } = await makeAdministrator(server, `${scopes} api_keys:write`);
      return { user, ...(await makeApiKey(server, own, { kind: 'user', scopes: all })) };
    };

    it('whoever asks by the key of a person asks as that person', async () => {
      const { value, user } = await keyOfAdministrator();
      const { id } = await startJob(server, value, exporting);
      expect(await endedJob(server, token, id)).toMatchObject({
        status: 'succeeded',
        asked_by: { type: 'user', id: user.id },
      });
    });

    it('and in the middle: what is done stays done, and nothing further is', async () => {
      const manager = await makeManager(server, scopes);
      const own = await managementToken(server, manager, scopes);
      const who = mark();
      const { id } = await startJob(server, own, { kind: 'users_bulk', operations: newcomers(800, who) });
      await jobWhen(server, token, id, ({ progress }) => progress.done > 0);
      await server.inside(async ({ clients }) => clients.disable(await clients.find(manager.clientId)));
      const job = await endedJob(server, token, id);
      expect(job).toMatchObject({ status: 'failed', error: 'permission_lost' });
      expect(job.progress.done).toBeLessThan(800);
      expect(await known(who)).toBe(job.progress.done);
      expect(await linesOf(id)).toHaveLength(job.progress.done);
    }, 120_000);
  });

  describe('cancelled', () => {
    it('no further batch begins, what is done stays done and can be read', async () => {
      const who = mark();
      const { id } = await startJob(server, token, { kind: 'users_bulk', operations: newcomers(800, who) });
      await jobWhen(server, token, id, ({ progress }) => progress.done > 0);
      expect((await ask(server, token, 'put', `/jobs/${id}/cancellation`)).status).toBe(204);
      const job = await readJob(server, token, id);
      expect(job.status).toBe('cancelled');
      expect(job.progress.done).toBeLessThan(800);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(await readJob(server, token, id)).toEqual(job);
      expect(await known(who)).toBe(job.progress.done);
      expect(await linesOf(id)).toHaveLength(job.progress.done);
      // Again, it is as it is.
      expect((await ask(server, token, 'put', `/jobs/${id}/cancellation`)).status).toBe(204);
    }, 120_000);

    it('before it began: nothing is done, and half an export is none', async () => {
      const id = await between(async () => {
        const job = await startJob(server, token, { kind: 'audit_export' });
        expect((await ask(server, token, 'delete', `/jobs/${job.id}`)).body.code).toBe('job_open');
        await ask(server, token, 'put', `/jobs/${job.id}/cancellation`);
        return job.id;
      });
      expect(await readJob(server, token, id)).toMatchObject({ status: 'cancelled', started_at: null, result: null });
      expect((await ask(server, token, 'get', `/jobs/${id}/result`)).status).toBe(404);
    });

    it('not when it has ended; then it can be cleared away, with all that is of it', async () => {
      const { id } = await startJob(server, token, { kind: 'audit_export' });
      await endedJob(server, token, id);
      expect((await ask(server, token, 'put', `/jobs/${id}/cancellation`)).body.code).toBe('job_ended');
      expect((await ask(server, token, 'delete', `/jobs/${id}`)).status).toBe(204);
      expect((await ask(server, token, 'get', `/jobs/${id}`)).status).toBe(404);
      expect(await query('SELECT 1 FROM job_chunks WHERE job_id = $1', id)).toEqual([]);
    });
  });

  it('is kept for a week, and goes with its file', async () => {
    const { id } = await startJob(server, token, { kind: 'audit_export' });
    const { ended_at, expires_at } = await endedJob(server, token, id);
    expect(Date.parse(expires_at) - Date.parse(ended_at)).toBe(7 * 86_400_000);
    await query(`UPDATE jobs SET expires_at = now() - interval '1 second' WHERE id = $1`, id);
    const { db, clock } = server.services;
    await new Sweeper(db, clock, retentions).run();
    expect((await ask(server, token, 'get', `/jobs/${id}`)).status).toBe(404);
    expect(await query('SELECT 1 FROM job_chunks WHERE job_id = $1', id)).toEqual([]);
  });

  describe('taken in turns', () => {
    it('one of a kind at a time in a tenant, in the order in which they were asked for', async () => {
      const ids = await between(async () => {
        const asked = [];
        for (let n = 0; n < 3; n += 1) asked.push((await startJob(server, token, { kind: 'audit_export' })).id);
        return asked;
      });
      const jobs = [];
      for (const id of ids) jobs.push(await endedJob(server, token, id));
      for (const [index, { started_at }] of jobs.entries())
        if (index > 0) expect(started_at >= String(jobs[index - 1]?.ended_at)).toBe(true);
    });

    it('a tenant with much to do keeps another one not waiting', async () => {
      const tenant = await server.inside(({ tenants }) => tenants.create({ slug: mark(), name: 'Other' }));
      const other = at(server, tenant);
      const theirs = await tokenWith(other, scopes);
      const { id } = await startJob(server, token, { kind: 'users_bulk', operations: newcomers(800, mark()) });
      const job = await startJob(other, theirs, { kind: 'users_bulk', operations: newcomers(2, mark()) });
      const done = await endedJob(other, theirs, job.id);
      expect(done.status).toBe('succeeded');
      expect((await readJob(server, token, id)).ended_at).toBeNull();
      await ask(server, token, 'put', `/jobs/${id}/cancellation`);
    }, 120_000);

    it('whoever had no turn for longest is next, when all of them are looked after', async () => {
      const { db, clock, tenants } = server.services;
      const made = await server.inside(async () => {
        const all = [];
        for (let n = 0; n < 4; n += 1) all.push((await tenants.create({ slug: mark(), name: 'One of four' })).id);
        return all;
      });
      const [busy, first, second, third] = made;
      const turns: string[] = [];
      const jobs = { enqueue: async () => void turns.push(currentTenantId()) };
      await between(async () => {
        for (const [tenantId, status, seconds] of [
          [busy, 'running', 1],
          [busy, 'queued', 500],
          [third, 'queued', 40],
          [first, 'running', 60],
          [second, 'queued', 50],
        ])
          await query(
            `INSERT INTO jobs (tenant_id, id, kind, status, params, actor_type, actor_id, actor_scopes, due_at, created_at, updated_at)
             SELECT $1, gen_random_uuid(), 'audit_export', $2, '{}', 'client', 'x', '{}', at, at, at
               FROM (SELECT now() - make_interval(secs => $3::int) AS at) AS due`,
            tenantId,
            status,
            seconds,
          );
        await new JobTurns({ db, clock, jobs } as never).tend();
        await query('DELETE FROM jobs WHERE tenant_id = ANY ($1::uuid[])', made);
      });
      expect(turns.filter((tenantId) => made.includes(tenantId))).toEqual([first, second, third, busy]);
    });

    it('so many wait and no more, however many ask at once', async () => {
      const answers = await between(async () => {
        const all = await Promise.all(
          Array.from({ length: 14 }, () => ask(server, token, 'post', '/jobs', { kind: 'audit_export' })),
        );
        for (const { body } of all) if (body.id) await ask(server, token, 'put', `/jobs/${body.id}/cancellation`);
        return all;
      });
      expect(answers.map(({ status }) => status).sort()).toEqual([...Array(10).fill(202), ...Array(4).fill(429)]);
      expect(answers.find(({ status }) => status === 429)?.headers.get('retry-after')).toBe('30');
    });
  });

  it('is done once, however many take it up at the same time', async () => {
    const who = mark();
    const id = await between(async () => {
      const job = await startJob(server, token, { kind: 'users_bulk', operations: newcomers(250, who) });
      const { signal } = new AbortController();
      const taken = Array.from({ length: 10 }, () =>
        server.inside(({ jobTurns }) => jobTurns.take({ kind: 'users_bulk' }, signal)),
      );
      await Promise.all(taken);
      return job.id;
    });
    expect(await endedJob(server, token, id)).toMatchObject({ counts: { succeeded: 250, failed: 0 } });
    expect((await linesOf(id)).map(({ index }) => index)).toEqual(Array.from({ length: 250 }, (_, n) => n));
    expect(await known(who)).toBe(250);
  });

  describe('bounded', () => {
    it('a result that grows too long is none, and the job says so', async () => {
      const id = await between(async () => {
        const job = await startJob(server, token, { kind: 'audit_export' });
        await query('UPDATE jobs SET bytes = $2 WHERE id = $1', job.id, 512 * 1024 * 1024);
        return job.id;
      });
      expect(await endedJob(server, token, id)).toMatchObject({
        status: 'failed',
        error: 'result_too_large',
        result: null,
      });
      expect(await query('SELECT 1 FROM job_chunks WHERE job_id = $1', id)).toEqual([]);
    });

    it('results that are kept leave no room for more until they are cleared away', async () => {
      const { id } = await startJob(server, token, { kind: 'audit_export' });
      await endedJob(server, token, id);
      await query('UPDATE jobs SET bytes = $2 WHERE id = $1', id, 1024 * 1024 * 1024);
      const refused = await ask(server, token, 'post', '/jobs', { kind: 'audit_export' });
      expect([refused.status, refused.body.code]).toEqual([409, 'no_room']);
      expect((await ask(server, token, 'delete', `/jobs/${id}`)).status).toBe(204);
      expect((await ask(server, token, 'post', '/jobs', { kind: 'audit_export' })).status).toBe(202);
    });
  });

  describe('what fails', () => {
    it('is tried again, and given up where it comes no further', async () => {
      const id = await between(async () => (await startJob(server, token, { kind: 'audit_export' })).id);
      await endedJob(server, token, id);
      const failing = await between(async () => {
        const job = await startJob(server, token, { kind: 'users_bulk', operations: newcomers(1, mark()) });
        // What it was given cannot be read.
        await query(`UPDATE job_chunks SET text_sealed = 'v0:a:b:c' WHERE job_id = $1`, job.id);
        for (let n = 0; n < 5; n += 1)
          await server.inside(({ jobTurns }) => jobTurns.take({ kind: 'users_bulk' }, new AbortController().signal));
        expect(await readJob(server, token, job.id)).toMatchObject({ status: 'running', progress: { done: 0 } });
        return job.id;
      });
      await server.inside(({ jobTurns }) => jobTurns.tend());
      expect(await endedJob(server, token, failing)).toMatchObject({ status: 'failed', error: 'internal_error' });
    });
  });

  describe('asked for wrongly', () => {
    const user_id = '00000000-0000-7000-8000-000000000000';
    it.each([
      [{ kind: 'users_bulk' }, '/operations'],
      [{ kind: 'users_bulk', operations: [] }, '/operations'],
      [{ kind: 'users_bulk', operations: [{ op: 'enable', user_id }], format: 'csv' }, '/format'],
      [{ kind: 'audit_export', operations: [{ op: 'enable', user_id }] }, '/operations'],
      [{ kind: 'audit_export', filter: { since: 'yesterday' } }, '/filter/since'],
      [{ kind: 'users_bulk', operations: Array(10_001).fill({ op: 'enable', user_id }) }, '/operations'],
      [{ kind: 'anything' }, '/kind'],
    ])('is refused, and it says where (%#)', async (body, pointer) => {
      const answer = await ask(server, token, 'post', '/jobs', body);
      expect(answer.status).toBe(422);
      expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer }));
    });

    it('is refused, however much of it is wrong', async () => {
      const members =
        'name given_name family_name middle_name nickname preferred_username profile picture website gender';
      const more = 'birthdate zoneinfo locale phone_number phone_number_verified address';
      const claims = Object.fromEntries(`${members} ${more}`.split(' ').map((member) => [member, 1]));
      const wrong = { op: 'create', email: 1, email_verified: 1, password_hash: 1, claims };
      const body = { kind: 'users_bulk', operations: Array(10_000).fill(wrong) };
      expect(await ask(server, token, 'post', '/jobs', body)).toMatchObject({
        status: 422,
        body: { code: 'invalid_request' },
      });
    });

    it('is refused where it is longer than ten thousand people are', async () => {
      const body = JSON.stringify({ kind: 'users_bulk', operations: [], more: 'x'.repeat(4 * 1024 * 1024) });
      expect((await ask(server, token, 'post', '/jobs', body)).status).toBe(413);
    });
  });

  it('is listed newest first, by kind and status', async () => {
    const { id } = await startJob(server, token, { kind: 'audit_export' });
    await endedJob(server, token, id);
    const { body } = await ask(server, token, 'get', '/jobs?kind=audit_export&status=succeeded&limit=2');
    const items = body.items as { id: string; kind: string; status: string }[];
    expect(items[0]?.id).toBe(id);
    expect(items.map(({ kind, status }) => [kind, status])).toEqual(Array(2).fill(['audit_export', 'succeeded']));
    const next = await ask(server, token, 'get', `/jobs?kind=audit_export&limit=2&cursor=${body.next_cursor}`);
    expect((next.body.items as { id: string }[]).every((one) => one.id < String(items[1]?.id))).toBe(true);
  });

  describe('told as it goes on (HTML Living Standard §9.2)', () => {
    const listen = async (id: string, more: Record<string, string> = {}) => {
      const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...more };
      const response = await fetch(`${server.issuer}/api/v1/jobs/${id}/events`, { headers });
      return { status: response.status, type: response.headers.get('content-type'), text: response.text() };
    };
    const heard = (text: string) =>
      text
        .split('\n\n')
        .filter((part) => part.startsWith('id: '))
        .map((part) => Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s))))
        .map(({ id, event, data }) => ({ id, event, data: JSON.parse(data) }));

    it('first as it is, then as it changes, then its end, and no more', async () => {
      const { id, listening } = await between(async () => {
        const job = await startJob(server, token, { kind: 'users_bulk', operations: newcomers(400, mark()) });
        return { id: job.id, listening: await listen(job.id) };
      });
      expect([listening.status, listening.type]).toEqual([200, 'text/event-stream']);
      const events = heard(await listening.text);
      expect(events[0]).toMatchObject({ event: 'progress', data: { status: 'queued', progress: { done: 0 } } });
      expect(events.at(-1)).toMatchObject({ event: 'ended', data: await readJob(server, token, id) });
      const done = events.map(({ data }) => data.progress.done);
      expect(done).toEqual([...done].sort((a, b) => a - b));
      expect(new Set(events.map((one) => one.id)).size).toBe(events.length);
      // Whoever comes again is told how it ended.
      const again = await listen(id, { 'last-event-id': String(events[0]?.id) });
      expect(heard(await again.text)).toEqual([events.at(-1)]);
    });

    it('is no answer to who takes anything, nor about what is not there', async () => {
      const { id } = await startJob(server, token, { kind: 'audit_export' });
      expect((await listen(id, { accept: '*/*' })).status).toBe(406);
      expect((await listen('00000000-0000-7000-8000-000000000000')).status).toBe(404);
    });
  });
});
