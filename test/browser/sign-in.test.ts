// What people do on the pages of a sign-in: mistakes, going back, pressing twice, two tabs, two accounts, no mouse, no scripts.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as client from 'openid-client';
import type { Browser, Page } from 'playwright-core';
import { answered, giveName, givePassword, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { makeClient, makePerson, password } from '../support/party.js';
import { RelyingParty } from '../support/relying-party.js';
import { startServer, type TestServer } from '../support/server.js';

let browser: Browser;
let server: TestServer;
let party: RelyingParty;
let person: Watched;
let page: Page;
let email: string;

beforeAll(async () => {
  browser = await launchChromium();
  server = await startServer();
  party = await RelyingParty.start();
  const { clientId, clientSecret } = await makeClient(server, party.metadata());
  await party.learn(server.issuer, clientId, clientSecret);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await party?.close();
  await server?.close();
});
beforeEach(async () => {
  email = (await makePerson(server)).email;
  person = await openContext(browser, [server.issuer, party.origin]);
  page = person.page;
});
afterEach(() => person?.context.close());

const begin = async (more: Record<string, string> = {}, tab = page) => {
  await tab.goto((await party.authorizationUrl(more)).href);
};
const heading = (tab = page) => tab.textContent('h1');
const focused = (what: string, tab = page) => tab.evaluate(`document.activeElement.${what}`);

/** From wherever the sign-in stands to the application. */
async function signIn(who = email, tab = page): Promise<void> {
  await giveName(tab, who);
  await givePassword(tab, password);
  await consent(tab);
}
async function consent(tab = page): Promise<void> {
  await tab.click('#consent-allow');
  await arrived(who, tab);
}
const who = /^Hello /;
async function arrived(said: RegExp | string = who, tab = page): Promise<void> {
  await tab.waitForURL((url) => url.href.startsWith(party.redirectUri));
  expect(await heading(tab)).toMatch(said);
}

describe('mistakes', () => {
  it('keeps the form after a wrong password, says so, and puts the focus on what is said (WCAG 3.3.1)', async () => {
    await begin();
    await giveName(page, email);
    await givePassword(page, 'not my password');
    await page.waitForSelector('.summary:focus');
    expect(await page.getAttribute('input[name=password]', 'aria-invalid')).toBe('true');
    expect(await page.inputValue('input[name=password]')).toBe('');
    expect(await page.inputValue('input[name=username]')).toBe(email);
    await givePassword(page, password);
    await consent();
    expect(person.complaints).toEqual([answered(422)]);
  });

  it('shows the same page for an account that does not exist', async () => {
    const seen: string[] = [];
    for (const name of [email, `m-nobody-${email}`]) {
      await begin();
      await giveName(page, name);
      await givePassword(page, 'not my password');
      await page.waitForSelector('.summary');
      seen.push(String(await page.textContent('main')).replaceAll(name, 'whoever'));
    }
    expect(seen[0]).toBe(seen[1]);
  });

  it('takes another name on "Not you?", and offers what was typed', async () => {
    await begin();
    await giveName(page, 'mistyped@example.com');
    await page.click('.who a');
    expect(await page.inputValue('input[name=username]')).toBe('mistyped@example.com');
    await signIn();
    await arrived(`Hello ${email}`);
    expect(person.complaints).toEqual([]);
  });
});

describe('going back and pressing twice', () => {
  it('sends once when the button is pressed twice', async () => {
    await begin();
    await page.fill('input[name=username]', email);
    await page.dblclick('#login-submit');
    await page.waitForSelector('input[name=password]');
    await page.fill('input[name=password]', password);
    await page.dblclick('#login-submit');
    await page.waitForSelector('#consent-allow');
    await page.dblclick('#consent-allow');
    await arrived();
    expect(person.posts).toHaveLength(3);
    expect(person.complaints).toEqual([]);
  });

  it('goes on when the browser sends a form twice, without JavaScript', async () => {
    const plain = await openContext(browser, [server.issuer, party.origin], { javaScriptEnabled: false });
    await begin({}, plain.page);
    await plain.page.fill('input[name=username]', email);
    await plain.page.dblclick('#login-submit');
    await plain.page.waitForSelector('input[name=password]');
    await plain.page.fill('input[name=password]', password);
    await plain.page.dblclick('#login-submit');
    await plain.page.click('#consent-allow');
    await arrived(who, plain.page);
    expect(plain.complaints).toEqual([]);
    await plain.context.close();
  });

  it('says in a page what is over when one goes back after a sign-in, and goes on from there', async () => {
    await begin();
    await signIn();
    await page.goBack();
    expect(await heading()).toBe('This step of the sign-in is over');
    await page.goForward();
    await page.waitForURL((url) => url.href.startsWith(party.redirectUri));
    await begin();
    await arrived();
  });

  it('goes back to an earlier step and forward again without harm', async () => {
    await begin();
    await giveName(page, email);
    await page.goBack();
    await page.goForward();
    await givePassword(page, password);
    await page.waitForSelector('#consent-allow');
    await page.goBack();
    expect(await heading()).toBe('This step of the sign-in is over');
    await page.goForward();
    await consent();
  });

  it('takes a form from the page before as where the person is now, not as a step again', async () => {
    const earlier = await person.context.newPage();
    await begin();
    await earlier.goto(page.url());
    await giveName(page, email);
    await earlier.fill('input[name=username]', 'somebody-else@example.com');
    await earlier.click('#login-submit');
    await earlier.waitForSelector('input[name=password]');
    expect(await earlier.inputValue('input[name=username]')).toBe('somebody-else@example.com');
    await givePassword(page, password);
    await consent();
    await givePassword(earlier, password);
    await earlier.waitForSelector('h1:has-text("This step of the sign-in is over")');
  });
});

describe('several tabs, several accounts', () => {
  it('signs in in two tabs at once, neither failing the other', async () => {
    const second = await person.context.newPage();
    await begin();
    await begin({}, second);
    await signIn();
    await giveName(second, email);
    await givePassword(second, password);
    await arrived(`Hello ${email}`, second);
    expect(person.complaints).toEqual([]);
  });

  it('signs two people in in two tabs, and each application hears of its own', async () => {
    const other = (await makePerson(server)).email;
    const second = await person.context.newPage();
    await begin();
    await begin({}, second);
    await signIn();
    await arrived(`Hello ${email}`);
    await signIn(other, second);
    await arrived(`Hello ${other}`, second);
    expect(person.complaints).toEqual([]);
  });

  it('ends a re-authentication whose session was signed out in another tab, and says so', async () => {
    await begin();
    await signIn();
    await begin({ prompt: 'login' });
    const second = await person.context.newPage();
    await second.goto(party.endSessionUrl().href, { waitUntil: 'commit' });
    await second.waitForURL(`${server.issuer}/logout/success**`);
    await page.click('#login-submit');
    await page.waitForSelector('h1:has-text("This step of the sign-in is over")');
    await begin();
    expect(await heading()).toBe('Sign in');
  });

  it('finishes a re-authentication although another person has signed in in another tab', async () => {
    const other = (await makePerson(server)).email;
    await begin();
    await signIn();
    const [first, second] = [await person.context.newPage(), await person.context.newPage()];
    await begin({ prompt: 'login' }, first);
    await begin({ prompt: 'login' }, second);
    await begin({ prompt: 'login' });
    await signIn(other);
    for (const [who, tab] of [
      [other, first],
      [email, second],
    ] as const) {
      await giveName(tab, who);
      await givePassword(tab, password);
      await arrived(`Hello ${who}`, tab);
    }
    expect(person.complaints).toEqual([]);
  });

  it('keeps the one who is signed in when another signs in by prompt=login, and offers both afterwards', async () => {
    const other = (await makePerson(server)).email;
    await begin();
    await signIn();
    await begin({ prompt: 'login' });
    await signIn(other);
    await begin({ prompt: 'select_account' });
    expect((await page.locator('.choices small').allTextContents()).sort()).toEqual([email, other].sort());
    expect(person.complaints).toEqual([]);
  });

  it('lets the person choose among the accounts of this browser (prompt=select_account, OpenID Connect Core §3.1.2.1)', async () => {
    const other = (await makePerson(server)).email;
    await begin();
    await signIn();
    await begin({ prompt: 'select_account' });
    expect(await page.locator('.choices li').count()).toBe(1);
    await page.click('button[value=other]');
    await signIn(other);
    await arrived(`Hello ${other}`);

    await begin({ prompt: 'select_account' });
    expect((await page.locator('.choices small').allTextContents()).sort()).toEqual([email, other].sort());
    await page.click(`.choices li:has-text("${email}") button`);
    await arrived(`Hello ${email}`);
    await begin();
    await arrived(`Hello ${email}`);
    await begin({ prompt: 'select_account' });
    await page.click(`.choices li:has-text("${other}") button`);
    await arrived(`Hello ${other}`);
    expect(person.complaints).toEqual([]);
  });

  it('asks for the password again, with the name filled in (prompt=login and login_hint)', async () => {
    await begin({ login_hint: email });
    expect(await page.inputValue('input[name=username]')).toBe(email);
    await signIn();
    const first = Number(party.outcomes.at(-1)?.tokens.claims()?.auth_time);
    await begin({ prompt: 'login' });
    expect(await page.inputValue('input[name=username]')).toBe(email);
    await giveName(page, email);
    await givePassword(page, password);
    await arrived(`Hello ${email}`);
    expect(Number(party.outcomes.at(-1)?.tokens.claims()?.auth_time)).toBeGreaterThanOrEqual(first);
    expect(person.complaints).toEqual([]);
  });
});

describe('how the answer reaches the application', () => {
  it.each([true, false])(
    'posts it as a form, JavaScript %s (OAuth 2.0 Form Post Response Mode)',
    async (javaScriptEnabled) => {
      const visitor = await openContext(browser, [server.issuer, party.origin], { javaScriptEnabled });
      await begin({ response_mode: 'form_post' }, visitor.page);
      await giveName(visitor.page, email);
      await givePassword(visitor.page, password);
      await visitor.page.click('#consent-allow');
      if (!javaScriptEnabled) await visitor.page.click('#form-post button');
      await visitor.page.waitForURL(party.redirectUri);
      expect(await heading(visitor.page)).toBe(`Hello ${email}`);
      expect(visitor.posts.filter((path) => path === '/callback')).toHaveLength(1);
      expect(visitor.complaints).toEqual([]);
      await visitor.context.close();
    },
  );

  it('follows a private-use scheme out of the browser to a native application (RFC 8252 §7.1)', async () => {
    const redirectUri = 'com.example.trips:/callback';
    const { clientId } = await makeClient(server, {
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: [redirectUri],
    });
    const configuration = await client.discovery(new URL(server.issuer), clientId, {}, client.None(), {
      execute: [client.allowInsecureRequests],
    });
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: 'openid',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    // A browser asks nobody on the network for such an address: what it was sent to is in the last redirect.
    const left = new Promise<URL>((resolve) =>
      person.context.on('response', (response) => {
        const location = response.headers().location ?? '';
        if (location.startsWith(redirectUri)) resolve(new URL(location));
      }),
    );
    await page.goto(url.href);
    expect(await page.textContent('.fine')).toContain('com.example.trips:');
    await giveName(page, email);
    await givePassword(page, password);
    await page.click('#consent-allow');
    const tokens = await client.authorizationCodeGrant(configuration, await left, {
      expectedState: state,
      pkceCodeVerifier: verifier,
    });
    expect(tokens.claims()?.aud).toBe(clientId);
    // Nothing on this machine opens it, which is all the browser may say.
    for (const complaint of person.complaints) expect(complaint).toContain(`Failed to launch '${redirectUri}`);
  });

  it('tells the application that the person said no (access_denied, OpenID Connect Core §3.1.2.6)', async () => {
    await begin();
    await giveName(page, email);
    await givePassword(page, password);
    await page.click('#consent-deny');
    await arrived('Not signed in: access_denied');
    expect(person.complaints).toEqual([]);
  });
});

describe('without a mouse', () => {
  it('signs in, consents and signs out with the keyboard alone (WCAG 2.1.1)', async () => {
    const keys = page.keyboard;
    await begin();
    await keys.type(email);
    await keys.press('Enter');
    await shown('input[name=password]:focus');
    await keys.type('wrong');
    await keys.press('Enter');
    await shown('.summary:focus');
    await tabTo('name', 'password');
    await keys.type(password);
    await keys.press('Enter');
    await shown('#consent-allow');
    await tabTo('id', 'consent-allow');
    await keys.press('Enter');
    await arrived();
    await page.goto(`${server.issuer}/logout`);
    await tabTo('id', 'logout-confirm');
    await keys.press('Enter');
    await page.waitForURL(`${server.issuer}/logout/success**`);
    expect(await heading()).toBe('You are signed out');
    expect(person.complaints).toEqual([answered(422)]);
  });

  /** Scripts have run too: one of them moves the focus. */
  async function shown(what: string): Promise<void> {
    await page.waitForSelector(what);
    await page.waitForLoadState();
  }

  /** Every stop on the way has to be seen. */
  async function tabTo(member: 'id' | 'name', value: string): Promise<void> {
    for (let presses = 0; presses < 12; presses += 1) {
      if ((await focused(member)) === value) return;
      await page.keyboard.press('Tab');
      expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")).toBe(true);
    }
    throw new Error(`${value} is not reached by the Tab key`);
  }
});
