// The account in a real browser, with JavaScript and without: the policy of the pages lets every form and every redirect through.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { giveName, givePassword, launchChromium, openContext } from '../support/chromium.js';
import { makePerson, password } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the account', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    browser = await launchChromium();
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it.each([true, false])('is signed in to, read and changed; JavaScript: %s', async (javaScriptEnabled) => {
    const { email, id } = await makePerson(server);
    const other = await openContext(browser, [server.issuer]);
    const { context, page, complaints } = await openContext(browser, [server.issuer], { javaScriptEnabled });
    for (const one of [other.page, page]) {
      await one.goto(`${server.issuer}/account/profile`);
      await giveName(one, email);
      await givePassword(one, password);
      await one.waitForURL(`${server.issuer}/account/profile`);
    }
    await page.fill('#profile-nickname', 'Mia');
    await page.selectOption('#profile-zoneinfo', 'Europe/Lisbon');
    await page.click('#profile-save');
    await page.waitForSelector('[role=status]');

    await page.click('a[href="/account/devices"]');
    await page.click('#session-end-all');
    await page.waitForURL('**/account/devices?done=sessions_ended');
    await other.page.reload();
    await other.page.waitForSelector('input[name=username]');

    await page.goto(`${server.issuer}/account/activity`);
    await page.click('#activity-not-me');
    await page.waitForURL('**/lockdown?**');
    await page.click('#lockdown-submit');
    await page.waitForURL('**/lockdown/done');
    await page.goto(`${server.issuer}/account`);
    await page.waitForSelector('input[name=username]');

    const { claims } = await server.inside(({ users }) => users.find(id));
    expect(claims).toMatchObject({ nickname: 'Mia', zoneinfo: 'Europe/Lisbon' });
    expect([...complaints, ...other.complaints]).toEqual([]);
    await Promise.all([context.close(), other.context.close()]);
  });
});
