// Every page in a real browser: WCAG 2.2 AA by axe, no sideways scrolling at 320 px, targets, contrast, both themes, both directions.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import type { Browser } from 'playwright-core';
import { contentSecurityPolicy, Views } from '../../src/platform/views.js';
import { chromiumPath, launchChromium } from '../support/chromium.js';
import { samplePage, samples, viewsRoot, writePages } from '../support/pages.js';

const found = existsSync(chromiumPath);
if (!found) console.warn(`skipped: the pages are not looked at in a browser, there is no ${chromiumPath}`);
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const visual = ['color-contrast', 'target-size', 'link-in-text-block', 'scrollable-region-focusable'];
const inBrowser = found ? describe : describe.skip;

inBrowser('every page', () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ostiary-pages-'));
    writePages(folder, ['en', 'ar']);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  const looks = [1280, 320].flatMap((width) =>
    (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
  );

  it.each(['en', 'ar'])(
    'meets WCAG 2.2 AA and reflows in %s, light and dark, at 1280 and 320 px',
    async (locale) => {
      const context = await browser.newContext({ reducedMotion: 'reduce' });
      const page = await context.newPage();
      const problems: string[] = [];
      for (const { name } of samples) {
        await page.goto(`file://${folder}/${locale}.${name}.html`);
        for (const { width, colorScheme } of looks) {
          await page.setViewportSize({ width, height: 720 });
          await page.emulateMedia({ colorScheme });
          const first = width === 1280 && colorScheme === 'light';
          // What depends on width or theme is looked at in all of them, the rest once.
          const axe = new AxeBuilder({ page }).setLegacyMode();
          const { violations } = await (first ? axe.withTags(tags) : axe.withRules(visual)).analyze();
          for (const { id, nodes } of violations)
            problems.push(`${name} ${width} ${colorScheme}: ${id}: ${nodes.map((node) => node.failureSummary)}`);
          const overflow = await page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          );
          if (overflow !== 0) problems.push(`${name} ${width}: ${overflow} px to scroll sideways`);
        }
      }
      await context.close();
      expect(problems).toEqual([]);
    },
    300_000,
  );
});

inBrowser('under its own policy', () => {
  let browser: Browser;
  let server: Server;
  let origin: string;
  const posts: string[] = [];

  beforeAll(async () => {
    const views = new Views({ root: viewsRoot, cache: true });
    const app = new Koa();
    app.use(views.middleware());
    app.use(async (ctx) => {
      if (ctx.method === 'POST') {
        let body = '';
        for await (const chunk of ctx.req) body += chunk;
        posts.push(body);
        if (ctx.path === '/received') ctx.body = 'received';
        else ctx.status = 204;
        return;
      }
      const sample = samples.find(({ name }) => name === ctx.path.slice(1));
      if (!sample) return;
      ctx.set('Content-Security-Policy', contentSecurityPolicy([origin]));
      const action = { action: `${origin}/received` };
      ctx.type = 'html';
      ctx.body = views.render(
        sample.template,
        'action' in sample.data ? { ...sample.data, ...action } : sample.data,
        samplePage('en'),
      );
    });
    server = createServer(app.callback());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('loads and runs every page without one violation', async () => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('204')) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    for (const { name, template } of samples) {
      if (template.endsWith('form-post') || template.endsWith('bounce')) continue;
      await page.goto(`${origin}/${name}`);
    }
    await page.close();
    expect(complaints).toEqual([]);
  });

  it('sends a form_post response by itself, once, and by its button without JavaScript', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const context = await browser.newContext({ javaScriptEnabled });
      const page = await context.newPage();
      posts.length = 0;
      await page.goto(`${origin}/interaction.form-post.first`, { waitUntil: 'commit' });
      if (!javaScriptEnabled) await page.click('button[type=submit]');
      await page.waitForURL(`${origin}/received`);
      expect(posts.map((body) => new URLSearchParams(body).get('state'))).toEqual(['two\r\n  lines "quoted"']);
      await context.close();
    }
  });

  it('counts down until another letter can be asked for, and not where something went wrong', async () => {
    const page = await browser.newPage();
    await page.clock.install();
    const again = page.locator('#code-again');
    await page.goto(`${origin}/interaction.email-code.first`);
    expect([await again.isDisabled(), await again.textContent()]).toEqual([true, 'Ask for another one in 30 s']);
    await page.clock.runFor(31_000);
    expect([await again.isDisabled(), await again.textContent()]).toEqual([false, 'Send another code']);
    await page.goto(`${origin}/interaction.email-code.wrong`);
    expect(await again.isDisabled()).toBe(false);
    await page.close();
  });

  it('focuses what went wrong, shows the password on request, and sends once however often one presses', async () => {
    const page = await browser.newPage();
    await page.goto(`${origin}/interaction.password.failed`);
    expect(await page.evaluate('document.activeElement.className')).toBe('summary');
    const height = await page.evaluate('document.documentElement.scrollHeight');
    await page.fill('input[name=password]', 'correct horse');
    await page.click('[data-reveal]');
    expect(await page.getAttribute('#password', 'type')).toBe('text');
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBe(height);
    posts.length = 0;
    const sent = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.evaluate("for (let i = 0; i < 3; i++) document.getElementById('login-submit').click()");
    await sent;
    expect(await page.getAttribute('#password', 'type')).toBe('password');
    expect(posts.map((body) => Object.fromEntries(new URLSearchParams(body)))).toEqual([
      { csrf: 'csrf-token', username: 'maria@acme.example', password: 'correct horse' },
    ]);
    await page.close();
  });
});
