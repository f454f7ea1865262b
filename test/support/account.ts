// A person in their own account, by ordinary HTTP.
import { Browser, type Page, readForm } from './browser.js';
import { signIn } from './party.js';
import type { TestServer } from './server.js';

/** Signs in on the way to a page of the account. @returns the page, and the browser that is signed in now. */
export async function enter(
  server: Pick<TestServer, 'issuer'>,
  email: string,
  path = '',
  browser = new Browser(),
): Promise<{ browser: Browser; page: Page }> {
  const page = await signIn(browser, `${server.issuer}/account${path}`, email);
  const expected = `${server.issuer}/account${path}`;
  if (page.url !== expected || page.status !== 200)
    throw new Error(`not in the account: ${page.status} at ${page.url}: ${wordsOf(page).slice(0, 300)}`);
  return { browser, page };
}

export const wordsOf = ({ html }: Pick<Page, 'html'>): string =>
  html
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

/** The place of the form that is sent to an address, and, where there are several, holds a value. */
export function formAt(page: Page, action: string, holding = ''): number {
  for (let index = 0; ; index += 1) {
    const form = readForm(page, index);
    const values = form.values.map(([, value]) => value);
    if (form.action.endsWith(action) && (holding === '' || values.includes(holding))) return index;
  }
}
