// Looks at a page the way its readers do: WCAG 2.2 AA by axe and no scrolling sideways, light and dark, wide and at 320 px.
import { createRequire } from 'node:module';
import { HtmlValidate } from 'html-validate';
import type { BrowserContext, Page, Response } from 'playwright-core';

const require = createRequire(import.meta.url);
const axePath = createRequire(require.resolve('@axe-core/playwright')).resolve('axe-core/axe.min.js');

export interface Look {
  width: number;
  colorScheme: 'light' | 'dark';
}

/** In the order in which least changes from one to the next. */
export const looks: readonly Look[] = [
  { width: 1280, colorScheme: 'light' },
  { width: 1280, colorScheme: 'dark' },
  { width: 320, colorScheme: 'dark' },
  { width: 320, colorScheme: 'light' },
];

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const visual = ['color-contrast', 'target-size', 'link-in-text-block', 'scrollable-region-focusable'];

/** Before the first page is opened: each brings axe along, whatever its policy says. */
export const bringAxe = async (context: BrowserContext): Promise<void> => {
  await context.addInitScript({ path: axePath });
};

/** @param folder where pictures of it go, for whoever wants to see. @returns what is wrong, in a line each. */
export async function inspect(
  page: Page,
  name: string,
  wanted: readonly Look[] = looks,
  folder?: string,
): Promise<string[]> {
  const problems: string[] = [];
  for (const [place, { width, colorScheme }] of wanted.entries()) {
    await page.setViewportSize({ width, height: 720 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // What depends on width or theme is looked at in all of them, the rest once.
    const runOnly = place === 0 ? { type: 'tag', values: tags } : { type: 'rule', values: visual };
    const options = { runOnly, resultTypes: ['violations'], preload: false };
    const found = (await page.evaluate(
      `axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html.slice(0, 120) + ' ' + failureSummary).join(' | ')))`,
    )) as string[];
    const look = `${name} ${width} ${colorScheme}`;
    problems.push(...found.map((one) => `${look}: ${one}`));
    problems.push(...(await clipped(page)).map((one) => `${look}: ${one}`));
    if (folder) await page.screenshot({ path: `${folder}/${name}.${width}.${colorScheme}.png`, fullPage: true });
  }
  return problems;
}

/** What does not fit: a page wider than its window, words that stick out of their box by more than a button's padding. Fields scroll by themselves. */
export const clipped = (page: Page): Promise<string[]> =>
  page.evaluate(`(() => {
    const root = document.documentElement;
    const said = root.scrollWidth > root.clientWidth ? [root.scrollWidth - root.clientWidth + ' px to scroll sideways'] : [];
    for (const element of document.body.querySelectorAll('*')) {
      if (!element.clientWidth || element.matches('input, select, .unseen, svg, svg *')) continue;
      if (element.scrollWidth > element.clientWidth + 4) said.push('too wide for its box: ' + element.outerHTML.slice(0, 120));
    }
    return said;
  })()`);

const validator = new HtmlValidate({
  extends: ['html-validate:recommended'],
  // Eta leaves an empty line where an attribute was not needed.
  rules: { 'no-trailing-whitespace': 'off' },
});

/** Validates every page that a browser is sent from an origin. @returns what was wrong, once all that came has been read. */
export function validatePages(context: BrowserContext, origin: string): () => Promise<string[]> {
  const reports: Promise<string[]>[] = [];
  context.on('response', (response) => {
    if (isPage(response, origin)) reports.push(validated(response));
  });
  return async () => (await Promise.all(reports)).flat();
}

const isPage = (response: Response, origin: string): boolean =>
  response.url().startsWith(`${origin}/`) &&
  response.request().resourceType() === 'document' &&
  (response.headers()['content-type'] ?? '').startsWith('text/html');

async function validated(response: Response): Promise<string[]> {
  const html = await response.text().catch(() => undefined);
  // A page that sends itself on is gone before it can be read.
  if (!html) return [];
  const { results } = await validator.validateString(html);
  const path = new URL(response.url()).pathname;
  return results.flatMap(({ messages }) => messages.map(({ line, message }) => `${path}:${line}: ${message}`));
}
