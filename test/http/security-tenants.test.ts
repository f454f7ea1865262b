import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withContext } from '../../src/platform/context.js';
import { api, makeMachine } from '../support/attack.js';
import { Browser } from '../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  post,
  redeem,
  refresh,
  signIn,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('what belongs to one tenant is nothing in another on the same host', () => {
  let server: TestServer;
  let there: { issuer: string };
  let party: Party;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    there = { issuer: `${server.issuer}/t/acme` };
    const metadata = {
      client_name: 'Shared',
      redirect_uris: ['https://rp.example/cb'],
      grant_types: ['authorization_code', 'refresh_token'],
      consent_policy: 'implicit',
    };
    const made = { clientId: 'shared', secret: 'shared-secret-shared-secret-shared-1' };
    party = { clientId: made.clientId, clientSecret: made.secret, redirectUri: 'https://rp.example/cb' };
    ({ email } = await makePerson(server));
    await server.inside(async ({ tenants, clients, users, passwords }) => {
      await clients.create(metadata as never, made);
      const tenant = await tenants.create({ slug: 'acme', name: 'Acme' });
      // The same client_id, secret, address and password: only the tenant tells them apart.
      await withContext({ tenantId: tenant.id }, async () => {
        await clients.create(metadata as never, made);
        const user = await users.create({ email, email_verified: true });
        await passwords.set(user, password);
      });
    });
  }, 60_000);
  afterAll(() => server?.close());

  const start = (at: { issuer: string }, more = {}) => authorizationUrl({ ...server, ...at }, party, pkce(), more);

  it.each(['here', 'there'] as const)('codes and tokens of the one that is %s', async (where) => {
    const [own, foreign] = where === 'here' ? [server, there] : [there, server];
    const proof = pkce();
    const page = await signIn(new Browser(), authorizationUrl({ ...server, ...own }, party, proof), email);
    const code = codeOf(page);
    expect((await redeem(foreign, party, code, proof)).body.error).toBe('invalid_grant');
    const { body } = await redeem(own, party, code, proof);
    const [access, refreshing] = [String(body.access_token), String(body.refresh_token)];
    const userinfo = (at: { issuer: string }) =>
      fetch(`${at.issuer}/userinfo`, { headers: { authorization: `Bearer ${access}` } });
    expect([(await userinfo(own)).status, (await userinfo(foreign)).status]).toEqual([200, 401]);
    for (const token of [access, refreshing]) {
      expect((await post(foreign, '/introspect', party, { token })).body).toEqual({ active: false });
      await post(foreign, '/revoke', party, { token });
      expect((await post(own, '/introspect', party, { token })).body.active).toBe(true);
    }
    expect((await refresh(foreign, party, refreshing)).body.error).toBe('invalid_grant');
    expect((await refresh(own, party, refreshing)).status).toBe(200);
  });

  it('sessions: signed in at one, nobody at the other, whatever the cookies are called', async () => {
    const browser = new Browser();
    await signIn(browser, start(server), email);
    const silent = await browser.open(start(there, { prompt: 'none' }));
    expect(new URL(silent.url).searchParams.get('error')).toBe('login_required');
    const cookie = [...browser.cookies.values()]
      .filter(({ name }) => name.startsWith('ostiary_default'))
      .map(({ name, value }) => `${name.replace('ostiary_default', 'ostiary_acme')}=${value}`)
      .join('; ');
    const forged = await fetch(start(there, { prompt: 'none' }), { headers: { cookie }, redirect: 'manual' });
    expect(forged.headers.get('location')).toContain('error=login_required');
    await signIn(browser, start(there), email);
    const still = await browser.open(start(server, { prompt: 'none' }));
    expect(codeOf(still)).toBeTruthy();
  });

  it('sign-ins in progress', async () => {
    const browser = new Browser();
    const page = await browser.open(start(server));
    const uid = /\/interaction\/([^/?]+)/.exec(page.url)?.[1];
    const cookie = [...browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');
    for (const path of [`/interaction/${uid}`, `/authorize/${uid}`]) {
      const answer = await fetch(there.issuer + path, { headers: { cookie, accept: 'text/html' }, redirect: 'manual' });
      expect(answer.status).toBe(400);
    }
  });

  it('the management API', async () => {
    const { token } = await makeMachine(server, 'users:read clients:write');
    expect((await api(server, token, 'GET', '/users')).status).toBe(200);
    expect((await api(there, token, 'GET', '/users')).status).toBe(401);
    const machine = await makeMachine(server, 'users:read');
    const ask = await post(server, '/token', machine, {
      grant_type: 'client_credentials',
      resource: `${there.issuer}/api`,
      scope: 'users:read',
    });
    expect(ask.body.error).toBe('invalid_target');
  });

  it('links to set a password', async () => {
    const user = await server.inside(({ users }) => users.findByEmail(email));
    const token = await server.inside(({ oneTimeTokens }) =>
      oneTimeTokens.issue('password_reset', String(user?.id), { data: { email: String(user?.emailNormalized) } }),
    );
    expect((await fetch(`${there.issuer}/password?token=${token}`)).status).toBe(400);
    expect((await fetch(`${server.issuer}/password?token=${token}`)).status).toBe(200);
  });
});

describe('several accounts in one browser', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  }, 60_000);
  afterAll(() => server?.close());

  it('another account is reached only with a session of it that this browser holds and that is alive', async () => {
    const party = await makeClient(server, { consent_policy: 'implicit' });
    const start = (more = {}) => authorizationUrl(server, party, pkce(), more);
    const [first, second, victim] = [await makePerson(server), await makePerson(server), await makePerson(server)];
    const away = new Browser();
    await signIn(away, start(), victim.email);
    const browser = new Browser();
    await signIn(browser, start(), first.email);
    const sessions = await server.inside(({ db }) => db.manager.query('SELECT uid, account_id FROM sessions'));
    const uidOf = (id: string) => sessions.find((row: { account_id: string }) => row.account_id === id)?.uid;

    let page = await browser.open(start({ prompt: 'select_account' }));
    const tried = await browser.submit(page, { account: String(uidOf(victim.id)) });
    expect(tried.url).not.toContain('code=');
    expect(tried.html).toContain('name="account"');

    page = await browser.submit(page, { account: 'other' });
    page = await browser.submit(page, { username: second.email });
    page = await browser.submit(page, { password });
    expect(codeOf(page)).toBeTruthy();

    await server.inside(({ protocol }) => protocol.sessions.endAll(first.id, 'logout'));
    page = await browser.open(start({ prompt: 'select_account' }));
    expect(page.html).not.toContain(first.email);
    const dead = await browser.submit(page, { account: String(uidOf(first.id)) });
    expect(dead.url).not.toContain('code=');
  });

  it('choosing an account does not answer prompt=login or max_age', async () => {
    const party = await makeClient(server, { consent_policy: 'implicit' });
    const start = (more = {}) => authorizationUrl(server, party, pkce(), more);
    const user = await makePerson(server);
    const browser = new Browser();
    await signIn(browser, start(), user.email);
    const page = await browser.open(start({ prompt: 'select_account login' }));
    const account = /name="account" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const next = await browser.submit(page, { account });
    expect(next.url).not.toContain('code=');
    expect(next.html).toMatch(/name="(username|password)"/);
  });

  it('wanting another account ends nothing until somebody has signed in', async () => {
    const party = await makeClient(server, { consent_policy: 'implicit' });
    const start = (more = {}) => authorizationUrl(server, party, pkce(), more);
    const user = await makePerson(server);
    const browser = new Browser();
    await signIn(browser, start(), user.email);
    const page = await browser.open(start({ prompt: 'select_account' }));
    await browser.submit(page, { account: 'other' });
    const silent = await browser.open(start({ prompt: 'none' }));
    expect(codeOf(silent)).toBeTruthy();
  });
});
