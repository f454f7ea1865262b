import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { Browser, type Page } from '../support/browser.js';
import { baseOf, csrfOf, giveNameAndPassword, nameOf, resumeOf, send, silently } from '../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  post,
  refresh,
  signIn,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const api = 'https://api.trips.example';

describe('what a person allows a client (OpenID Connect Core §3.1.2.4)', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    await server.inside(({ resources }) =>
      resources.create({
        identifier: api,
        name: 'Trips',
        scopes: [
          { name: 'trips:read', description: 'See your trips' },
          { name: 'trips:write', description: 'Change your trips', optional: true },
        ],
      }),
    );
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    party = await makeClient(server);
    person = await makePerson(server);
    browser = new Browser();
  });

  const begin = (more: Record<string, string> = {}, proof = pkce()) =>
    browser.open(authorizationUrl(server, party, proof, more));
  /** To the consent page, or past it where nobody is asked. */
  const atConsent = async (more: Record<string, string> = {}, proof = pkce()) => {
    const page = await begin(more, proof);
    return nameOf(page) === 'identifier' ? giveNameAndPassword(browser, page, person.email) : page;
  };
  /** @param scope of the resource `api`, ticked. */
  const allow = (page: Page, scope: string[] = []) =>
    browser.submit(page, {
      decision: 'allow',
      ...(scope.length > 0 ? { scope: scope.map((name) => `${name} ${api}`) } : {}),
    });
  const listed = ({ html }: Page) =>
    [...html.matchAll(/<li>([\s\S]*?)<\/li>/g)].map(([, item]) => (item ?? '').replace(/<[^>]*>|\s+/g, ' ').trim());
  const endSessions = () => server.inside(({ protocol }) => protocol.sessions.endAll(person.id, 'logout'));
  const tokens = async (more: Record<string, string>, tick: string[] = [], at: Record<string, string> = {}) => {
    const proof = pkce();
    const page = await atConsent(more, proof);
    const end = nameOf(page) === 'consent' ? await allow(page, tick) : page;
    const answer = await post(server, '/token', party, {
      grant_type: 'authorization_code',
      code: codeOf(end),
      redirect_uri: party.redirectUri,
      code_verifier: proof.verifier,
      ...at,
    });
    expect(answer.status).toBe(200);
    return answer.body;
  };
  const words = (scope: unknown) => String(scope).split(' ').sort();

  it('is asked once, and remembered across sessions after signing out', async () => {
    codeOf(await allow(await atConsent()));
    codeOf(await begin());
    await endSessions();
    browser = new Browser();
    codeOf(await atConsent());
  });

  it('says what a token that may see users tells of whoever agrees to it', async () => {
    party = await makeClient(server, { scope: 'openid users:read' });
    const page = await atConsent({ resource: `${server.issuer}/api`, scope: 'openid users:read' });
    expect(listed(page).join()).toContain('who you are: your profile, e-mail address and second factors');
  });

  it('is asked again after it was revoked through the API, in this session and the next', async () => {
    codeOf(await allow(await atConsent()));
    await endSessions();
    browser = new Browser();
    codeOf(await atConsent());
    const token = await tokenWith(server, 'grants:read grants:write');
    const { body } = await ask(server, token, 'get', `/grants?user_id=${person.id}`);
    const items = body.items as { id: string; client_id: string; scope: string }[];
    expect(items).toEqual([expect.objectContaining({ client_id: party.clientId, scope: 'openid profile email' })]);
    expect((await ask(server, token, 'delete', `/grants/${items[0]?.id}`)).status).toBe(204);
    expect((await silently(server, party, browser)).get('error')).toBe('consent_required');
    await endSessions();
    browser = new Browser();
    expect(nameOf(await atConsent())).toBe('consent');
  });

  it('is not asked for the house’s own clients (consent_policy implicit)', async () => {
    party = await makeClient(server, { consent_policy: 'implicit' });
    const { scope } = await tokens({ resource: api, scope: 'openid email trips:read' }, [], { resource: api });
    expect(words(scope)).toEqual(['trips:read']);
    expect(nameOf(await begin({ prompt: 'consent' }))).toBe('consent');
  });

  it('is always asked by a client that registered itself: no row says otherwise', async () => {
    const become = (columns: string) =>
      server.inside(({ db }) =>
        db.manager.query(`UPDATE clients SET ${columns} WHERE client_id = $1`, [party.clientId]),
      );
    await expect(become(`dynamic = true, consent_policy = 'implicit'`)).rejects.toThrow('clients_dynamic_check');
    await become('dynamic = true');
    const page = await atConsent();
    expect(nameOf(page)).toBe('consent');
    expect(page.html).toContain('class="note"');
    const token = await tokenWith(server, 'clients:write');
    const change = await ask(server, token, 'patch', `/clients/${party.clientId}`, { consent_policy: 'implicit' });
    expect(change.status).toBe(409);
  });

  it('is asked each time for a native client (RFC 8252 §8.6), unless it is the house’s own', async () => {
    const native = {
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['com.example.trips:/cb'],
    };
    party = { ...(await makeClient(server, native)), redirectUri: 'com.example.trips:/cb' };
    const first = await browser.open(authorizationUrl(server, party, pkce()));
    const page = await giveNameAndPassword(browser, first, person.email);
    expect(nameOf(page)).toBe('consent');
    expect(String(page.headers.get('content-security-policy'))).toMatch(/form-action 'self' com\.example\.trips:(;|$)/);
    codeOf(await allow(page));
    expect(nameOf(await begin())).toBe('consent');
    expect((await silently(server, party, browser)).get('error')).toBe('interaction_required');
    party = {
      ...(await makeClient(server, { ...native, consent_policy: 'implicit' })),
      redirectUri: party.redirectUri,
    };
    codeOf(await begin());
    codeOf(await begin());
  });

  it('marks what is new, and asks for nothing that was allowed', async () => {
    codeOf(await allow(await atConsent({ scope: 'openid profile' })));
    const page = await begin({ scope: 'openid profile email' });
    const marked = listed(page).filter((line) => /\bNew\b/i.test(line));
    expect(listed(page)).toHaveLength(2);
    expect(marked).toHaveLength(1);
    expect(marked[0]).toMatch(/e-mail/i);
    codeOf(await allow(page));
    codeOf(await begin({ scope: 'openid profile' }));
    codeOf(await begin({ scope: 'openid email' }));
  });

  it('changes nothing when the person says no', async () => {
    codeOf(await allow(await atConsent({ scope: 'openid profile' })));
    const denied = await browser.submit(await begin({ scope: 'openid profile email' }), { decision: 'deny' });
    expect(new URL(denied.url).searchParams.get('error')).toBe('access_denied');
    codeOf(await begin({ scope: 'openid profile' }));
    expect(nameOf(await begin({ scope: 'openid profile email' }))).toBe('consent');
  });

  it('needs a decision: neither allow nor deny is none', async () => {
    const page = await atConsent();
    for (const decision of ['', 'ALLOW', 'yes'])
      expect(nameOf(await browser.submit(page, { decision }))).toBe('consent');
  });

  describe('resources (RFC 8707)', () => {
    const wanted = { resource: api, scope: 'openid trips:read trips:write' };

    it('shows each scope in its own words, with those that can be left out unticked', async () => {
      const page = await atConsent(wanted);
      expect(listed(page)).toEqual([
        expect.stringContaining('See your trips'),
        expect.stringContaining('Change your trips'),
      ]);
      expect(page.html.match(/type="checkbox"[^>]*/g)).toEqual([expect.not.stringContaining('checked')]);
    });

    it('what is not ticked is not granted, and not asked again', async () => {
      const { scope } = await tokens(wanted, [], { resource: api });
      expect(words(scope)).toEqual(['trips:read']);
      codeOf(await begin(wanted));
      expect(words((await tokens({ ...wanted, prompt: 'consent' }, ['trips:write'], { resource: api })).scope)).toEqual(
        ['trips:read', 'trips:write'],
      );
    });

    it('what is ticked but was not asked for is not granted', async () => {
      const { scope } = await tokens(
        { resource: api, scope: 'openid trips:read' },
        ['trips:write', 'clients:write', 'email'],
        {
          resource: api,
        },
      );
      expect(words(scope)).toEqual(['trips:read']);
      expect(nameOf(await begin(wanted))).toBe('consent');
    });

    it('a resource nobody knows is refused, and one not asked for gets no token', async () => {
      const refused = await begin({ resource: 'https://unknown.example' });
      expect(new URL(refused.url).searchParams.get('error')).toBe('invalid_target');
      const proof = pkce();
      const page = await atConsent({}, proof);
      const answer = await post(server, '/token', party, {
        grant_type: 'authorization_code',
        code: codeOf(await allow(page)),
        redirect_uri: party.redirectUri,
        code_verifier: proof.verifier,
        resource: api,
      });
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_target']);
    });

    it('nobody can agree to more than the client was given', async () => {
      party = await makeClient(server, { scope: 'openid trips:read' });
      const page = await atConsent(wanted);
      expect(listed(page)).toEqual([expect.stringContaining('See your trips')]);
      expect(words((await tokens(wanted, ['trips:write'], { resource: api })).scope)).toEqual(['trips:read']);
    });
  });

  describe('scopes never widen', () => {
    it('at a refresh (RFC 6749 §6)', async () => {
      const { refresh_token } = await tokens({ scope: 'openid email' });
      const wider = await refresh(server, party, String(refresh_token), { scope: 'openid email profile' });
      expect([wider.status, wider.body.error]).toEqual([400, 'invalid_scope']);
      const narrower = await refresh(server, party, String(refresh_token), { scope: 'openid' });
      expect([narrower.status, narrower.body.scope]).toEqual([200, 'openid']);
    });

    it('at a refresh for a resource', async () => {
      const { refresh_token } = await tokens({ resource: api, scope: 'openid trips:read trips:write' }, [], {
        resource: api,
      });
      const next = await refresh(server, party, String(refresh_token), { resource: api });
      expect([next.status, words(next.body.scope)]).toEqual([200, ['trips:read']]);
      const wider = await refresh(server, party, String(next.body.refresh_token), {
        resource: api,
        scope: 'trips:read trips:write',
      });
      expect([wider.status, wider.body.error]).toEqual([400, 'invalid_scope']);
      const other = await refresh(server, party, String(next.body.refresh_token), { resource: `${server.issuer}/api` });
      expect(other.status).toBe(400);
    });

    it('with client credentials: only what the registration lists (RFC 6749 §4.4)', async () => {
      const machine = (scope?: string) =>
        makeClient(server, {
          grant_types: ['client_credentials'],
          response_types: [],
          redirect_uris: [],
          ...(scope ? { scope } : {}),
        });
      const get = async (client: Party, scope: string, resource = api) => {
        const { status, body } = await post(server, '/token', client, {
          grant_type: 'client_credentials',
          scope,
          resource,
        });
        return { status, scope: body.scope };
      };
      expect(await get(await machine('trips:read'), 'trips:read')).toEqual({ status: 200, scope: 'trips:read' });
      expect((await get(await machine('trips:read'), 'trips:read trips:write')).scope ?? '').not.toContain('write');
      expect((await get(await machine(), 'trips:read')).scope ?? '').toBe('');
      expect((await get(await machine(), 'users:write', `${server.issuer}/api`)).scope ?? '').toBe('');
      expect((await get(await machine('trips:read'), 'users:write', `${server.issuer}/api`)).scope ?? '').toBe('');
    });

    it('through a person: the server’s own API gives a client what its registration lists', async () => {
      const own = `${server.issuer}/api`;
      const { scope } = await tokens({ resource: own, scope: 'openid users:write' }, ['users:write'], {
        resource: own,
      });
      expect(scope ?? '').not.toContain('users:write');
    });
  });

  it('belongs to one person: another in the same browser is asked', async () => {
    codeOf(await allow(await atConsent()));
    const other = await makePerson(server, `other-${randomBytes(4).toString('hex')}@example.com`);
    const page = await giveNameAndPassword(browser, await begin({ prompt: 'login' }), other.email);
    expect(nameOf(page)).toBe('consent');
    expect(page.html).toContain(other.email);
    codeOf(await signIn(browser, authorizationUrl(server, party, pkce()), other.email));
  });

  describe('that was still open when the session ended begins no other one (OWASP ASVS 5.0 V7.4.1)', () => {
    const live = async (): Promise<string[]> => {
      const sql = 'SELECT uid FROM sessions WHERE account_id = $1 AND ended_at IS NULL';
      const rows = await server.services.db.manager.query(sql, [person.id]);
      return rows.map(({ uid }: { uid: string }) => uid);
    };
    const end = async () => {
      const [uid = ''] = await live();
      await server.inside(({ protocol }) => protocol.sessions.endOwn(person.id, uid, 'revoked'));
      expect(await live()).toEqual([]);
    };

    it('though it was answered', async () => {
      const page = await atConsent();
      const allowed = { csrf: csrfOf(page), decision: 'allow' };
      expect((await send(browser, `${baseOf(page)}/consent`, allowed)).status).toBe(303);
      await end();
      expect((await browser.open(resumeOf(page))).status).toBe(400);
      expect(await live()).toEqual([]);
    });

    it('though there was nothing to answer', async () => {
      const own = new URLSearchParams({
        client_id: 'ostiary-account',
        response_type: 'none',
        redirect_uri: `${server.issuer}/account/signed-in`,
        scope: 'openid',
        prompt: 'login consent',
      });
      const named = await browser.submit(await browser.open(`${server.issuer}/authorize?${own}`), {
        username: person.email,
      });
      const answer = await send(browser, `${baseOf(named)}/login`, { csrf: csrfOf(named), password });
      expect(answer.status).toBe(303);
      const finished = await browser.request(baseOf(named));
      const resumed = await browser.request(new URL(String(finished.headers.get('location')), server.issuer).href);
      const next = String(resumed.headers.get('location'));
      expect([resumed.status, next]).toEqual([303, expect.stringContaining('/interaction/')]);
      await end();
      expect((await browser.open(new URL(next, server.issuer).href)).status).toBe(400);
      expect(await live()).toEqual([]);
    });
  });
});
