// The browser of the tests, how it is started on a machine without a display, and an ear for everything it complains about.

import { STATUS_CODES } from 'node:http';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

export const chromiumPath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

export interface Watched {
  context: BrowserContext;
  page: Page;
  /** Errors and warnings of the console (violations of the policy among them), exceptions, and requests to anybody not expected. */
  complaints: string[];
  /** Every request that was a form sent. */
  posts: string[];
}

/** A person's browser, which writes down what a developer's tools would show in red. @param origins whoever may be asked. */
export async function openContext(
  browser: Browser,
  origins: readonly string[],
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  const posts: string[] = [];
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (request.method() === 'POST') posts.push(url.pathname);
    if (url.protocol.startsWith('http') && !origins.includes(url.origin)) complaints.push(`asked ${url.origin}`);
  });
  return { context, page: await context.newPage(), complaints, posts };
}

/** What the browser notes of a page that answers a form with what is wrong (422) or is over (400). */
export const answered = (status: number) =>
  `Failed to load resource: the server responded with a status of ${status} (${STATUS_CODES[status]})`;

/** One step of signing in, as a person takes it. */
export async function giveName(page: Page, email: string): Promise<void> {
  await page.fill('input[name=username]', email);
  await page.click('#login-submit');
  await page.waitForSelector('input[name=password]');
}

export async function givePassword(page: Page, word: string): Promise<void> {
  await page.fill('input[name=password]', word);
  await page.click('#login-submit');
}
