import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { explanations } from '../../../src/oidc/explain.js';
import { ask, tokenWith } from '../../support/api.js';
import { makePerson, post, tokensFor } from '../../support/party.js';
import { proofOf } from '../../support/proofs.js';
import {
  authorize,
  CANARY,
  push,
  type Refused,
  type RefusedHouse,
  refusedHouse,
  token,
  traceOf,
} from '../../support/refused.js';
import { startServer, type TestServer } from '../../support/server.js';
import { wrong } from './authorization-cases.js';
import { organizations } from './organization-cases.js';
import { people, requestObjects, seconds } from './person-cases.js';
import { authentications, endpoints, tokenRequests } from './token-cases.js';

describe('a refusal is explained to whoever administers the tenant, and to nobody else', () => {
  let server: TestServer;
  let house: RefusedHouse;

  beforeAll(async () => {
    server = await startServer();
    house = await refusedHouse(server);
  }, 180_000);
  afterAll(() => server?.close());

  /** The client is told the error of the standard and where to read; the record says the check, and nothing that is secret. */
  async function explained(answer: Refused, check: string, error: string, seen: Record<string, unknown> = {}) {
    expect(answer.reference).toMatch(/^....-....$/);
    if (answer.error !== undefined) expect([check, answer.error]).toEqual([check, error]);
    const trace = await traceOf(house, answer.reference);
    const [finding] = trace.findings as Record<string, unknown>[];
    const known = explanations.filter((one) => one.check === check && one.error === error);
    expect([finding?.check, trace.error]).toEqual([check, error]);
    expect(known.map(({ setting = null }) => setting)).toContain(finding?.setting);
    expect(known.map(({ advice }) => advice)).toContain(finding?.advice);
    expect(finding?.seen).toEqual(expect.objectContaining(seen));
    expect(JSON.stringify(trace)).not.toContain(CANARY);
    expect(answer.text).not.toContain(String(finding?.advice));
    expect(answer.text).not.toContain(`"${check}"`);
  }

  describe('an authorization request (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6)', () => {
    it.each(wrong.filter(({ only }) => only !== '/par').map((one) => [one.check, one.change, one] as const))(
      'at /authorize: %s %j',
      async (check, change, { party = 'web', error, seen }) => {
        await explained(await authorize(house, house.parties[party], change), check, error, seen);
      },
    );

    it.each(wrong.filter(({ only }) => only !== '/authorize').map((one) => [one.check, one.change, one] as const))(
      'at /par (RFC 9126 §2.3): %s %j',
      async (check, change, { party = 'web', error, pushedError = error, seen }) => {
        await explained(await push(house, house.parties[party], change), check, pushedError, seen);
      },
    );

    it.each(requestObjects.map((one, index) => [one.check, index, one] as const))(
      'a request object (RFC 9101 §10): %s, %i',
      async (check, _index, one) => explained(await one.ask(house), check, one.error),
    );

    it.each(organizations.map((one, index) => [one.check, index, one] as const))(
      'for an organization: %s, %i',
      async (check, _index, one) => explained(await one.ask(house), check, one.error),
    );

    it.each(people.map((one) => [one.check, one] as const))('a person: %s', async (check, one) =>
      explained(await one.ask(house), check, one.error),
    );
  });

  describe('a token request (RFC 6749 §5.2)', () => {
    it.each([...tokenRequests, ...seconds].map((one, index) => [one.check, index, one] as const))(
      'each check of a token request that fails is told: %s, %i',
      async (check, _index, one) => explained(await one.ask(house), check, one.error),
    );
  });

  describe.each(endpoints)('client authentication and proofs (RFC 7523 §3.2, RFC 9449 §5) at %s', (path, request) => {
    it.each(authentications.map((one, index) => [one.check, index, one] as const))(
      'each check of them that fails is told: %s, %i',
      async (check, _index, one) => explained(await one.ask(house, request, path), check, one.error),
    );
  });

  describe('signing out (RP-Initiated Logout 1.0 §2)', () => {
    const out = async (more: Record<string, string>): Promise<Refused> => {
      const response = await fetch(`${server.issuer}/logout?${new URLSearchParams(more)}`, {
        headers: { accept: 'text/html' },
      });
      const text = await response.text();
      return { status: response.status, reference: /[0-9A-Z]{4}-[0-9A-Z]{4}/.exec(text)?.[0] ?? '', text };
    };

    it('to an address that is not registered', async () => {
      const uri = 'https://evil.example/out';
      const answer = await out({ client_id: house.parties.web.clientId, post_logout_redirect_uri: uri });
      const seen = { post_logout_redirect_uri: uri };
      await explained(answer, 'post_logout_redirect_uri.registered', 'invalid_request', seen);
    });
  });

  it('every explanation there is has been met above', () => {
    const met = new Set(
      [...wrong, ...requestObjects, ...people, ...organizations, ...tokenRequests, ...seconds, ...authentications].map(
        ({ check }) => check,
      ),
    );
    met.add('post_logout_redirect_uri.registered');
    expect(explanations.map(({ check }) => check).filter((check) => !met.has(check))).toEqual([]);
    expect(met.size).toBeGreaterThanOrEqual(40);
  });

  it('says what was sent beside what is registered, cut, with hidden characters shown', async () => {
    const long = `https://rp.example/\u202e${'x/'.repeat(200)}`;
    const trace = await traceOf(house, (await authorize(house, house.parties.web, { redirect_uri: long })).reference);
    const [finding] = trace.findings as { seen: Record<string, string>; registered: Record<string, unknown> }[];
    expect(finding?.registered).toMatchObject({ redirect_uris: ['https://rp.example/cb'], application_type: 'web' });
    expect(finding?.seen.redirect_uri).toMatch(/^https:\/\/rp\.example\/\\u\{202e\}[x/]+…$/);
    expect(finding?.seen.redirect_uri?.length).toBeLessThan(220);
  });

  it('tells what may be a token in the wrong place by its beginning, and an address with a UUID as it is', async () => {
    const secret = randomBytes(32).toString('base64url');
    const uuid = `https://rp.example/${randomUUID()}/cb`;
    const seenIn = async (change: Record<string, string>) => {
      const { findings } = await traceOf(house, (await authorize(house, house.parties.web, change)).reference);
      return (findings as { seen: Record<string, string> }[])[0]?.seen;
    };
    expect(await seenIn({ redirect_uri: `https://rp.example/cb?code=${secret}` })).toEqual({
      redirect_uri: `https://rp.example/cb?code=${secret.slice(0, 6)}[37 more]`,
    });
    for (const place of ['response_type', 'prompt', 'resource', 'code_challenge_method'])
      expect(JSON.stringify(await seenIn({ [place]: secret }))).not.toContain(secret.slice(0, 10));
    expect(await seenIn({ redirect_uri: uuid })).toEqual({ redirect_uri: uuid });
  });

  it('says both where two things are wrong: the address to return to is told last, since nothing may be sent there', async () => {
    const answer = await authorize(house, house.parties.web, { redirect_uri: 'https://evil.example/', prompt: 'foo' });
    const trace = await traceOf(house, answer.reference);
    expect(trace.error).toBe('invalid_redirect_uri');
    expect((trace.findings as { check: string }[]).map(({ check }) => check)).toEqual([
      'prompt.supported',
      'redirect_uri.registered',
    ]);
  });

  it('is not read without traces:read, not by the client it is about, and not at another tenant', async () => {
    const { reference } = await authorize(house, house.parties.web, { prompt: 'foo' });
    await traceOf(house, reference);
    const others = await tokenWith(server, 'clients:read audit:read');
    const own = await post(server, '/token', house.parties.web, { grant_type: 'client_credentials' });
    for (const bearer of [others, String(own.body.access_token), undefined]) {
      for (const path of ['/traces', `/traces/${reference}`])
        expect([401, 403]).toContain((await ask(server, bearer, 'get', path)).status);
    }
    expect((await ask(server, house.reader, 'get', '/traces/0000-0000')).status).toBe(404);
    expect((await ask(server, house.reader, 'get', `/traces/${reference.toLowerCase()}`)).status).toBe(200);
  });

  it('lists them newest first, those of one client too, page by page, without what was seen', async () => {
    const { clientId } = house.parties.timed;
    await Promise.all([1, 2, 3].map(() => authorize(house, house.parties.timed, { prompt: 'foo' })));
    const found: Record<string, unknown>[] = [];
    for (let path: string | undefined = `/traces?limit=2&client_id=${clientId}`; path; ) {
      const { body } = await ask(server, house.reader, 'get', path);
      found.push(...(body.items as Record<string, unknown>[]));
      path = body.next_cursor ? `/traces?limit=2&client_id=${clientId}&cursor=${body.next_cursor}` : undefined;
    }
    const times = found.map(({ occurred_at }) => String(occurred_at));
    expect(found.length).toBeGreaterThanOrEqual(3);
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    expect(times).toEqual([...times].sort().reverse());
    expect(found.every((one) => one.client_id === clientId && !('findings' in one))).toBe(true);
  });

  it('what was seen lies sealed, bound to its place', async () => {
    const uri = 'https://sealed.example/cb';
    const { reference } = await authorize(house, house.parties.web, { redirect_uri: uri });
    await traceOf(house, reference);
    const rows = await server.inside(({ db }) => db.manager.query('SELECT to_jsonb(t.*) AS row FROM traces t'));
    expect(JSON.stringify(rows)).not.toContain('sealed.example');
  });

  describe('error_uri (RFC 6749 §4.1.2.1)', () => {
    it('is a page for the developer, the same for every reference, given out or not', async () => {
      const { reference } = await authorize(house, house.parties.web, { prompt: 'foo' });
      const page = async (id: string) => {
        const response = await fetch(`${server.issuer}/errors/${id}`, { headers: { accept: 'text/html' } });
        return { status: response.status, text: (await response.text()).replaceAll(id, '') };
      };
      const [given, never] = [await page(reference), await page('0000-0000')];
      expect(given).toEqual(never);
      expect(given.status).toBe(200);
      for (const other of ['x', '0000-000O', '0000-0000-0000', '%3Cscript%3E'])
        expect((await page(other)).status).toBe(404);
    });

    it('is in the answer whether a trace was written or not: an unknown client is told as much', async () => {
      const known = await token(house, { ...house.parties.web, clientSecret: 'wrong' }, { grant_type: 'x' });
      const unknown = await token(house, { ...house.parties.web, clientId: 'nobody' }, { grant_type: 'x' });
      const shape = (text: string) => text.replace(/errors\/.{9}/, 'errors/');
      expect([known.status, shape(known.text)]).toEqual([unknown.status, shape(unknown.text)]);
      expect(unknown.reference).not.toBe('');
      expect((await ask(server, house.reader, 'get', `/traces/${unknown.reference}`)).status).toBe(404);
    });

    it('is in no answer that is right, and in none that only asks to come again', async () => {
      const person = await makePerson(server);
      expect(await tokensFor(server, house.parties.web, person.email)).not.toHaveProperty('error_uri');
      const stale = await token(
        house,
        house.parties.web,
        { grant_type: 'client_credentials' },
        { dpop: await staleProof() },
      );
      expect(JSON.parse(stale.text)).toEqual({ error: 'use_dpop_nonce', error_description: expect.any(String) });
    });

    const staleProof = async () => {
      const iat = Math.floor(Date.now() / 1000) - 3600;
      return proofOf(house.key, { htm: 'POST', htu: `${server.issuer}/token`, iat });
    };
  });
});
