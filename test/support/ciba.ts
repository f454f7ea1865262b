// Somebody who is asked at another device (OpenID Connect CIBA), and answers on the page of requests.
import type { Browser, Page } from './browser.js';
import { makeClient, type Party } from './party.js';
import type { TestServer } from './server.js';

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba';

export const makeBank = (server: TestServer, more: Record<string, unknown> = {}): Promise<Party> =>
  makeClient(server, {
    client_name: 'Bank Counter',
    redirect_uris: [],
    response_types: [],
    grant_types: [CIBA_GRANT, 'refresh_token'],
    backchannel_token_delivery_mode: 'poll',
    ...more,
  });

/** On the page of requests, the newest first. */
export function press(browser: Browser, page: Page, verb: 'approve' | 'deny'): Promise<Page> {
  const forms = [...page.html.matchAll(/<form[^>]*action="([^"]*)"/g)].map(([, action = '']) => action);
  return browser.submit(
    page,
    {},
    forms.findIndex((action) => action.endsWith(`/requests/${verb}`)),
  );
}
