// Steps of a sign-in one request at a time, for tests that leave the path; what page it is, and whether anybody is signed in afterwards.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../../config/root.js';
import { type Browser, type Page, readForm } from './browser.js';
import { authorizationUrl, type Party, password, pkce } from './party.js';
import type { TestServer } from './server.js';

export type PageName =
  | 'identifier'
  | 'password'
  | 'one_page'
  | 'change_password'
  | 'enrolment'
  | 'consent'
  | 'select_account'
  | 'error'
  | 'client'
  | 'other';

export function nameOf({ html, url }: Page): PageName {
  if (/\/interaction\/[^/?]+\/change_password"/.test(html)) return 'change_password';
  if (/\/interaction\/[^/?]+\/enrolment"/.test(html)) return 'enrolment';
  if (/\/interaction\/[^/?]+\/consent"/.test(html)) return 'consent';
  if (/\/interaction\/[^/?]+\/select_account"/.test(html)) return 'select_account';
  const asksName = html.includes('id="username"');
  const asksPassword = html.includes('name="password"');
  if (asksName) return asksPassword ? 'one_page' : 'identifier';
  if (asksPassword) return 'password';
  if (html.includes('class="lede"') && !html.includes('<form')) return 'error';
  return html === '' && !url.includes('localhost') ? 'client' : 'other';
}

export const titleOf = ({ html }: Pick<Page, 'html'>): string => /<h1>([^<]*)<\/h1>/.exec(html)?.[1] ?? '';

/** Where the pages of this interaction lie. */
export const baseOf = ({ url }: Page): string => /^.*\/interaction\/[^/?]+/.exec(url)?.[0] ?? '';

/** Where the engine goes on with it. */
export const resumeOf = (page: Page): string => baseOf(page).replace('/interaction/', '/authorize/');

export const csrfOf = (page: Page): string => readForm(page).values.find(([name]) => name === 'csrf')?.[1] ?? '';

/** A form as a browser sends it, to any address, with any header; no redirect followed. */
export async function send(
  browser: Browser,
  address: string,
  fields: Record<string, string>,
  headers: Record<string, string> = { origin: new URL(address).origin },
): Promise<Page> {
  const response = await browser.request(address, { method: 'POST', body: new URLSearchParams(fields), headers });
  return { url: address, status: response.status, headers: response.headers, html: await response.text() };
}

/** What an authorization request that may ask nothing says of this browser (OpenID Connect Core §3.1.2.1 prompt=none). */
export async function silently(
  server: TestServer,
  party: Party,
  browser: Browser,
  more: Record<string, string> = {},
): Promise<URLSearchParams> {
  const page = await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'none', ...more }));
  return new URL(page.url).searchParams;
}

export const isSignedIn = async (server: TestServer, party: Party, browser: Browser): Promise<boolean> =>
  (await silently(server, party, browser)).get('error') !== 'login_required';

/** From the first page to the page behind the password. */
export async function giveNameAndPassword(
  browser: Browser,
  page: Page,
  email: string,
  secret = password,
): Promise<Page> {
  const next = nameOf(page) === 'identifier' ? await browser.submit(page, { username: email }) : page;
  return browser.submit(next, { username: email, password: secret });
}

/** A page without what differs from one answer to the next. */
export const withoutNonces = ({ html }: Page): string =>
  html
    .replace(/name="csrf" value="[^"]*"/g, '')
    .replace(/\/interaction\/[\w-]+/g, '/interaction/…')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '…');

/** The words of the error pages, wherever they are improved. */
export const errorTitles = Object.fromEntries(
  Object.entries(
    (
      JSON.parse(readFileSync(path.join(projectRoot, 'views/locales/en.json'), 'utf8')) as {
        errors: Record<string, { title: string } | string>;
      }
    ).errors,
  ).flatMap(([code, words]) => (typeof words === 'string' ? [] : [[code, words.title]])),
) as Record<string, string>;
