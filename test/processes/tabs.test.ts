import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser, type Page, readForm } from '../support/browser.js';
import {
  administrator,
  cookiesOf,
  crowd,
  isActive,
  type Manage,
  type Pair,
  redeemForm,
  rowsOf,
  send,
  silently,
  startPair,
  whileHeld,
} from '../support/pair.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  type Pkce,
  password,
  pkce,
  signIn,
  tokensFor,
} from '../support/party.js';

const rounds = 12;

describe('two tabs of one browser, at two processes at once', () => {
  let house: Pair;
  let manage: Manage;
  let first: Party;
  let second: Party;

  beforeAll(async () => {
    house = await startPair();
    manage = await administrator(house);
    first = await makeClient(house.server, { consent_policy: 'implicit' });
    second = await makeClient(house.server);
  }, 180_000);
  afterAll(() => house?.close());

  interface Tab {
    party: Party;
    proof: Pkce;
    url: string;
  }

  function tab(party: Party, more: Record<string, string> = {}): Tab {
    const proof = pkce();
    return { party, proof, url: authorizationUrl(house.server, party, proof, more) };
  }

  async function expectTokens(tabs: Tab[], pages: Page[]): Promise<void> {
    for (const [index, { party, proof }] of tabs.entries()) {
      const code = codeOf(pages[index] as Page);
      const { status, body } = await send(house, index, '/token', party, redeemForm(party, code, proof));
      expect(status).toBe(200);
      expect(await isActive(house, party, body.access_token, index + 1)).toBe(true);
    }
  }

  it('both sign in, to two clients, and both get codes that buy tokens (OpenID Connect Core §3.1.2)', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { email } = await makePerson(house.server);
      const browser = new Browser();
      const tabs = [tab(first), tab(second)];
      const pages = await Promise.all(tabs.map(({ url }) => signIn(browser, url, email)));
      await expectTokens(tabs, pages);
      expect((await silently(house, round, first, cookiesOf(browser))).error).toBeUndefined();
    }
  }, 180_000);

  it('both sign in again, and both get codes that buy tokens (prompt=login, OpenID Connect Core §3.1.2.1)', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { email } = await makePerson(house.server);
      const { browser } = await tokensFor(house.server, first, email);
      const tabs = [tab(first, { prompt: 'login' }), tab(second, { prompt: 'login' })];
      const pages = await Promise.all(tabs.map(({ url }) => signIn(browser, url, email)));
      await expectTokens(tabs, pages);
      expect((await silently(house, round, first, cookiesOf(browser))).error).toBeUndefined();
    }
  }, 180_000);

  it('both sign in again, and the later one comes with the cookie that the other has retired', async () => {
    const { email, id } = await makePerson(house.server);
    const { browser } = await tokensFor(house.server, first, email);
    // A minute ago: two sign-ins within one second would be told apart by nothing (auth_time is a NumericDate).
    await rowsOf(
      house,
      `UPDATE sessions SET login_ts = login_ts - 60, payload = payload || jsonb_build_object('loginTs', login_ts - 60)
        WHERE account_id = $1`,
      id,
    );
    const late = new Browser();
    for (const [key, cookie] of browser.cookies) late.cookies.set(key, cookie);
    const tabs = [tab(first, { prompt: 'login' }), tab(second, { prompt: 'login' })];
    const [one, other] = tabs as [Tab, Tab];
    // The password is right and the tab is on its way back to the authorization request.
    const asked = await late.open(other.url);
    const named = asked.html.includes('name="password"') ? asked : await late.submit(asked, { username: email });
    const { action, values } = readForm(named);
    const body = new URLSearchParams([...values.filter(([name]) => name !== 'password'), ['password', password]]);
    const sent = await late.request(action, { method: 'POST', body, headers: { origin: house.issuer } });
    const back = await late.request(new URL(String(sent.headers.get('location')), action).href);
    const resume = new URL(String(back.headers.get('location')), action);
    expect(resume.pathname).toMatch(/^\/authorize\//);
    const pages = [await signIn(browser, one.url, email), await signIn(late, resume.href, email)];
    await expectTokens(tabs, pages);
  });

  it('all get codes at a client they are at for the first time, silently (prompt=none)', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { email, id } = await makePerson(house.server);
      const { browser } = await tokensFor(house.server, second, email);
      // The first has given the grant and waits to record it, the others come meanwhile.
      const answers = await whileHeld(house, ['LOCK TABLE audit_events IN EXCLUSIVE MODE'], 6, () =>
        crowd(6, (index) => silently(house, index, first, cookiesOf(browser))),
      );
      expect(answers.map(({ error }) => error)).toEqual(answers.map(() => undefined));
      for (const [index, { code, proof }] of answers.entries()) {
        const { status, body } = await send(house, index, '/token', first, redeemForm(first, String(code), proof));
        expect(status).toBe(200);
        expect(await isActive(house, first, body.access_token, index + 1)).toBe(true);
      }
      const grants = await rowsOf(
        house,
        'SELECT 1 FROM grants WHERE account_id = $1 AND client_id = $2 AND ended_at IS NULL',
        id,
        first.clientId,
      );
      expect(grants).toHaveLength(1);
    }
  }, 180_000);

  it('all get codes in a new session at a client that was agreed to in an older one, silently', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { email, id } = await makePerson(house.server);
      await tokensFor(house.server, second, email);
      const { browser } = await tokensFor(house.server, first, email);
      // All have looked for the session's grant and found none.
      const lock: [string, string] = ['SELECT 1 FROM sessions WHERE account_id = $1 FOR UPDATE', id];
      const answers = await whileHeld(house, lock, 6, () =>
        crowd(6, (index) => silently(house, index, second, cookiesOf(browser))),
      );
      expect(answers.map(({ error }) => error)).toEqual(answers.map(() => undefined));
    }
  }, 180_000);

  it('the session remembers both clients when both had read it before either was in it', async () => {
    const third = await makeClient(house.server, { consent_policy: 'implicit' });
    const fourth = await makeClient(house.server, { consent_policy: 'implicit' });
    const { email, id } = await makePerson(house.server);
    const { browser } = await tokensFor(house.server, first, email);
    const lock: [string, string] = ['SELECT 1 FROM sessions WHERE account_id = $1 FOR UPDATE', id];
    const answers = await whileHeld(house, lock, 2, () =>
      crowd(2, (index) => silently(house, index, index === 0 ? third : fourth, cookiesOf(browser))),
    );
    expect(answers.map(({ error }) => error)).toEqual([undefined, undefined]);
    const { body } = await manage(0, 'GET', `/sessions?user_id=${id}`);
    const [session] = body.items as unknown as { id: string; clients: string[] }[];
    expect(session?.clients.sort()).toEqual([first, third, fourth].map(({ clientId }) => clientId).sort());

    // And so it ends at all of them.
    await manage(1, 'DELETE', `/sessions/${session?.id}`);
    const live = await rowsOf(house, 'SELECT client_id FROM grants WHERE account_id = $1 AND ended_at IS NULL', id);
    expect(live).toEqual([]);
  });
});
