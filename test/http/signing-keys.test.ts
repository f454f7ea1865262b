import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { KeySchedule } from '../../src/features/keys/key-schedule.js';
import type { SigningKey } from '../../src/features/keys/signing-key.entity.js';
import { withContext } from '../../src/platform/context.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { introspect, makeClient, makePerson, type Party, post, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const resource = 'https://api.example/bookings';
const hour = 3600;
const day = 24 * hour;

interface View {
  kid: string;
  alg: string;
  status: string;
}

describe('signing keys (OpenID Connect Core §10.1.1)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, {
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      scope: 'openid profile email bookings:read',
      consent_policy: 'implicit',
      post_logout_redirect_uris: ['https://rp.example/bye'],
    });
    await server.inside(({ resources }) =>
      resources.create({
        identifier: resource,
        name: 'Bookings',
        scopes: [{ name: 'bookings:read' }],
        access_token_format: 'jwt',
      }),
    );
    email = (await makePerson(server)).email;
  }, 180_000);
  afterAll(() => server?.close());

  const published = async (): Promise<JSONWebKeySet> =>
    (await (await fetch(`${server.issuer}/jwks`)).json()) as JSONWebKeySet;
  const kids = async () => (await published()).keys.map(({ kid }) => String(kid));
  const keys = (): Promise<SigningKey[]> => server.inside((services) => services.keys.list());
  const kid = async (status: string, alg = 'ES256') =>
    (await keys()).find((key) => key.status === status && key.alg === alg)?.kid ?? '';
  const isGood = async (token: string, set?: JSONWebKeySet): Promise<boolean> =>
    jwtVerify(token, createLocalJWKSet(set ?? (await published()))).then(
      () => true,
      () => false,
    );
  const kidOf = (token: string) => decodeProtectedHeader(token).kid;
  const run = () => server.services.keySchedule.run();
  /** As if so many seconds had passed for the keys; tokens and sessions stay young. */
  const pass = (seconds: number) =>
    server.services.db.manager.query(
      'UPDATE signing_keys SET status_since = status_since - make_interval(secs => $1)',
      [seconds],
    );
  const rotate = () => server.inside((services) => services.keys.rotate({ force: true }));

  const accessToken = async () => {
    const { body } = await post(server, '/token', party, {
      grant_type: 'client_credentials',
      resource,
      scope: 'bookings:read',
    });
    return String(body.access_token);
  };
  const idToken = async () => String((await tokensFor(server, party, email, {}, new Browser())).id_token);
  const isActive = async (token: string) => (await introspect(server, party, token)).body.active;

  /** What /logout says of a hint, asked by a browser nobody is signed in in (RP-Initiated Logout 1.0 §2). */
  async function isHint(token: string): Promise<boolean> {
    const query = new URLSearchParams({ id_token_hint: token, post_logout_redirect_uri: 'https://rp.example/bye' });
    const response = await fetch(`${server.issuer}/logout?${query}`, { redirect: 'manual' });
    expect([200, 303, 400]).toContain(response.status);
    return response.status !== 400;
  }

  it('are published before they sign: a next one of each algorithm stands beside the current one', async () => {
    const all = await keys();
    expect(all.map(({ status, alg }) => `${status} ${alg}`)).toEqual([
      'current ES256',
      'current RS256',
      'next ES256',
      'next RS256',
    ]);
    expect(await kids()).toEqual(all.map((key) => key.kid));
    expect(kidOf(await idToken())).toBe(await kid('current'));
    expect(kidOf(await accessToken())).toBe(await kid('current'));
  });

  it('do not sign before verifiers can have seen them: 409, unless forced', async () => {
    const manager = await tokenWith(server, 'keys:read keys:write');
    const before = await kids();
    const refused = await ask(server, manager, 'post', '/signing-keys/rotate', {});
    expect([refused.status, refused.body.code]).toEqual([409, 'next_key_too_young']);
    expect(await kids()).toEqual(before);

    await pass(hour + 1);
    const rotated = await ask(server, manager, 'post', '/signing-keys/rotate', { alg: 'ES256' });
    expect(rotated.status).toBe(200);
    const again = await ask(server, manager, 'post', '/signing-keys/rotate', { alg: 'ES256' });
    expect([again.status, again.body.code]).toEqual([409, 'next_key_too_young']);
    // The other algorithm is as old as before, and goes on by itself.
    expect((await ask(server, manager, 'post', '/signing-keys/rotate', { alg: 'RS256' })).status).toBe(200);
    expect((await ask(server, manager, 'post', '/signing-keys/rotate', { force: true })).status).toBe(200);
  });

  it('rotate: the next signs, what was signed before stays good, and each step is on record with who did it', async () => {
    const manager = await tokenWith(server, 'keys:read keys:write audit:read');
    const [token, hint] = [await accessToken(), await idToken()];
    const [current, next, before] = [await kid('current'), await kid('next'), await published()];
    const answer = await ask(server, manager, 'post', '/signing-keys/rotate', { alg: 'ES256', force: true });

    const items = answer.body.items as View[];
    expect(items.find(({ kid }) => kid === next)).toMatchObject({ status: 'current', alg: 'ES256' });
    expect(items.find(({ kid }) => kid === current)).toMatchObject({ status: 'previous', alg: 'ES256' });
    expect(kidOf(await accessToken())).toBe(next);
    expect(kidOf(await idToken())).toBe(next);
    // A verifier that fetched the set before knows the new key, one that fetches it now knows the old.
    expect(await isGood(await accessToken(), before)).toBe(true);
    expect(await isGood(token)).toBe(true);
    expect(await isActive(token)).toBe(true);
    expect(await isHint(hint)).toBe(true);

    const { body } = await ask(server, manager, 'get', '/audit-events?name=signing_key.rotated');
    const [event] = body.items as { data: object; actor: object }[];
    expect(event).toMatchObject({
      data: { alg: 'ES256', kid: next, previous_kid: current, next_kid: await kid('next') },
      actor: { type: 'client' },
    });
  });

  it('never leave with their private halves', async () => {
    const manager = await tokenWith(server, 'keys:read keys:write');
    const answers = [
      await ask(server, manager, 'get', '/signing-keys?limit=100'),
      await ask(server, manager, 'post', '/signing-keys/rotate', { force: true }),
      { body: await published() },
    ];
    for (const { body } of answers) {
      const members = JSON.stringify(body);
      for (const name of ['"d"', '"p"', '"q"', '"dp"', '"dq"', '"qi"', 'private', 'sealed'])
        expect(members).not.toContain(name);
    }
  });

  it('are listed newest first, page by page', async () => {
    const manager = await tokenWith(server, 'keys:read');
    const all = (await ask(server, manager, 'get', '/signing-keys?limit=100')).body.items as View[];
    expect(all.map((key) => key.kid).sort()).toEqual((await keys()).map((key) => key.kid).sort());
    const paged: View[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await ask(server, manager, 'get', `/signing-keys?limit=3${cursor}`);
      paged.push(...(body.items as View[]));
      if (!body.next_cursor) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(paged).toEqual(all);
  });

  it('refuses a kid that nobody has, and algorithms the tenant does not sign with', async () => {
    const manager = await tokenWith(server, 'keys:write');
    const rotated = (body: object) => ask(server, manager, 'post', '/signing-keys/rotate', body);
    expect((await rotated({ compromised: 'nobody' })).status).toBe(404);
    expect((await rotated({ alg: 'EdDSA' })).status).toBe(422);
    expect((await rotated({ alg: 'HS256' })).status).toBe(422);
    expect((await rotated({ compromised: await kid('current'), force: true })).status).toBe(422);
  });

  it('rotate by themselves when the time of the tenant has come, once, however many look', async () => {
    await rotate();
    const before = await kid('current');
    await pass(89 * day);
    await run();
    expect(await kid('current')).toBe(before);
    const next = await kid('next');
    await pass(2 * day);
    await Promise.all([run(), run(), run()]);
    expect(await kid('current')).toBe(next);
    expect(await kid('previous')).toBe(before);
    expect((await keys()).filter(({ status }) => status === 'next')).toHaveLength(2);
  });

  it('are made no more for a tenant that ends', async () => {
    const { tenants, db, clock, logger } = server.services;
    const { id } = await tenants.create({ slug: 'ending', name: 'Ending' });
    await db.manager.query(
      `UPDATE signing_keys SET status_since = status_since - interval '400 days' WHERE tenant_id = $1 AND status = 'current'`,
      [id],
    );
    const tended: string[] = [];
    const schedule = new KeySchedule(db, { tend: async (one) => void tended.push(one) }, clock, logger);
    await schedule.run();
    expect(tended).toContain(id);
    await db.transaction(async () => {
      await db.manager.query('UPDATE tenants SET deleting_at = now() WHERE id = $1', [id]);
      tended.length = 0;
      await schedule.run();
    });
    expect(tended).not.toContain(id);
  });

  it('rotate by hand only where rotation_days is 0', async () => {
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { signing_keys: { rotation_days: 0 } } }),
    );
    const before = await kid('current');
    await pass(400 * day);
    await run();
    expect(await kid('current')).toBe(before);
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { signing_keys: { rotation_days: 30 } } }),
    );
    await run();
    expect(await kid('previous')).toBe(before);
  });

  it('are published until nothing they signed can be alive; then the private half is gone, and hints are believed 90 days', async () => {
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { signing_keys: { rotation_days: 0 } } }),
    );
    const [old, hint, forged] = [await kid('current'), await idToken(), await idToken()];
    await rotate();
    // The longest-lived access token was signed a moment before: a day, and two minutes for clocks that differ.
    await pass(day + 120);
    await run();
    expect(await kids()).toContain(old);
    await pass(60);
    await run();
    expect(await kids()).not.toContain(old);
    const row = (await keys()).find((key) => key.kid === old);
    expect([row?.status, row?.privateJwkSealed]).toEqual(['retired', null]);
    expect(await isGood(hint)).toBe(false);
    expect(await isHint(hint)).toBe(true);
    expect(await isHint(`${forged.slice(0, -4)}AAAA`)).toBe(false);

    // Of another client it is none, whoever signed it.
    const other = await makeClient(server, { post_logout_redirect_uris: ['https://rp.example/bye'] });
    const query = new URLSearchParams({ id_token_hint: hint, client_id: other.clientId });
    expect((await fetch(`${server.issuer}/logout?${query}`)).status).toBe(400);

    await pass(90 * day);
    await run();
    expect(await isHint(hint)).toBe(false);
    expect((await keys()).map((key) => key.kid)).not.toContain(old);
  });

  it('that are compromised are believed in nothing from that moment: tokens, hints, the published set', async () => {
    const manager = await tokenWith(server, 'keys:write');
    for (const status of ['current', 'previous', 'retired'] as const) {
      const [token, hint] = [await accessToken(), await idToken()];
      const stolen = await kid('current');
      if (status !== 'current') await rotate();
      if (status === 'retired') {
        await pass(day + 180);
        await run();
      }
      expect(await isHint(hint)).toBe(true);
      expect((await ask(server, manager, 'post', '/signing-keys/rotate', { compromised: stolen })).status).toBe(200);
      expect([status, await kids()]).not.toEqual([status, expect.arrayContaining([stolen])]);
      expect([status, await isHint(hint)]).toEqual([status, false]);
      expect([status, await isActive(token)]).toEqual([status, false]);
      const row = (await keys()).find((key) => key.kid === stolen);
      expect([row?.status, row?.privateJwkSealed]).toEqual(['retired', null]);
      // And the tenant goes on.
      expect(kidOf(await accessToken())).toBe(await kid('current'));
    }
  });

  it('that are next and compromised never sign', async () => {
    const [current, next] = [await kid('current'), await kid('next')];
    await server.inside((services) => services.keys.compromised(next));
    expect(await kid('current')).toBe(current);
    expect(await kid('next')).not.toBe(next);
    expect(await kids()).not.toContain(next);
  });

  it('belong to one tenant: what another rotates is its own', async () => {
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'other', name: 'Other' }));
    await server.services.keys.ensure(tenant.id);
    const before = await kids();
    await withContext({ tenantId: tenant.id }, () => server.services.keys.rotate({ force: true }));
    expect(await kids()).toEqual(before);
    const there = (await (await fetch(`${server.issuer}/t/other/jwks`)).json()) as JSONWebKeySet;
    for (const { kid } of there.keys) expect(before).not.toContain(kid);
  });
});
