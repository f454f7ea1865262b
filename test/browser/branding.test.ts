// Pages in the dress of a tenant and of an organization, each in every look: what a browser makes of the stylesheet and the logo that the server sends.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { ask, tokenWith } from '../support/api.js';
import { giveName, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { bringAxe, inspect, validatePages } from '../support/inspector.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce } from '../support/party.js';
import { png } from '../support/pictures.js';
import { startServer, type TestServer } from '../support/server.js';

const folder = process.env.SCREENSHOTS;

describe('pages in the dress of whoever they are for', () => {
  let browser: Browser;
  let server: TestServer;
  let token: string;
  let party: Party;
  let email: string;
  let person: Watched;
  let page: Page;
  let invalid: () => Promise<string[]>;

  beforeAll(async () => {
    browser = await launchChromium();
    server = await startServer();
    token = await tokenWith(server, 'settings:write organizations:write');
    party = await makeClient(server);
    email = (await makePerson(server)).email;
    person = await openContext(browser, [server.issuer]);
    await bringAxe(person.context);
    invalid = validatePages(person.context, server.issuer);
    page = person.page;
    const image = png(64, 64, [138, 28, 92]).toString('base64');
    const answers = [
      await ask(server, token, 'put', '/branding', {
        company_name: 'Acme Travel',
        primary_color: '#8a1c5c',
        background_color: '#fff6fb',
      }),
      await ask(server, token, 'put', '/branding/logo', { image }),
      await ask(server, token, 'post', '/organizations', { slug: 'globex', name: 'Globex' }),
      await ask(server, token, 'put', '/organizations/globex/branding', {
        company_name: 'Globex Corporation of Everywhere and Beyond',
        primary_color: '#1b4fa0',
        primary_color_dark: '#9cc2ff',
        background_color_dark: '#0b1220',
      }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 201, 200]);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const open = (extra: Record<string, string> = {}) => page.goto(authorizationUrl(server, party, pkce(), extra));
  const button = () => page.locator('#login-submit').evaluate((one) => getComputedStyle(one).backgroundColor);
  const behind = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const look = (colorScheme: 'light' | 'dark') => page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });

  it('those of a tenant: WCAG 2.2 AA, light and dark, wide and at 320 px', async () => {
    await open();
    expect(await inspect(page, 'brand.identifier', undefined, folder)).toEqual([]);
    await giveName(page, email);
    expect(await inspect(page, 'brand.password', undefined, folder)).toEqual([]);
  });

  it('have its colours and its logo', async () => {
    await page.setViewportSize({ width: 1280, height: 720 });
    await look('light');
    await open();
    expect([await button(), await behind()]).toEqual(['rgb(138, 28, 92)', 'rgb(255, 246, 251)']);
    const logo = page.locator('.brand img');
    expect(await logo.evaluate((one) => (one as unknown as { naturalWidth: number }).naturalWidth)).toBe(64);
    await look('dark');
    expect(await behind()).toBe('rgb(16, 19, 18)');
    expect(await button()).not.toBe('rgb(138, 28, 92)');
  });

  it('those of an organization: its colours instead, and the tenant’s logo where it has none', async () => {
    await look('light');
    await open({ organization: 'globex' });
    expect([await button(), await behind()]).toEqual(['rgb(27, 79, 160)', 'rgb(245, 244, 240)']);
    expect(await page.locator('.brand img').count()).toBe(1);
    await look('dark');
    expect([await button(), await behind()]).toEqual(['rgb(156, 194, 255)', 'rgb(11, 18, 32)']);
    expect(await inspect(page, 'brand.organization', undefined, folder)).toEqual([]);
  });

  it('hold nothing that their policy forbids, are valid, and ask nobody else', async () => {
    expect(await invalid()).toEqual([]);
    expect(person.complaints).toEqual([]);
  });
});
