import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser, type Page } from '../support/browser.js';
import {
  baseOf,
  csrfOf,
  errorTitles,
  giveNameAndPassword,
  isSignedIn,
  nameOf,
  send,
  titleOf,
} from '../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  redeem,
  signIn,
} from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';

describe('several accounts in one browser (prompt=select_account, OpenID Connect Core §3.1.2.1)', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let maria: { id: string; email: string };
  let paul: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    [maria, paul] = [await makePerson(server), await makePerson(server)];
    await signIn(browser, authorizationUrl(server, party, pkce()), maria.email);
  });

  const begin = (more: Record<string, string> = {}, who = browser) =>
    who.open(authorizationUrl(server, party, pkce(), more));
  const choose = () => begin({ prompt: 'select_account' });
  const useAnother = async (email: string) =>
    giveNameAndPassword(browser, await browser.submit(await choose(), { account: 'other' }), email);
  const offered = ({ html }: Page) =>
    Object.fromEntries(
      [...html.matchAll(/name="account" value="([^"]+)"[^>]*>([\s\S]*?)<\/button>/g)]
        .filter(([, id]) => id !== 'other')
        .map(([, id, words]) => [/[\w.-]+@[\w.-]+/.exec(words ?? '')?.[0], id]),
    ) as Record<string, string>;
  const whoIsIt = async () => {
    const proof = pkce();
    const page = await browser.open(authorizationUrl(server, party, proof, { prompt: 'none' }));
    const { body } = await redeem(server, party, codeOf(page), proof);
    return { sub: decodeJwt(String(body.id_token)).sub, accessToken: String(body.access_token) };
  };

  it('offers who is signed in, and goes on as whoever is chosen', async () => {
    const page = await choose();
    expect(nameOf(page)).toBe('select_account');
    expect(Object.keys(offered(page))).toEqual([maria.email]);
    codeOf(await browser.submit(page, { account: String(offered(page)[maria.email]) }));
    expect((await whoIsIt()).sub).toBe(maria.id);
  });

  it('goes on as whoever is chosen, and signs nobody out, also after somebody else has just signed in (prompt=create select_account)', async () => {
    await setPolicy(server, { registration: 'open' });
    const making = await begin({ prompt: 'create select_account' });
    const asked = await browser.open(`${baseOf(making)}?with=login`);
    const page = await giveNameAndPassword(browser, asked, paul.email);
    expect(nameOf(page)).toBe('select_account');
    codeOf(await browser.submit(page, { account: String(offered(page)[maria.email]) }));
    expect((await whoIsIt()).sub).toBe(maria.id);
    expect(Object.keys(offered(await choose())).sort()).toEqual([maria.email, paul.email].sort());
    await setPolicy(server, {});
  });

  it('lets another person sign in beside, and either go on later without a password', async () => {
    const before = await whoIsIt();
    codeOf(await useAnother(paul.email));
    expect((await whoIsIt()).sub).toBe(paul.id);
    const page = await choose();
    expect(Object.keys(offered(page)).sort()).toEqual([maria.email, paul.email].sort());
    expect((await introspect(server, party, before.accessToken)).body.active).toBe(true);
    codeOf(await browser.submit(page, { account: String(offered(page)[maria.email]) }));
    expect((await whoIsIt()).sub).toBe(maria.id);
    const back = await choose();
    codeOf(await browser.submit(back, { account: String(offered(back)[paul.email]) }));
    expect((await whoIsIt()).sub).toBe(paul.id);
  });

  it('offers nobody whose session has ended', async () => {
    await useAnother(paul.email);
    await server.inside(({ protocol }) => protocol.sessions.endAll(maria.id, 'revoked'));
    expect(Object.keys(offered(await choose()))).toEqual([paul.email]);
  });

  it('does not go on as somebody whose session ended while the page was open', async () => {
    await useAnother(paul.email);
    const page = await choose();
    await server.inside(({ protocol }) => protocol.sessions.endAll(maria.id, 'revoked'));
    const answer = await browser.submit(page, { account: String(offered(page)[maria.email]) });
    expect(nameOf(answer)).toBe('select_account');
    expect((await whoIsIt()).sub).toBe(paul.id);
  });

  it('offers nobody who is disabled', async () => {
    await useAnother(paul.email);
    await server.inside(async ({ users }) => users.disable(await users.find(maria.id)));
    expect(Object.keys(offered(await choose()))).toEqual([paul.email]);
  });

  it('chooses no session that is not of this browser, whatever is sent', async () => {
    const stranger = new Browser();
    await signIn(stranger, authorizationUrl(server, party, pkce()), paul.email);
    const [session] = (await server.inside(({ db }) =>
      db.manager.query('SELECT uid FROM sessions WHERE account_id = $1', [paul.id]),
    )) as { uid: string }[];
    const page = await choose();
    for (const account of [String(session?.uid), 'nonsense', '', '__proto__', paul.id]) {
      expect(nameOf(await browser.submit(page, { account }))).toBe('select_account');
      expect((await whoIsIt()).sub).toBe(maria.id);
    }
  });

  it('prompt=login as another person sets the first aside and ends nothing', async () => {
    const before = await whoIsIt();
    codeOf(await giveNameAndPassword(browser, await begin({ prompt: 'login' }), paul.email));
    expect((await whoIsIt()).sub).toBe(paul.id);
    expect((await introspect(server, party, before.accessToken)).body.active).toBe(true);
    expect(Object.keys(offered(await choose())).sort()).toEqual([maria.email, paul.email].sort());
  });

  it('giving up after "use another account" keeps the first within reach', async () => {
    const page = await browser.submit(await choose(), { account: 'other' });
    expect(nameOf(page)).toBe('identifier');
    expect(page.html).not.toContain(maria.email);
    const again = await choose();
    expect(Object.keys(offered(again))).toEqual([maria.email]);
    codeOf(await browser.submit(again, { account: String(offered(again)[maria.email]) }));
    expect((await whoIsIt()).sub).toBe(maria.id);
  });

  it('signing out ends the current one only', async () => {
    const first = await whoIsIt();
    await useAnother(paul.email);
    const second = await whoIsIt();
    await browser.submit(await browser.open(`${server.issuer}/logout`), { logout: 'yes' });
    expect(await isSignedIn(server, party, browser)).toBe(false);
    expect((await introspect(server, party, second.accessToken)).body.active).toBe(false);
    expect((await introspect(server, party, first.accessToken)).body.active).toBe(true);
    const page = await choose();
    expect(Object.keys(offered(page))).toEqual([maria.email]);
    codeOf(await browser.submit(page, { account: String(offered(page)[maria.email]) }));
    expect((await whoIsIt()).sub).toBe(maria.id);
  });

  it('signing in twice as the same person is one account', async () => {
    await useAnother(paul.email);
    codeOf(await useAnother(maria.email));
    expect((await whoIsIt()).sub).toBe(maria.id);
    expect(Object.keys(offered(await choose())).sort()).toEqual([maria.email, paul.email].sort());
  });

  it('the cookie of the others is sealed, signed, and of no use when edited', async () => {
    await useAnother(paul.email);
    const shelf = [...browser.cookies.entries()].find(([, { name }]) => name === 'ostiary_default_more');
    expect(shelf?.[1].value).toMatch(/^[\w.%-]+$/);
    const [key, cookie] = shelf as NonNullable<typeof shelf>;
    browser.cookies.set(key, { ...cookie, value: `${cookie.value.slice(0, -2)}AA` });
    expect(Object.keys(offered(await choose()))).toEqual([paul.email]);
  });

  it('the page in another browser is over', async () => {
    const page = await choose();
    const sent = await send(new Browser(), `${baseOf(page)}/select_account`, { csrf: csrfOf(page), account: 'other' });
    expect([sent.status, titleOf(sent)]).toEqual([400, errorTitles.expired]);
  });
});
