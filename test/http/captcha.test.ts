import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Captcha } from '../../src/features/captcha/captcha.js';
import { Browser, type Page } from '../support/browser.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const origin = 'https://challenges.cloudflare.com';
const captcha: Captcha = {
  siteKey: 'site-key',
  field: 'cf-turnstile-response',
  script: `${origin}/turnstile/v0/api.js`,
  origin,
  verify: async (token, _ip, host) => token === 'a person' && host === 'localhost',
};
const person = { 'cf-turnstile-response': 'a person' };
const asks = (page: Page) => page.html.includes('data-sitekey="site-key"');
const policyOf = (page: Page) => page.headers.get('content-security-policy') ?? '';

describe('the question whether a person is there, after failed sign-ins', () => {
  let server: TestServer;
  let party: Party;
  let email: string;

  beforeAll(async () => {
    // One address makes all requests here, so that its failures would count for everybody.
    server = await startServer({ overrides: { captcha } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    email = (await makePerson(server)).email;
  });

  const begin = async (browser: Browser, name = email) =>
    browser.submit(await browser.open(authorizationUrl(server, party, pkce())), { username: name });

  it('comes after the second failure, and the right password alone is not enough then', async () => {
    const browser = new Browser();
    let page = await begin(browser);
    expect(asks(page)).toBe(false);
    expect(policyOf(page)).not.toContain(origin);
    page = await browser.submit(page, { password: 'wrong' });
    expect(asks(page)).toBe(false);
    page = await browser.submit(page, { password: 'wrong' });
    expect(asks(page)).toBe(true);
    expect(policyOf(page)).toContain(`script-src 'self' ${origin};`);
    expect(policyOf(page)).toContain(`frame-src ${origin};`);
    for (const answer of [{ 'cf-turnstile-response': '' }, { 'cf-turnstile-response': 'a program' }]) {
      page = await browser.submit(page, { password, ...answer });
      expect(page.status).toBe(422);
      expect(page.html).toContain('confirm that you are a person');
    }
    // Not looked at, not counted.
    expect(await server.inside(({ passwords }) => passwords.failures(email))).toMatchObject({ failed_count: 2 });
    codeOf(await browser.submit(page, { password, ...person }));
  });

  it('is asked of the address as well, whoever is tried, and of names that nobody has', async () => {
    const browser = new Browser();
    let page = await begin(browser, 'nobody@example.com');
    page = await browser.submit(page, { password: 'wrong', ...person });
    page = await browser.submit(page, { password: 'wrong', ...person });
    expect(asks(page)).toBe(true);
    expect(asks(await begin(new Browser()))).toBe(true);
  });

  it('loads nothing that is not ours where none is set up', async () => {
    const plain = await startServer();
    try {
      const client = await makeClient(plain);
      const someone = await makePerson(plain);
      const browser = new Browser();
      let page = await browser.submit(await browser.open(authorizationUrl(plain, client, pkce())), {
        username: someone.email,
      });
      for (let i = 0; i < 3; i += 1) page = await browser.submit(page, { password: 'wrong' });
      expect(page.html).not.toMatch(/<script[^>]*src="https?:/);
      expect(policyOf(page)).not.toContain('frame-src');
      expect(policyOf(page)).toContain("script-src 'self';");
    } finally {
      await plain.close();
    }
  });
});
