// A device that asks for a code, and a person who types it (RFC 8628): ordinary HTTP.
import { Browser, type Page } from './browser.js';
import { makeClient, type Party, password, post, type TokenAnswer } from './party.js';
import type { TestServer } from './server.js';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export const makeDeviceClient = (server: TestServer, metadata: Record<string, unknown> = {}): Promise<Party> =>
  makeClient(server, {
    client_name: 'Living Room TV',
    redirect_uris: [],
    response_types: [],
    grant_types: [DEVICE_GRANT, 'refresh_token'],
    ...metadata,
  });

export const askForCodes = (
  server: Pick<TestServer, 'issuer'>,
  party: Party,
  form: Record<string, string> = {},
): Promise<TokenAnswer> => post(server, '/device_authorization', party, { scope: 'openid email', ...form });

export const poll = (server: Pick<TestServer, 'issuer'>, party: Party, deviceCode: string): Promise<TokenAnswer> =>
  post(server, '/token', party, { grant_type: DEVICE_GRANT, device_code: deviceCode });

/** @returns the page on which the code is compared, or what is said of it instead. */
export async function typeCode(browser: Browser, server: Pick<TestServer, 'issuer'>, code: string): Promise<Page> {
  return browser.submit(await browser.open(`${server.issuer}/device`), { user_code: code });
}

/** From the comparison to the page that asks for consent, or to the end where nothing is asked. */
export async function toConsent(browser: Browser, comparison: Page, email: string): Promise<Page> {
  let page = await browser.submit(comparison, { confirm: 'yes' });
  for (let step = 0; step < 6 && page.html.includes('<form'); step += 1) {
    if (page.html.includes('name="password"')) page = await browser.submit(page, { username: email, password });
    else if (page.html.includes('name="username"')) page = await browser.submit(page, { username: email });
    else return page;
  }
  return page;
}

/** To the end: signs in and agrees as far as the pages ask. */
export async function approve(browser: Browser, comparison: Page, email: string, decision = 'allow'): Promise<Page> {
  const page = await toConsent(browser, comparison, email);
  return page.html.includes('consent-allow') ? browser.submit(page, { decision }) : page;
}

/** A device that is connected already, and the browser that did it. */
export async function connect(server: TestServer, party: Party, email: string, browser = new Browser()) {
  const { body } = await askForCodes(server, party);
  const end = await approve(browser, await typeCode(browser, server, String(body.user_code)), email);
  return { deviceCode: String(body.device_code), userCode: String(body.user_code), browser, end };
}
