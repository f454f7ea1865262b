import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../../support/browser.js';
import { giveNameAndPassword, nameOf } from '../../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  type Pkce,
  pkce,
  post,
  signIn,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const trips = 'https://api.trips.example';
const hotels = 'https://api.hotels.example/v1?region=eu';

describe('resource indicators (RFC 8707)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    email = (await makePerson(server)).email;
    await server.inside(async ({ resources }) => {
      await resources.create({
        identifier: trips,
        name: 'Trips',
        scopes: [{ name: 'read', description: 'See your trips', optional: true }, { name: 'trips:write' }],
      });
      await resources.create({
        identifier: hotels,
        name: 'Hotels',
        scopes: [{ name: 'read', description: 'See your hotels', optional: true }],
        access_token_format: 'jwt',
      });
    });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    // Longer than a test: a refresh token that is shown twice is looked at anew.
    party = await makeClient(server, {
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      scope: 'openid read trips:write',
    });
  });

  const url = (resources: string[], scope: string, proof: Pkce) => {
    const request = new URL(authorizationUrl(server, party, proof, { scope }));
    // OpenID Connect Core §3.1.2.1: it is of ID tokens.
    if (!scope.includes('openid')) request.searchParams.delete('nonce');
    for (const one of resources) request.searchParams.append('resource', one);
    return request.href;
  };
  const authorized = async (resources: string[], scope: string, ticked?: string[]) => {
    const proof = pkce();
    const browser = new Browser();
    let page: Page = await giveNameAndPassword(browser, await browser.open(url(resources, scope, proof)), email);
    expect(nameOf(page)).toBe('consent');
    page = await browser.submit(page, { decision: 'allow', ...(ticked ? { scope: ticked } : {}) });
    return { code: codeOf(page), proof };
  };
  const redeem = ({ code, proof }: { code: string; proof: Pkce }, resources: string[] = [], by = party) =>
    post(server, '/token', by, [
      ['grant_type', 'authorization_code'],
      ['code', code],
      ['redirect_uri', by.redirectUri],
      ['code_verifier', proof.verifier],
      ...resources.map((one): [string, string] => ['resource', one]),
    ]);
  const refresh = (token: unknown, resources: string[] = [], more: [string, string][] = []) =>
    post(server, '/token', party, [
      ['grant_type', 'refresh_token'],
      ['refresh_token', String(token)],
      ...resources.map((one): [string, string] => ['resource', one]),
      ...more,
    ]);
  const facts = async (token: unknown) => {
    const { body } = await introspect(server, party, String(token));
    return { active: body.active, aud: body.aud, scope: body.scope };
  };
  const all = [`read ${trips}`, `read ${hotels}`];

  const wrong: [what: string, value: string][] = [
    ['no URI', 'trips'],
    ['a relative one', '/trips'],
    ['one with a fragment', `${trips}#part`],
    ['one with an empty fragment', `${trips}#`],
    ['one that nobody registered', 'https://unknown.example'],
    ['one with a slash more', `${trips}/`],
    ['one in another case', 'https://API.trips.example'],
    ['one with its port', 'https://api.trips.example:443'],
    ['one in another coding', 'https://api.trips.example/%2e'],
    ['one without its query', 'https://api.hotels.example/v1'],
    ['two in one', `${trips} ${hotels}`],
    ['very long', `https://api.trips.example/${'x'.repeat(3000)}`],
  ];

  it.each(wrong)(
    'what is no resource here is invalid_target at /authorize, /par and /token (§2): %s',
    async (_what, value) => {
      const answer = await fetch(url([value], 'openid read', pkce()), { redirect: 'manual' });
      const sent = new URL(String(answer.headers.get('location')));
      expect([sent.origin, sent.searchParams.get('error')]).toEqual(['https://rp.example', 'invalid_target']);
      const pushed = await post(
        server,
        '/par',
        party,
        Object.fromEntries(new URL(url([value], 'openid read', pkce())).searchParams),
      );
      expect([pushed.status, pushed.body.error]).toEqual([400, 'invalid_target']);
      const machine = { grant_type: 'client_credentials', scope: 'read', resource: value };
      const token = await post(server, '/token', party, machine);
      expect([token.status, token.body.error]).toEqual([400, 'invalid_target']);
    },
  );

  it('one wrong resource among right ones refuses the whole request (§2)', async () => {
    const answer = await fetch(url([trips, 'https://unknown.example', hotels], 'openid read', pkce()), {
      redirect: 'manual',
    });
    expect(new URL(String(answer.headers.get('location'))).searchParams.get('error')).toBe('invalid_target');
  });

  it('a resource of another tenant is unknown (§2)', async () => {
    const foreign = 'https://foreign.example';
    const { tenants, resources } = server.services;
    const acme = await server.inside(() => tenants.create({ slug: 'acme', name: 'Acme' }));
    const { withContext } = await import('../../../src/platform/context.js');
    await withContext({ tenantId: acme.id }, () => resources.create({ identifier: foreign, name: 'Foreign' }));
    const answer = await fetch(url([foreign], 'openid', pkce()), { redirect: 'manual' });
    expect(new URL(String(answer.headers.get('location'))).searchParams.get('error')).toBe('invalid_target');
  });

  describe('several at the authorization request (§2.1)', () => {
    it('each is asked about by itself: the same scope at two of them is two things', async () => {
      const proof = pkce();
      const browser = new Browser();
      const first = await browser.open(url([trips, hotels], 'openid read', proof));
      const page = await giveNameAndPassword(browser, first, email);
      expect(page.html).toContain('See your trips');
      expect(page.html).toContain('See your hotels');
      const end = await browser.submit(page, { decision: 'allow', scope: [`read ${hotels}`] });
      const { body } = await redeem({ code: codeOf(end), proof }, [hotels]);
      expect(body.scope).toBe('read');
      const other = await refresh(body.refresh_token, [trips]);
      expect([other.status, other.body.scope ?? '']).toEqual([200, '']);
    });

    it('a token is for the one that is named, with its scopes alone, and the next for another one (§2.2)', async () => {
      const { body } = await redeem(await authorized([trips, hotels], 'openid read trips:write', all), [trips]);
      expect(await facts(body.access_token)).toEqual({ active: true, aud: trips, scope: 'read trips:write' });
      const next = await refresh(body.refresh_token, [hotels]);
      expect(await facts(next.body.access_token)).toEqual({ active: true, aud: hotels, scope: 'read' });
      const last = await refresh(next.body.refresh_token, [trips], [['scope', 'read']]);
      expect(await facts(last.body.access_token)).toEqual({ active: true, aud: trips, scope: 'read' });
    });

    it('no token is for two of them, and asking for such a one burns nothing (§2.2)', async () => {
      const given = await authorized([trips, hotels], 'openid read', all);
      const both = await redeem(given, [trips, hotels]);
      expect([both.status, both.body.error]).toEqual([400, 'invalid_target']);
      const one = await redeem(given, [trips]);
      expect(one.status).toBe(200);
      const again = await refresh(one.body.refresh_token, [hotels, trips]);
      expect([again.status, again.body.error]).toEqual([400, 'invalid_target']);
      expect((await refresh(one.body.refresh_token, [hotels])).status).toBe(200);
    });

    it('which of them has to be said where none is meant for UserInfo (§2.2)', async () => {
      const given = await authorized([trips, hotels], 'read', all);
      const unnamed = await redeem(given);
      expect([unnamed.status, unnamed.body.error]).toEqual([400, 'invalid_target']);
      expect(await facts((await redeem(given, [hotels])).body.access_token)).toMatchObject({ aud: hotels });
    });

    it('without one the token is for UserInfo, and for no resource', async () => {
      const { body } = await redeem(await authorized([trips, hotels], 'openid read', all));
      expect(await facts(body.access_token)).toEqual({ active: true, aud: undefined, scope: 'openid' });
    });
  });

  it('a single one is meant where none is said and there is no UserInfo to ask (§2.2)', async () => {
    const { body } = await redeem(await authorized([trips], 'read', all));
    expect(await facts(body.access_token)).toEqual({ active: true, aud: trips, scope: 'read' });
    const next = await refresh(body.refresh_token);
    expect(await facts(next.body.access_token)).toEqual({ active: true, aud: trips, scope: 'read' });
  });

  it('one that was not authorized is refused at /token, and burns nothing (§2.2)', async () => {
    const given = await authorized([trips], 'openid read', all);
    const { body, status } = await redeem(given, [hotels]);
    expect([status, body.error]).toEqual([400, 'invalid_target']);
    const right = await redeem(given, [trips]);
    expect(right.status).toBe(200);
    const wider = await refresh(right.body.refresh_token, [hotels]);
    expect([wider.status, wider.body.error]).toEqual([400, 'invalid_target']);
    expect((await refresh(right.body.refresh_token, [trips])).status).toBe(200);
  });

  it('one that was deleted since gets no more tokens (§2.2)', async () => {
    const identifier = 'https://api.gone.example';
    const gone = await server.inside(({ resources }) =>
      resources.create({ identifier, name: 'Gone', scopes: [{ name: 'read' }] }),
    );
    const { body } = await redeem(await authorized([identifier, trips], 'openid read'), [identifier]);
    expect(await facts(body.access_token)).toMatchObject({ active: true, aud: identifier });
    await server.inside(({ resources }) => resources.delete(gone));
    const next = await refresh(body.refresh_token, [identifier]);
    expect([next.status, next.body.error]).toEqual([400, 'invalid_target']);
    expect((await refresh(body.refresh_token, [trips])).status).toBe(200);
  });

  it('client credentials are for one resource at most, with its scopes alone (§2.2)', async () => {
    const machine = (...resources: string[]) =>
      post(server, '/token', party, [
        ['grant_type', 'client_credentials'],
        ['scope', 'read trips:write'],
        ...resources.map((one): [string, string] => ['resource', one]),
      ]);
    const both = await machine(trips, hotels);
    expect([both.status, both.body.error]).toEqual([400, 'invalid_target']);
    const { body } = await machine(hotels);
    expect([body.scope, (await facts(body.access_token)).aud]).toEqual(['read', hotels]);
  });

  it('a token for one resource opens no other: our own API refuses it (§3)', async () => {
    const { body } = await redeem(await authorized([trips], 'openid read', all), [trips]);
    const answer = await fetch(`${server.issuer}/api/v1/users`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect(answer.status).toBe(401);
    const userinfo = await fetch(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect([userinfo.status, await userinfo.json()]).toMatchObject([403, { error: 'insufficient_scope' }]);
  });

  it('are asked once: what was allowed for one says nothing about another', async () => {
    const browser = new Browser();
    codeOf(await signIn(browser, url([trips], 'openid read trips:write', pkce()), email));
    codeOf(await browser.open(url([trips], 'openid read trips:write', pkce())));
    expect(nameOf(await browser.open(url([trips, hotels], 'openid read', pkce())))).toBe('consent');
  });
});
