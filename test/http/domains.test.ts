import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { OrganizationDomain } from '../../src/features/domains/domain.entity.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import type { Services } from '../../src/services.js';
import { ask, tokenWith } from '../support/api.js';
import { MovedClock } from '../support/clock.js';
import { behindRows } from '../support/held.js';
import { asPerson, eventsOf, makeMember, makeOrganization, newName } from '../support/invitations.js';
import { letterTo } from '../support/mailbox.js';
import { NameServer } from '../support/name-server.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';

const day = 86_400;

describe('domains of organizations', () => {
  const clock = new MovedClock();
  const dns = new NameServer();
  let server: TestServer;
  let token: string;
  let acme: Organization;
  let name: string;

  beforeAll(async () => {
    const limits = { domainChecks: { points: 30, seconds: 3600 } };
    server = await startServer({ overrides: { clock, limits, dns: { resolveTxt: dns.resolveTxt, timeoutMs: 500 } } });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    dns.clear();
    token = await tokenWith(server, 'organizations:read organizations:write');
    acme = await makeOrganization(server);
    name = `${newName()}.example`;
  });

  const api = (method: string, path = '', body?: unknown, at = acme) =>
    ask(server, token, method, `/organizations/${at.slug}/domains${path}`, body);
  type Claim = { id: string; domain: string; challenge: { name: string; value: string } };
  const claim = async (domain = name, at = acme, more: object = {}): Promise<Claim> => {
    const { status, body } = await api('post', '', { domain, ...more }, at);
    expect([status, body.code]).toEqual([201, undefined]);
    return body as never;
  };
  const verify = ({ id }: { id: string }, at = acme) => api('post', `/${id}/verification`, undefined, at);
  const proved = async (domain = name, at = acme, more: object = {}) => {
    const one = await claim(domain, at, more);
    dns.put(one.challenge.name, one.challenge.value);
    expect((await verify(one, at)).status).toBe(200);
    return one;
  };
  const current = ({ id }: { id: string }): Promise<OrganizationDomain> =>
    server.inside(({ domains }) => domains.find(acme, id));
  const checks = () => server.services.domainChecks.run();

  it('are proved by a TXT record that only their owner can write, and nobody else is asked', async () => {
    const one = await claim(` ${name.toUpperCase()} `);
    expect(one).toMatchObject({ domain: name, verified_at: null, auto_join: null });
    expect(one.challenge).toMatchObject({ type: 'TXT', name: `_ostiary-challenge.${name}` });
    expect(one.challenge.value).toMatch(/^ostiary-domain-verification=[\w-]{43}$/);
    const early = await verify(one);
    expect([early.status, early.body.code]).toEqual([409, 'domain_not_proved']);
    for (const near of [
      one.challenge.value.slice(0, -1),
      `${one.challenge.value}x`,
      one.challenge.value.toUpperCase(),
      ` ${one.challenge.value}`,
    ]) {
      dns.put(one.challenge.name, near);
      expect((await verify(one)).status).toBe(409);
    }
    dns.put(name, one.challenge.value);
    dns.put(one.challenge.name, 'v=spf1 -all', one.challenge.value);
    const done = await verify(one);
    expect(done.body).toMatchObject({ verified_at: expect.any(String), failed_checks: 0 });
    expect(new Set(dns.asked)).toEqual(new Set([one.challenge.name]));
    expect(await eventsOf(server, one.id)).toEqual(['domain.added', 'domain.verified']);
  });

  it.each(['co.uk', 'localhost', '127.0.0.1', 'example.com.', '*.example.com', 'a@example.com', ''])(
    'that nobody could have are none: %j is 422',
    async (domain) => {
      expect((await api('post', '', { domain })).status).toBe(422);
    },
  );

  it('the record of one organization says nothing for another one', async () => {
    const other = await makeOrganization(server);
    const [mine, theirs] = [await claim(), await claim(name, other)];
    dns.put(mine.challenge.name, mine.challenge.value);
    expect(mine.challenge.value).not.toBe(theirs.challenge.value);
    expect((await verify(theirs, other)).status).toBe(409);
    expect((await verify(mine)).status).toBe(200);
  });

  it('belong to one organization of a tenant: who proved it first', async () => {
    const other = await makeOrganization(server);
    const theirs = await claim(name, other);
    const mine = await proved();
    dns.put(mine.challenge.name, mine.challenge.value, theirs.challenge.value);
    const late = await verify(theirs, other);
    expect([late.status, late.body.code]).toEqual([409, 'domain_taken']);
    expect((await api('post', '', { domain: name })).body.code).toBe('domain_claimed');
    await api('delete', `/${mine.id}`);
    expect((await verify(theirs, other)).status).toBe(200);
  });

  it('are nobody’s to ask for: whether another organization has proved one is told to who proves it, too', async () => {
    const other = await makeOrganization(server);
    await proved();
    const [taken, free] = [await claim(name, other), await claim(`free-${name}`, other)];
    const shape = ({ domain, challenge, ...rest }: { domain: string; challenge: object }) => [
      Object.keys({ domain, ...rest }),
      Object.keys(challenge),
    ];
    expect(shape(taken)).toEqual(shape(free));
    const answers = [await verify(taken, other), await verify(free, other)];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [409, 'domain_not_proved'],
      [409, 'domain_not_proved'],
    ]);
  });

  it('belong to one of two that prove it at once', async () => {
    const others = await Promise.all(Array.from({ length: 6 }, () => makeOrganization(server)));
    const claims = [];
    for (const one of others) claims.push(await claim(name, one));
    dns.put(`_ostiary-challenge.${name}`, ...claims.map(({ challenge }) => challenge.value));
    const answers = await Promise.all(claims.map((one, index) => verify(one, others[index])));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 5 }, () => 409)]);
  });

  it('are not asked for without end: 429', async () => {
    const one = await claim();
    const statuses = [];
    for (let i = 0; i < 32; i += 1) statuses.push((await verify(one)).status);
    expect([statuses.slice(0, 30), statuses.slice(30)]).toEqual([Array.from({ length: 30 }, () => 409), [429, 429]]);
  });

  it.each([
    ['an error', 'ESERVFAIL'],
    ['silence', 'silence'],
  ])('%s of DNS is neither yes nor no: 503', async (_what, code) => {
    const one = await claim();
    dns.fail(one.challenge.name, code);
    const answer = await verify(one);
    expect([answer.status, answer.body.code]).toEqual([503, 'dns_unavailable']);
    expect(await current(one)).toMatchObject({ verifiedAt: null });
  });

  it('hold no connection while DNS is asked, with an Idempotency-Key or without', async () => {
    const one = await claim();
    dns.fail(one.challenge.name, 'silence');
    dns.asked.length = 0;
    const path = `/organizations/${acme.slug}/domains/${one.id}/verification`;
    let [answered, most] = [0, 0];
    const asking = Array.from({ length: 20 }, async (_, n) => {
      const { status } = await ask(server, token, 'post', path, undefined, { 'idempotency-key': `key-${n}` });
      answered += 1;
      return status;
    });
    for (; answered < 20; await new Promise((next) => setTimeout(next, 5)))
      most = Math.max(most, dns.asked.length - answered);
    expect(await Promise.all(asking)).toEqual(Array.from({ length: 20 }, () => 503));
    // As many as there are connections would be the most.
    expect(most).toBeGreaterThan(10);
  });

  describe('are changed by nobody who was removed meanwhile', () => {
    const removed = async (work: (person: { id: string }, one: OrganizationDomain) => Promise<unknown>) => {
      const [admin, one] = [await makeMember(server, acme, 'admin'), await claim()];
      const found = await current(one);
      const outcome = () =>
        work(admin, found).then(
          () => 'done',
          (error: { code: string }) => error.code,
        );
      const [code] = await behindRows(server, `organizations WHERE id = '${acme.id}'`, outcome, (runner) =>
        runner.query('DELETE FROM memberships WHERE user_id = $1', [admin.id]),
      );
      return [code, (await api('get')).body.items];
    };

    // The embedded database has one session: nobody waits there.
    if (defaultKind === 'postgres')
      it.each([
        ['claimed', ({ domains }: Services) => domains.create(acme, { domain: `x-${name}` })],
        [
          'opened',
          ({ domains }: Services, one: OrganizationDomain) => domains.update(acme, one, { auto_join: 'member' }),
        ],
        ['given up', ({ domains }: Services, one: OrganizationDomain) => domains.delete(acme, one)],
      ] as [string, (services: Services, one: OrganizationDomain) => Promise<unknown>][])('%s', async (_what, work) => {
        const outcome = await removed((person, one) => asPerson(server, person, (services) => work(services, one)));
        expect(outcome).toEqual([
          'not_found',
          [expect.objectContaining({ domain: name, auto_join: null, version: 1 })],
        ]);
      });

    it('verified, while DNS was asked', async () => {
      const [admin, one] = [await makeMember(server, acme, 'admin'), await claim()];
      dns.put(one.challenge.name, one.challenge.value);
      const [found, release] = [await current(one), dns.hold()];
      dns.asked.length = 0;
      const verifying = asPerson(server, admin, ({ domains }) => domains.verify(acme, found));
      const refused = expect(verifying).rejects.toMatchObject({ code: 'not_found' });
      while (dns.asked.length === 0) await new Promise((next) => setTimeout(next, 5));
      await server.inside(({ memberships }) => memberships.remove(acme, admin.id));
      release();
      await refused;
      expect(await current(one)).toMatchObject({ verifiedAt: null });
    });
  });

  it('are fifty at most, of many that are claimed at once', async () => {
    const names = Array.from({ length: 55 }, (_, n) => `d${n}-${name}`);
    const statuses = await Promise.all(names.map((domain) => api('post', '', { domain }).then(({ status }) => status)));
    expect(statuses.sort()).toEqual([
      ...Array.from({ length: 50 }, () => 201),
      ...Array.from({ length: 5 }, () => 409),
    ]);
  });

  describe('are looked at again every day', () => {
    it('and stay as long as the record is there', async () => {
      const one = await proved();
      dns.asked.length = 0;
      await checks();
      expect(dns.asked).toEqual([]);
      for (let days = 0; days < 5; days += 1) {
        clock.move(day);
        await Promise.all([checks(), checks()]);
        expect(await current(one)).toMatchObject({ verifiedAt: expect.any(Date), failedChecks: 0 });
      }
    });

    it.each([
      ['gone', 'ENOTFOUND'],
      ['not to be had', 'ESERVFAIL'],
    ])(
      'and are lost when it was %s three days in a row: once, in the record, and the owners hear of it',
      async (_how, code) => {
        const owner = await makeMember(server, acme, 'owner');
        const one = await proved();
        dns.fail(one.challenge.name, code);
        for (const failedChecks of [1, 2]) {
          clock.move(day);
          await checks();
          await checks();
          expect(await current(one)).toMatchObject({ verifiedAt: expect.any(Date), failedChecks });
        }
        clock.move(day);
        await Promise.all([checks(), checks()]);
        expect(await current(one)).toMatchObject({ verifiedAt: null, failedChecks: 0 });
        expect(await eventsOf(server, one.id)).toEqual(['domain.added', 'domain.verified', 'domain.lost']);
        expect((await letterTo(server, owner.email, /not confirmed any more/)).text).toContain(one.challenge.name);
      },
    );

    it('and a good day begins the count anew', async () => {
      const one = await proved();
      for (const there of [false, false, true, false, false]) {
        if (there) dns.put(one.challenge.name, one.challenge.value);
        else dns.fail(one.challenge.name, 'ENODATA');
        clock.move(day);
        await checks();
      }
      expect(await current(one)).toMatchObject({ verifiedAt: expect.any(Date), failedChecks: 2 });
    });
  });

  it('are changed by whoever saw them as they are, and only so far', async () => {
    const one = await claim();
    expect((await api('patch', `/${one.id}`, { auto_join: 'owner' })).status).toBe(422);
    expect((await api('patch', `/${one.id}`, { domain: 'other.example' })).status).toBe(422);
    expect((await api('patch', `/${one.id}`, { verified_at: new Date().toISOString() })).status).toBe(422);
    expect((await api('patch', `/${one.id}`, { teams: ['00000000-0000-7000-8000-000000000000'] })).status).toBe(422);
    expect((await api('patch', `/${one.id}`, { auto_join: 'member' })).body).toMatchObject({
      auto_join: 'member',
      version: 2,
    });
    expect((await api('patch', `/${one.id}`, { auto_join: null })).body).toMatchObject({ auto_join: null, version: 3 });
    expect((await api('get')).body.items).toHaveLength(1);
    expect((await api('delete', `/${one.id}`)).status).toBe(204);
    expect((await api('get', `/${one.id}`)).status).toBe(404);
  });

  it('are the matter of who manages the organization: a member, an outsider and another organization change nothing', async () => {
    const one = await claim();
    const other = await makeOrganization(server);
    const [member, stranger, admin] = [
      await makeMember(server, acme),
      await makeMember(server, other, 'owner'),
      await makeMember(server, acme, 'admin'),
    ];
    const tries = (person: { id: string }, organization = acme) =>
      asPerson(server, person, async ({ domains }) => {
        const found = await domains.find(acme, one.id);
        const codes = [];
        for (const work of [
          () => domains.create(organization, { domain: `x-${name}` }),
          () => domains.update(organization, found, { auto_join: 'member' }),
          () => domains.verify(organization, found),
          () => domains.delete(organization, found),
        ])
          codes.push(
            await work().then(
              () => 'done',
              (error: { code: string }) => error.code,
            ),
          );
        return codes;
      });
    expect(await tries(member)).toEqual(Array.from({ length: 4 }, () => 'role_too_low'));
    expect(await tries(stranger)).toEqual(Array.from({ length: 4 }, () => 'not_found'));
    expect(await tries(stranger, other)).toEqual(['done', 'not_found', 'domain_not_proved', 'not_found']);
    expect(await tries(admin)).toEqual(['done', 'done', 'domain_not_proved', 'done']);
  });
});
