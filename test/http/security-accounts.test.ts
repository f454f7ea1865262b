import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { authorizationUrl, codeOf, makeClient, makePerson, password, pkce, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('several accounts in one browser', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
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
