import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser } from '../support/browser.js';
import { silently } from '../support/journey.js';
import { changePolicy, makeOrganization, type TestOrganization } from '../support/organizations.js';
import {
  authorizationUrl,
  codeOf,
  errorOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  post,
  redeem,
  refresh,
  signIn,
  tokensFor,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const api = 'https://trips.example/api';
const scope = 'openid email organization';

describe('tokens for an organization', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let acme: TestOrganization;
  let other: TestOrganization;

  beforeAll(async () => {
    server = await startServer();
    await server.inside(({ resources }) =>
      resources.create({
        identifier: api,
        name: 'Trips',
        scopes: [{ name: 'trips:read' }],
        access_token_format: 'jwt',
      } as never),
    );
    party = await makeClient(server, { scope: `${scope} trips:read offline_access`, consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    acme = await makeOrganization(server, { members: [person] });
    other = await makeOrganization(server, { members: [person], name: 'Other' });
  });

  const said = ({ id, name, slug }: TestOrganization) => ({
    org_id: id,
    org_name: name,
    org_slug: slug,
    roles: ['member'],
    permissions: [],
    teams: [],
  });
  const none = ['org_id', 'org_name', 'org_slug', 'roles', 'permissions', 'teams'];
  const tokens = (more: Record<string, string>, browser = new Browser()) =>
    tokensFor(server, party, person.email, { scope, ...more }, browser);
  const userinfo = async (token: unknown) => {
    const answer = await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  it.each(['id', 'slug'] as const)('name it and what the person is there, asked for by its %s', async (by) => {
    const { id_token, access_token } = await tokens({ organization: acme[by] });
    expect(decodeJwt(String(id_token))).toMatchObject(said(acme));
    expect((await introspect(server, party, String(access_token))).body).toMatchObject({ active: true, ...said(acme) });
    expect((await userinfo(access_token)).body).toMatchObject(said(acme));
  });

  it('name it in JWT access tokens (RFC 9068) and at their introspection', async () => {
    const { access_token } = await tokens({ organization: acme.slug, resource: api, scope: `${scope} trips:read` });
    expect(decodeJwt(String(access_token))).toMatchObject({ aud: api, ...said(acme) });
    expect((await introspect(server, party, String(access_token))).body).toMatchObject({ active: true, ...said(acme) });
  });

  it('name none where none was asked for, whatever somebody belongs to', async () => {
    const { id_token, access_token } = await tokens({ scope: 'openid email' });
    const told = [decodeJwt(String(id_token)), (await introspect(server, party, String(access_token))).body];
    for (const answer of [...told, (await userinfo(access_token)).body])
      for (const name of none) expect(answer).not.toHaveProperty(name);
  });

  it('ask for the scope by naming the organization: the parameter implies it', async () => {
    const { access_token } = await tokens({ organization: acme.slug, scope: 'openid' });
    const { body } = await introspect(server, party, String(access_token));
    expect(String(body.scope).split(' ').sort()).toEqual(['openid', 'organization']);
  });

  it('are for the only one somebody belongs to, where the scope is asked for alone', async () => {
    person = await makePerson(server);
    const only = await makeOrganization(server, { members: [person] });
    const { id_token } = await tokens({});
    expect(decodeJwt(String(id_token))).toMatchObject(said(only));
  });

  it('are for none where somebody belongs to none, and the scope is not granted', async () => {
    person = await makePerson(server);
    const { id_token, access_token } = await tokens({});
    expect(decodeJwt(String(id_token))).not.toHaveProperty('org_id');
    expect((await introspect(server, party, String(access_token))).body.scope).toBe('openid email');
  });

  it('are for the one that is chosen of several, which is kept through the rest of the request', async () => {
    const browser = new Browser();
    const proof = pkce();
    let page = await signIn(browser, authorizationUrl(server, party, proof, { scope }), person.email);
    expect(page.html).toContain('id="organization-submit"');
    for (const { name } of [acme, other]) expect(page.html).toContain(name);
    page = await browser.submit(page, {});
    expect([page.status, page.html.includes('id="organization-submit"')]).toEqual([422, true]);
    page = await browser.submit(page, { organization: other.id });
    const { body } = await redeem(server, party, codeOf(page), proof);
    expect(decodeJwt(String(body.id_token))).toMatchObject(said(other));
  });

  it('are given to nobody who is not offered it: another id is no choice', async () => {
    const browser = new Browser();
    const foreign = await makeOrganization(server);
    const page = await signIn(browser, authorizationUrl(server, party, pkce(), { scope }), person.email);
    const answer = await browser.submit(page, { organization: foreign.id });
    expect([answer.status, answer.url.includes('code=')]).toEqual([422, false]);
  });

  it('need a choice, which cannot be made silently (prompt=none): interaction_required', async () => {
    const { browser } = await tokens({ scope: 'openid' });
    const page = await browser.open(authorizationUrl(server, party, pkce(), { scope, prompt: 'none' }));
    expect(errorOf(page)).toBe('interaction_required');
  });

  describe('are refused to whoever is no member, all alike', () => {
    const unknown = async () => 'unknown';
    const foreign = async () => (await makeOrganization(server)).slug;
    const suspended = async () => {
      await server.inside(async ({ organizations }) => organizations.suspend(await organizations.find(acme.id), 'x'));
      return acme.slug;
    };
    const left = async () => {
      await server.inside(async ({ organizations, memberships }) =>
        memberships.suspend(await organizations.find(acme.id), person.id, 'x'),
      );
      return acme.id;
    };
    const cases = { unknown, foreign, suspended, left };

    it.each(Object.keys(cases) as (keyof typeof cases)[])(
      '%s: a page, and access_denied for the client',
      async (name) => {
        const organization = await cases[name]();
        const browser = new Browser();
        const refused = await signIn(
          browser,
          authorizationUrl(server, party, pkce(), { scope, organization }),
          person.email,
        );
        expect(refused.status).toBe(200);
        expect(refused.html).toContain('You are not in this organization');
        expect(refused.html).toContain(person.email);
        expect(refused.html).not.toContain(organization);
        const back = await browser.submit(refused, { decision: 'deny' });
        expect(errorOf(back)).toBe('access_denied');
        const silent = await browser.open(
          authorizationUrl(server, party, pkce(), { scope, organization, prompt: 'none' }),
        );
        expect(errorOf(silent)).toBe('access_denied');
      },
    );

    it('another account may be used instead', async () => {
      const browser = new Browser();
      const friend = await makePerson(server);
      const theirs = await makeOrganization(server, { members: [friend] });
      const proof = pkce();
      const url = authorizationUrl(server, party, proof, { scope, organization: theirs.slug });
      const refused = await signIn(browser, url, person.email);
      let page = await browser.submit(refused, { decision: 'switch' });
      page = await browser.submit(page, { username: friend.email });
      page = await browser.submit(page, { username: friend.email, password: 'correct horse battery staple' });
      const { body } = await redeem(server, party, codeOf(page), proof);
      expect(decodeJwt(String(body.id_token))).toMatchObject({ sub: friend.id, ...said(theirs) });
    });
  });

  it('are refused to clients that are not registered for the scope: invalid_scope', async () => {
    const plain = await makeClient(server, { scope: 'openid email' });
    for (const more of [{ scope }, { organization: acme.slug }] as Record<string, string>[]) {
      const page = await new Browser().open(authorizationUrl(server, plain, pkce(), { scope: 'openid', ...more }));
      expect(errorOf(page)).toBe('invalid_scope');
    }
  });

  it.each(['Acme Trading', 'a/b', 'x'.repeat(64), '-a'])(
    'are not asked for by %s: invalid_request',
    async (organization) => {
      const page = await new Browser().open(authorizationUrl(server, party, pkce(), { scope, organization }));
      expect(errorOf(page)).toBe('invalid_request');
    },
  );

  it('are asked for by a pushed request as well (RFC 9126)', async () => {
    const proof = pkce();
    const form = Object.fromEntries(
      new URL(authorizationUrl(server, party, proof, { scope, organization: acme.slug })).searchParams,
    );
    const { body, status } = await post(server, '/par', party, form);
    expect(status).toBe(201);
    const url = `${server.issuer}/authorize?${new URLSearchParams({ client_id: party.clientId, request_uri: String(body.request_uri) })}`;
    const page = await signIn(new Browser(), url, person.email);
    const { body: answer } = await redeem(server, party, codeOf(page), proof);
    expect(decodeJwt(String(answer.id_token))).toMatchObject(said(acme));
  });

  it('of several stand side by side in one session, at one client', async () => {
    const first = await tokens({ organization: acme.slug });
    const second = await tokens({ organization: other.slug }, first.browser);
    const plain = await tokens({ scope: 'openid' }, first.browser);
    for (const { access_token } of [first, second, plain])
      expect((await introspect(server, party, String(access_token))).body.active).toBe(true);
    const again = await refresh(server, party, String(first.refresh_token));
    expect(decodeJwt(String(again.body.id_token))).toMatchObject(said(acme));
    expect((await userinfo(plain.access_token)).body).not.toHaveProperty('org_id');
    expect((await userinfo(second.access_token)).body).toMatchObject(said(other));
  });

  it('say what somebody is there at the time: each refresh reads it anew, and UserInfo asks', async () => {
    const { refresh_token, access_token } = await tokens({ organization: acme.slug });
    await server.inside(async ({ organizations, memberships }) =>
      memberships.change(await organizations.find(acme.id), person.id, { role: 'admin', permissions: ['trips:edit'] }),
    );
    const now = { roles: ['admin'], permissions: ['trips:edit'] };
    expect((await userinfo(access_token)).body).toMatchObject(now);
    const { body } = await refresh(server, party, String(refresh_token));
    expect(decodeJwt(String(body.id_token))).toMatchObject(now);
    expect((await introspect(server, party, String(body.access_token))).body).toMatchObject(now);
  });

  it('are refreshed for their own alone: another one is invalid_grant, and nothing is burnt', async () => {
    const { refresh_token } = await tokens({ organization: acme.slug });
    for (const organization of [other.slug, other.id, 'unknown']) {
      const { body, status } = await refresh(server, party, String(refresh_token), { organization });
      expect([status, body.error]).toEqual([400, 'invalid_grant']);
    }
    const first = await refresh(server, party, String(refresh_token), { organization: acme.slug });
    expect(decodeJwt(String(first.body.id_token))).toMatchObject(said(acme));
    // A lost answer comes again, for the same one only.
    const wrong = await refresh(server, party, String(refresh_token), { organization: other.slug });
    expect([wrong.status, wrong.body.error]).toEqual([400, 'invalid_grant']);
    const lost = await refresh(server, party, String(refresh_token), { organization: acme.slug });
    expect(lost.body).toEqual(first.body);
    expect((await refresh(server, party, String(first.body.refresh_token))).status).toBe(200);
    const plain = await tokens({ scope: 'openid' });
    const none = await refresh(server, party, String(plain.refresh_token), { organization: acme.slug });
    expect([none.status, none.body.error]).toEqual([400, 'invalid_grant']);
  });

  describe('end, every kind of them, and no other', () => {
    const ends = {
      'a suspended membership': async () =>
        server.inside(async ({ organizations, memberships }) => {
          await memberships.suspend(await organizations.find(acme.id), person.id, 'x');
        }),
      'a membership that is over': async () =>
        server.inside(async ({ organizations, memberships }) => {
          await memberships.remove(await organizations.find(acme.id), person.id);
        }),
      'a suspended organization': async () =>
        server.inside(async ({ organizations }) => {
          await organizations.suspend(await organizations.find(acme.id), 'x');
        }),
      'an organization that is deleted': async () =>
        server.inside(async ({ organizations }) => {
          await organizations.delete(await organizations.find(acme.id));
        }),
    };

    it.each(Object.keys(ends) as (keyof typeof ends)[])('with %s', async (name) => {
      const browser = new Browser();
      const opaque = await tokens({ organization: acme.slug }, browser);
      const jwt = await tokens({ organization: acme.slug, resource: api, scope: `${scope} trips:read` }, browser);
      const proof = pkce();
      const page = await signIn(
        browser,
        authorizationUrl(server, party, proof, { scope, organization: acme.slug }),
        person.email,
      );
      const theirs = await tokens({ organization: other.slug }, browser);
      const plain = await tokens({ scope: 'openid' }, browser);
      await ends[name]();
      const active = async (token: unknown) => (await introspect(server, party, String(token))).body.active;
      for (const token of [opaque.access_token, jwt.access_token, opaque.refresh_token])
        expect(await active(token)).toBe(false);
      expect((await userinfo(opaque.access_token)).status).toBe(401);
      for (const { body, status } of [
        await refresh(server, party, String(opaque.refresh_token)),
        await redeem(server, party, codeOf(page), proof),
      ])
        expect([status, body.error]).toEqual([400, 'invalid_grant']);
      for (const token of [theirs.access_token, theirs.refresh_token, plain.access_token, plain.refresh_token])
        expect(await active(token)).toBe(true);
      expect((await refresh(server, party, String(theirs.refresh_token))).status).toBe(200);
    });
  });

  it('are agreed to for one organization, and asked for again for another', async () => {
    const asking = await makeClient(server, { scope });
    const browser = new Browser();
    const consents: string[] = [];
    for (const organization of [acme, acme, other]) {
      let page = await browser.open(
        authorizationUrl(server, asking, pkce(), { scope, organization: organization.slug }),
      );
      if (page.html.includes('name="username"')) page = await browser.submit(page, { username: person.email });
      if (page.html.includes('name="password"'))
        page = await browser.submit(page, { username: person.email, password: 'correct horse battery staple' });
      if (page.html.includes('consent-allow')) {
        expect(page.html).toContain(organization.name);
        consents.push(organization.slug);
        page = await browser.submit(page, { decision: 'allow' });
      }
      codeOf(page);
    }
    expect(consents).toEqual([acme.slug, other.slug]);
  });

  it('tell a client silently nothing of who belongs where before it was agreed to (prompt=none)', async () => {
    const asking = await makeClient(server, { scope });
    const strict = await makeOrganization(server, { members: [person], policy: { acr: 'urn:ostiary:acr:mfa' } });
    const elsewhere = await makeOrganization(server, {
      members: [person],
      policy: { ip_allow_list: ['192.0.2.0/24'] },
    });
    const foreign = await makeOrganization(server);
    const { browser } = await tokens({ scope: 'openid' });
    const told = async (organization?: string) => {
      const more = { scope, prompt: 'none', ...(organization ? { organization } : {}) };
      const { searchParams } = new URL((await browser.open(authorizationUrl(server, asking, pkce(), more))).url);
      return searchParams.has('code') ? 'code' : [searchParams.get('error'), searchParams.get('error_description')];
    };
    const agree = async (organization: string) =>
      codeOf(await signIn(browser, authorizationUrl(server, asking, pkce(), { scope, organization }), person.email));
    const unknown = ['consent_required', 'requested scopes not granted'];
    const all = [acme.slug, acme.id, strict.slug, elsewhere.slug, foreign.slug, foreign.id, 'unknown', undefined];
    for (const one of all) expect([one, await told(one)]).toEqual([one, unknown]);

    await agree(acme.slug);
    expect(await told(acme.slug)).toBe('code');
    for (const one of all.slice(2, -1)) expect([one, await told(one)]).toEqual([one, unknown]);
    expect((await told())[0]).toBe('interaction_required');

    await changePolicy(server, acme, { acr: 'urn:ostiary:acr:mfa' });
    expect((await told(acme.slug))[0]).toBe('login_required');
    await server.inside(async ({ organizations, memberships }) =>
      memberships.remove(await organizations.find(acme.id), person.id),
    );
    for (const one of [acme.slug, undefined]) expect(await told(one)).toEqual(unknown);
  });

  it('are for the one that the page of consent showed, also where its slug is another’s by then', async () => {
    const asking = await makeClient(server, { scope });
    const browser = new Browser();
    const proof = pkce();
    let page = await browser.open(authorizationUrl(server, asking, proof, { scope, organization: acme.slug }));
    page = await browser.submit(page, { username: person.email });
    page = await browser.submit(page, { password });
    expect([page.html.includes(acme.name), page.html.includes('Other')]).toEqual([true, false]);
    await server.inside(async ({ organizations }) => {
      await organizations.update(await organizations.find(acme.id), { slug: `${acme.slug}-x` } as never);
      await organizations.update(await organizations.find(other.id), { slug: acme.slug } as never);
    });
    const shown = await browser.open(page.url);
    expect([shown.html.includes(acme.name), shown.html.includes('Other')]).toEqual([true, false]);
    const { body } = await redeem(server, asking, codeOf(await browser.submit(page, { decision: 'allow' })), proof);
    expect(decodeJwt(String(body.id_token)).org_id).toBe(acme.id);
    // A request that comes later means the other one, which is asked for anew.
    const later = await silently(server, asking, browser, { scope, organization: acme.slug });
    expect(later.get('error')).toBe('consent_required');
  });

  it('are agreed to anew by whoever left and came back, also where they had signed out before', async () => {
    const asking = await makeClient(server, { scope });
    const consent = async () => {
      const browser = new Browser();
      let page = await browser.open(authorizationUrl(server, asking, pkce(), { scope, organization: acme.slug }));
      page = await browser.submit(page, { username: person.email });
      page = await browser.submit(page, { password });
      const asked = page.html.includes('consent-allow');
      codeOf(asked ? await browser.submit(page, { decision: 'allow' }) : page);
      return asked;
    };
    expect([await consent(), await consent()]).toEqual([true, false]);
    await server.inside(({ protocol }) => protocol.sessions.endAll(person.id, 'logout'));
    expect(await consent()).toBe(false);
    await server.inside(({ protocol }) => protocol.sessions.endAll(person.id, 'logout'));
    await server.inside(async ({ organizations, memberships }) => {
      const organization = await organizations.find(acme.id);
      await memberships.remove(organization, person.id);
      await memberships.add(organization, { user_id: person.id } as never, { kind: 'added' });
    });
    expect(await consent()).toBe(true);
  });

  it('are published: the scope and the claims (OpenID Connect Discovery §3)', async () => {
    const answer = await fetch(`${server.issuer}/.well-known/openid-configuration`);
    const { scopes_supported, claims_supported } = (await answer.json()) as Record<string, string[]>;
    expect(scopes_supported).toContain('organization');
    expect(claims_supported).toEqual(expect.arrayContaining(none));
  });
});
