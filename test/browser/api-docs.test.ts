// The management API in a real browser: signed in to from its own page, and tried out, with the policy, the origins and the cookies as they are.
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { giveName, givePassword, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { makePerson, password } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the management API in Chromium', () => {
  let server: TestServer;
  let browser: Browser;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    browser = await launchChromium();
    const person = await makePerson(server);
    email = person.email;
    await server.inside(async ({ users }) => users.setRoles(await users.find(person.id), ['ADMIN']));
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  async function openDocs(query = ''): Promise<Watched> {
    const watched = await openContext(browser, [server.issuer]);
    await watched.page.goto(`${server.issuer}/api/docs${query}`);
    await watched.page.waitForSelector('#operations-tag-users');
    return watched;
  }

  /** In the window that the page opens, as a person signs in anywhere. */
  async function authorize(page: Page, scopes: readonly string[]): Promise<void> {
    await page.click('.auth-wrapper .btn.authorize');
    const form = page.locator('.auth-container', { hasText: 'authorizationCode' });
    for (const scope of scopes) await form.locator(`input[data-value="${scope}"] + label`).click();
    const [popup] = await Promise.all([
      // No longer this page's own: pages of ours let go of who opened them (Cross-Origin-Opener-Policy).
      page.context().waitForEvent('page'),
      form.locator('.auth-btn-wrapper .authorize').click(),
    ]);
    const closed = popup.waitForEvent('close');
    await giveName(popup, email);
    await givePassword(popup, password);
    await closed;
    await form.getByText('Authorized', { exact: true }).waitFor();
    await page.click('.modal-ux .close-modal');
  }

  it('is signed in to with what is ticked, and asked', async () => {
    const { context, page, complaints } = await openDocs();
    expect(await page.locator('.auth-container input:checked').count()).toBe(0);
    await authorize(page, ['users:read']);

    await page.click('#operations-tag-users');
    await page.click('#operations-users-getUsers .opblock-summary-control');
    await page.click('#operations-users-getUsers .try-out__btn');
    const answered = page.waitForResponse((one) => one.url().startsWith(`${server.issuer}/api/v1/users`));
    await page.click('#operations-users-getUsers .execute');
    expect((await answered).status()).toBe(200);
    const shown = page.locator('#operations-users-getUsers .live-responses-table');
    await shown.locator(`text=${email}`).first().waitFor();

    const kept = await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])');
    expect(kept).toBe('[{},{}]');
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('ticks nothing for anybody, and says who may not', async () => {
    const { context, page } = await openDocs();
    await page.click('.auth-wrapper .btn.authorize');
    await page.waitForSelector('.auth-container');
    expect(await page.locator('.auth-container input[type=checkbox]').count()).toBeGreaterThan(20);
    expect(await page.locator('.auth-container input[type=checkbox]:checked').count()).toBe(0);
    await context.close();
  });

  it.each(['?url=https://evil.example/openapi.json', '?configUrl=https://evil.example/config.json'])(
    'loads no document and no settings from its address: %s',
    async (query) => {
      const { context, page, complaints } = await openDocs(query);
      expect(await page.locator('.info .title').textContent()).toContain('Ostiary management API');
      expect(complaints).toEqual([]);
      await context.close();
    },
  );

  it('is not answered by a window that was asked by somebody else (RFC 9207 §2.4)', async () => {
    const { context, page } = await openDocs();
    await page.evaluate(`
      heard = [];
      swaggerUIRedirectOauth2 = { state: 'mine', auth: { name: 'oauth2' }, callback: ({ auth }) => heard.push(auth.code) };
    `);
    const iss = encodeURIComponent(server.issuer);
    const right = `state=mine&iss=${iss}`;
    for (const search of [`state=other&iss=${iss}`, 'state=mine&iss=https://evil.example', 'state=mine', right]) {
      const other = await context.newPage();
      // It closes itself, which may come first.
      await other
        .goto(`${server.issuer}/api/docs/oauth2-redirect.html?code=${search.length}&${search}`)
        .catch(() => undefined);
      await page.waitForTimeout(200);
    }
    expect(await page.evaluate('heard')).toEqual([String(right.length)]);
    await context.close();
  });

  it('has a head of ours that everybody can read and use (WCAG 2.2 AA), at 320 pixels too', async () => {
    const { context, page } = await openDocs();
    const { violations } = await new AxeBuilder({ page }).exclude('.swagger-ui').analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    await page.setViewportSize({ width: 320, height: 640 });
    const wide = await page.locator('header').evaluate((header) => header.scrollWidth > window.innerWidth);
    expect(wide).toBe(false);
    await context.close();
  });
});
