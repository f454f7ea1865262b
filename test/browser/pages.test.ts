// Every page in a real browser, under its own policy: WCAG 2.2 AA by axe, no sideways scrolling at 320 px, targets, contrast, both themes, both
// directions, and words a third longer than ours.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import type { Browser, Page } from 'playwright-core';
import { contentSecurityPolicy, Views } from '../../src/platform/views.js';
import { launchChromium } from '../support/chromium.js';
import { bringAxe, clipped, inspect, type Look, looks } from '../support/inspector.js';
import { samplePage, samples, viewsRoot } from '../support/pages.js';
import type { Sample } from '../support/sample.js';

/** A language nobody speaks: every text is longer than in English, and its letters are taller. */
const pseudo = 'en-XA';
const folder = process.env.SCREENSHOTS;

let browser: Browser;
let server: Server;
let origin: string;
let strangeViews: string;
const posts: string[] = [];

beforeAll(async () => {
  strangeViews = mkdtempSync(path.join(tmpdir(), 'ostiary-views-'));
  cpSync(viewsRoot, strangeViews, { recursive: true });
  const words = JSON.parse(readFileSync(path.join(viewsRoot, 'locales/en.json'), 'utf8')) as Words;
  writeFileSync(path.join(strangeViews, `locales/${pseudo}.json`), JSON.stringify(strange(words)));
  ({ server, origin } = await serve());
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  rmSync(strangeViews, { recursive: true });
});

describe('every page', () => {
  const withAxe: Record<string, readonly Look[]> = { en: looks, ar: looks.filter((_, place) => place % 2 === 1) };

  it.each(Object.entries(withAxe))(
    'in %s meets WCAG 2.2 AA, reflows at 320 px and loads nothing that its policy forbids',
    async (locale, wanted) => {
      expect(await each(locale, (page, { name }) => inspect(page, `${locale}.${name}`, wanted, folder))).toEqual([]);
    },
    300_000,
  );

  it.each([pseudo, 'de'])(
    'has room for the words of %s at 320 px',
    async (locale) => {
      const problems = await each(locale, async (page, { name }) => {
        await page.setViewportSize({ width: 320, height: 720 });
        if (folder) await page.screenshot({ path: `${folder}/${locale}.${name}.png`, fullPage: true });
        return (await clipped(page)).map((one) => `${name}: ${one}`);
      });
      expect(problems).toEqual([]);
    },
    120_000,
  );

  /** Two pages at a time, each used again. @returns what is wrong, complaints of the browser included. */
  async function each(locale: string, look: (page: Page, sample: Sample) => Promise<string[]>): Promise<string[]> {
    const context = await browser.newContext({ reducedMotion: 'reduce' });
    if (locale in withAxe) await bringAxe(context);
    // These send themselves away, or close themselves.
    await context.route('**/*-{form-post,api-docs-answer}.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: '' }),
    );
    const problems: string[] = [];
    const left = [...samples];
    const walk = async () => {
      const page = await context.newPage();
      let name = '';
      const complain = (text: string) => problems.push(`${name}: ${text}`);
      page.on('console', (message) => message.type() === 'error' && complain(message.text()));
      page.on('pageerror', (error) => complain(error.message));
      for (let sample = left.shift(); sample; sample = left.shift()) {
        name = sample.name;
        await page.goto(`${origin}/${locale}/${encodeURIComponent(name)}`);
        problems.push(...(await look(page, sample)));
      }
    };
    await Promise.all([walk(), walk()]);
    await context.close();
    return problems;
  }
});

describe('the scripts', () => {
  it('sends a form_post response by itself, once, and by its button without JavaScript', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const context = await browser.newContext({ javaScriptEnabled });
      const page = await context.newPage();
      posts.length = 0;
      await page.goto(`${origin}/en/interaction.form-post.first`, { waitUntil: 'commit' });
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
    await page.goto(`${origin}/en/interaction.email-code.first`);
    expect([await again.isDisabled(), await again.textContent()]).toEqual([true, 'Ask for another one in 30 s']);
    await page.clock.runFor(31_000);
    expect([await again.isDisabled(), await again.textContent()]).toEqual([false, 'Send another code']);
    await page.goto(`${origin}/en/interaction.email-code.wrong`);
    expect(await again.isDisabled()).toBe(false);
    await page.close();
  });

  it('focuses what went wrong, shows the password on request, and sends once however often one presses', async () => {
    const page = await browser.newPage();
    await page.goto(`${origin}/en/interaction.password.failed`);
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
      { csrf: 'csrf-token', username: 'maria@acme.example', password: 'correct horse', can_passkey: '' },
    ]);
    await page.close();
  });
});

async function serve(): Promise<{ server: Server; origin: string }> {
  const views = new Views({ root: viewsRoot, cache: true });
  const strangers = new Views({ root: strangeViews, cache: true });
  const app = new Koa();
  app.use(views.middleware());
  app.use(async (ctx) => {
    const here = `http://${ctx.host}`;
    if (ctx.method === 'POST') {
      let body = '';
      for await (const chunk of ctx.req) body += chunk;
      posts.push(body);
      if (ctx.path === '/received') ctx.body = 'received';
      else ctx.status = 204;
      return;
    }
    const [, locale = '', name = ''] = ctx.path.split('/');
    const sample = samples.find((one) => one.name === decodeURIComponent(name));
    if (!sample) return;
    const data = 'action' in sample.data ? { ...sample.data, action: `${here}/received` } : sample.data;
    ctx.set('Content-Security-Policy', contentSecurityPolicy([here]));
    ctx.type = 'html';
    ctx.body = (locale === pseudo ? strangers : views).render(sample.template, data, samplePage(locale));
  });
  const server = createServer(app.callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

type Words = string | { [key: string]: Words };

/** What stands for values and tags stays. */
function strange(words: Words): Words {
  if (typeof words !== 'string')
    return Object.fromEntries(Object.entries(words).map(([key, value]) => [key, strange(value)]));
  const letters = words.replaceAll(/\{\{\w+\}\}|<[^>]*>|[aeiouAEIOU]/g, (part) => accents[part] ?? part);
  return `${letters}${' ěxtrå wörds'.repeat(Math.ceil(words.length / 36))}`;
}

const accents: Record<string, string> = {
  ...{ a: 'åa', e: 'ě', i: 'ï', o: 'øö', u: 'ü' },
  ...{ A: 'Å', E: 'Ē', I: 'Î', O: 'Ø', U: 'Û' },
};
