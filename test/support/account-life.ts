// Pages with several forms, as those of the account: the form that a button belongs to, filled in and sent.
import { type Browser, type Page, readForm } from './browser.js';
import { letterTo, linkIn } from './mailbox.js';
import { signIn } from './party.js';
import type { TestServer } from './server.js';

/** Which form of the page the button with this id is in. */
const formOf = ({ html }: Page, id: string): number =>
  (html.slice(0, html.indexOf(`id="${id}"`)).match(/<form/g) ?? []).length - 1;

export const press = (browser: Browser, page: Page, id: string, fields: Record<string, string> = {}): Promise<Page> =>
  browser.submit(page, fields, formOf(page, id));

/** What would be sent, to send it otherwise. */
export const fieldsOf = (page: Page, id: string): Record<string, string> =>
  Object.fromEntries(readForm(page, formOf(page, id)).values);

/** Asks for another address, and opens the page of the link that came there. */
export async function wishFor(server: TestServer, browser: Browser, email: string, wanted: string): Promise<Page> {
  const form = await signIn(browser, `${server.issuer}/account/email`, email);
  return press(browser, form, 'account-email-save', { email: wanted });
}

export const confirmLink = async (server: TestServer, wanted: string): Promise<string> =>
  linkIn(await letterTo(server, wanted, /email\/confirm/));

export const undoLink = async (server: TestServer, former: string): Promise<string> =>
  linkIn(await letterTo(server, former, /email-undo/));

/** The whole way to another address. */
export async function changeEmail(server: TestServer, browser: Browser, email: string, wanted: string): Promise<Page> {
  await wishFor(server, browser, email, wanted);
  return press(browser, await browser.open(await confirmLink(server, wanted)), 'account-email-confirm');
}
