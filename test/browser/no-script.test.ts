// Everything but passkeys with JavaScript off: each step is a form that is sent and a page that is answered.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { AuthenticatorApp } from '../support/authenticator-app.js';
import { giveName, givePassword, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { makeClient, makePerson, password } from '../support/party.js';
import { RelyingParty } from '../support/relying-party.js';
import { startServer, type TestServer } from '../support/server.js';
import { linkIn } from '../support/sign-in-letters.js';

describe('with JavaScript off', () => {
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
    email = (await makePerson(server)).email;
    person = await openContext(browser, [server.issuer, party.origin], { javaScriptEnabled: false });
    page = person.page;
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await party?.close();
    await server?.close();
  });

  it('password, authenticator app, consent, sign-out and a forgotten password all work', async () => {
    await page.goto(`${server.issuer}/account/security/totp/setup`);
    await giveName(page, email);
    await givePassword(page, password);
    const app = new AuthenticatorApp(String(await page.textContent('.steps code')).replaceAll(' ', ''));
    await giveCode(app);
    await page.click('#codes-saved');
    await page.waitForSelector('#ways-in');
    await signOut();

    await begin();
    await givePassword(page, password);
    await giveCode(app);
    await page.click('#consent-allow');
    await arrived();
    await signOut();

    await begin();
    await page.click('a[href="/forgotten-password"]');
    await page.fill('input[name=username]', email);
    await page.click('#forgotten-submit');
    await page.waitForSelector('h1:has-text("Look into your mailbox")');
    await page.goto(await linkIn(server, email, 'password'));
    await page.fill('input[name=password]', 'another quiet river 7');
    await page.click('#password-submit');
    await page.waitForURL(`${server.issuer}/password/done`);

    await begin();
    await givePassword(page, 'another quiet river 7');
    await giveCode(app);
    await arrived();
    expect(person.complaints).toEqual([]);
  });

  const begin = async () => {
    await page.goto((await party.authorizationUrl()).href);
    await giveName(page, email);
  };
  const giveCode = async (app: AuthenticatorApp) => {
    await page.fill('#code', await app.code());
    await page.click('#mfa-submit');
  };
  const arrived = async () => {
    await page.waitForURL((url) => url.href.startsWith(party.redirectUri));
    expect(await page.textContent('h1')).toBe(`Hello ${email}`);
  };
  const signOut = async () => {
    await page.goto(`${server.issuer}/logout`);
    await page.click('#logout-confirm');
    await page.waitForURL(`${server.issuer}/logout/success**`);
  };
});
