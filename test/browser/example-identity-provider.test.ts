// examples/identity-provider in Chromium, which holds policies against every redirect that follows a form: there and back by both protocols.
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { launchChromium, openContext } from '../support/chromium.js';
import { ExampleCompany } from '../support/example-company.js';
import { runExample } from '../support/examples.js';
import { authorizationUrl, pkce } from '../support/party.js';

describe('the example of an identity provider', () => {
  let company: ExampleCompany;
  let browser: Browser;

  beforeAll(async () => {
    [company, browser] = [
      await ExampleCompany.open((environment) => runExample('identity-provider', environment)),
      await launchChromium(),
    ];
    await company.connect('saml');
    await company.connect('oidc');
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await company?.close();
  });

  it.each(['company', 'company-oidc'])('%s: from the application to it and back', async (connection) => {
    const { server, origin, party } = company;
    const { context, page, complaints } = await openContext(browser, [server.issuer, origin, 'https://rp.example']);
    await context.route('https://rp.example/**', (route) => route.fulfill({ body: 'here' }));
    await page.goto(authorizationUrl(server, party, pkce(), { connection }));
    await page.waitForSelector('#fault');
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    // By the keyboard alone: the first button is that of the address.
    await page.fill('#email', `new-${connection}@company.example`);
    await page.press('#email', 'Enter');
    await page.click('#consent-allow');
    await page.waitForURL('https://rp.example/cb?code=*');
    expect(complaints).toEqual([]);
    await context.close();
  });
});
