// The pages as the server sends them, each in every look: valid, WCAG 2.2 AA, nothing sideways at 320 px, nothing that their policy forbids, and
// nothing from anywhere else.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { answered, giveName, givePassword, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { bringAxe, inspect, validatePages } from '../support/inspector.js';
import { makeClient, makePerson, password } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { RelyingParty } from '../support/relying-party.js';
import { startServer, type TestServer } from '../support/server.js';

const folder = process.env.SCREENSHOTS;
const mostBytes = 40_000;

describe('the pages as they are sent', () => {
  let browser: Browser;
  let server: TestServer;
  let party: RelyingParty;
  let email: string;
  let person: Watched;
  let page: Page;
  let invalid: () => Promise<string[]>;
  const problems: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    server = await startServer();
    party = await RelyingParty.start();
    const { clientId, clientSecret } = await makeClient(server, party.metadata());
    await party.learn(server.issuer, clientId, clientSecret);
    await setPolicy(server, {
      registration: 'open',
      first_factors: ['password', 'passkey', 'magic_link', 'email_code'],
    });
    email = (await makePerson(server)).email;
    person = await openContext(browser, [server.issuer, party.origin]);
    await bringAxe(person.context);
    invalid = validatePages(person.context, server.issuer);
    page = person.page;
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await party?.close();
    await server?.close();
  });

  const seen = async (name: string) => void problems.push(...(await inspect(page, `real.${name}`, undefined, folder)));
  const begin = async (more: Record<string, string> = {}) => {
    await page.goto((await party.authorizationUrl(more)).href);
  };

  it('of a sign-in, of what goes wrong on the way, and of the sign-out', async () => {
    await begin();
    await seen('identifier');
    await giveName(page, email);
    await seen('password');
    await givePassword(page, 'not my password');
    await page.waitForSelector('.summary');
    await seen('password-failed');
    await page.click('#login-email');
    await page.waitForSelector('#code-again');
    await seen('email-code');
    await page.click('#code-instead');
    await page.waitForSelector('#login-link');
    await page.click('#login-link');
    await page.waitForSelector('#link-again');
    await seen('magic-link');
    await page.click('#code-instead');
    await givePassword(page, password);
    await page.waitForSelector('#consent-allow');
    await seen('consent');
    await page.click('#consent-allow');
    await page.waitForURL((url) => url.href.startsWith(party.redirectUri));
    await begin({ prompt: 'select_account' });
    await seen('select-account');
    await begin({ prompt: 'create' });
    await seen('register');
    await page.goto(`${server.issuer}/logout`);
    await seen('logout');
    await page.click('#logout-confirm');
    await page.waitForURL(`${server.issuer}/logout/success**`);
    await seen('logout-done');
    expect(person.complaints.splice(0)).toEqual([answered(422)]);
  }, 300_000);

  it('of links and addresses that are good for nothing any more', async () => {
    for (const path of [
      '/forgotten-password',
      '/verify-email?token=nothing',
      '/sign-in-link?token=nothing',
      '/lockdown?token=nothing',
      '/password?token=nothing',
      '/authorize?client_id=nobody',
      '/dev/mailbox',
      '/nowhere',
    ]) {
      await page.goto(`${server.issuer}${path}`);
      await seen(path.slice(1).replaceAll(/\W/g, '-'));
    }
    expect(person.complaints.splice(0).filter((one) => ![400, 404].map(answered).includes(one))).toEqual([]);
  }, 300_000);

  it('of the account', async () => {
    await page.goto(`${server.issuer}/account`);
    await giveName(page, email);
    await givePassword(page, password);
    await page.waitForURL(`${server.issuer}/account`);
    for (const path of [
      '',
      '/profile',
      '/email',
      '/security',
      '/security/password',
      '/security/passkeys',
      '/security/totp',
      '/security/totp/setup',
      '/security/recovery-codes',
      '/devices',
      '/applications',
      '/organizations',
      '/activity',
      '/settings',
      '/export',
      '/delete',
    ]) {
      await page.goto(`${server.issuer}/account${path}`);
      expect(new URL(page.url()).pathname).toBe(`/account${path}`);
      await seen(`account${path.replaceAll('/', '-')}`);
    }
    expect(person.complaints).toEqual([]);
  }, 300_000);

  it('are valid, accessible and fit', async () => {
    expect(await invalid()).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('come with 40 kB at most for the sign-in, all of it from here, and nothing moves while they load', async () => {
    const first = await openContext(browser, [server.issuer]);
    const bytes = weigh(first.context);
    await first.page.goto((await party.authorizationUrl()).href, { waitUntil: 'networkidle' });
    expect(await first.page.title()).toContain('Sign in');
    expect(await bytes()).toBeLessThanOrEqual(mostBytes);
    expect(await shifts(first.page)).toBe(0);
    expect(first.complaints).toEqual([]);
    await first.context.close();
  });
});

/** Counts what comes over the wire from now on, headers and redirects included. */
function weigh(context: BrowserContext): () => Promise<number> {
  const sizes: Promise<number>[] = [];
  context.on('requestfinished', (request) =>
    sizes.push(
      request.sizes().then(({ responseBodySize, responseHeadersSize }) => responseBodySize + responseHeadersSize),
    ),
  );
  return async () => (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Cumulative layout shift: 0 where nothing moved. */
const shifts = (page: Page) =>
  page.evaluate(`new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => { for (const { value } of list.getEntries()) sum += value; }).observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => resolve(sum), 200);
  })`);
