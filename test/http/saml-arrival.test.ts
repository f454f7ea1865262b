import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import { SamlParty } from '../support/saml/house.js';
import { startServer, type TestServer } from '../support/server.js';

describe('a sign-in that the identity provider begins (SAML Profiles §4.1.5)', () => {
  let server: TestServer;
  let open: SamlParty;
  let closed: SamlParty;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    open = await SamlParty.open(server, { idp_initiated: true });
    closed = await SamlParty.open(server);
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    [open, closed] = [await open.again(), await closed.again()];
    browser = new Browser();
  });

  /** As the page of the identity provider makes the browser do it. */
  const bring = (party: SamlParty, response: string, relayState?: string): Promise<Page> =>
    browser.open(party.addresses.assertion_consumer_service, {
      method: 'POST',
      body: new URLSearchParams({ SAMLResponse: response, ...(relayState ? { RelayState: relayState } : {}) }),
      headers: { origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
    });

  const confirm = (page: Page, by = browser) => {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.html)?.[1] ?? '';
    const value = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page.html)?.[1] ?? '';
    return by.request(new URL(action, server.issuer).href, {
      method: 'POST',
      body: new URLSearchParams({ handle: value('handle'), csrf: value('csrf') }),
      headers: { origin: server.issuer },
    });
  };

  it.each([undefined, 'made up', 'https://evil.example/'])(
    'is refused unless the connection takes it: RelayState %s',
    async (relayState) => {
      const page = await bring(closed, closed.response(null), relayState);
      expect(page.status).toBe(400);
      expect(page.html).toContain('Request could not be completed');
      expect(await closed.refusals()).toMatchObject([{ reason: 'unsolicited' }]);
      expect(browser.cookies.size).toBe(0);
    },
  );

  it('of what nobody has asked for only that is kept which the identity provider has signed', async () => {
    const kept = async (party: SamlParty, message: string) => {
      expect((await bring(party, message)).status).toBe(400);
      const trace = (await party.refusals()).at(-1)?.trace_id ?? '';
      return server.inside(async ({ traces }) => traces.recordedOf(await traces.find(trace))?.message !== undefined);
    };
    const junk = 'A'.repeat(100_000);
    expect([await kept(closed, junk), await kept(closed, closed.response(null))]).toEqual([false, false]);
    expect([await kept(open, junk), await kept(open, open.response(null, { sign: 'neither' }))]).toEqual([
      false,
      false,
    ]);
    const elsewhere = { assertion: { audiences: [['https://other.example']] } };
    expect(await kept(open, open.response(null, elsewhere))).toBe(true);
  });

  it('is a page that names the connection and asks; only then a request of ours goes there', async () => {
    const page = await bring(open, open.response(null), 'https://evil.example/');
    expect(page.status).toBe(200);
    expect(page.html).toContain('Acme');
    expect(page.html).not.toContain('evil.example');
    const next = await confirm(page);
    expect(next.status).toBe(303);
    const address = new URL(String(next.headers.get('location')));
    expect(address.origin).toBe(new URL(server.issuer).origin);
    expect(address.pathname).toBe('/authorize');
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      connection: open.connection.key,
      redirect_uri: `${server.issuer}/account/signed-in`,
      response_type: 'none',
    });
    expect(await open.refusals()).toEqual([]);
  });

  it('the page is opened as often as somebody likes, and signs nobody in', async () => {
    const page = await bring(open, open.response(null));
    const again = await browser.open(page.url);
    expect(again.status).toBe(200);
    expect((await browser.open(`${server.issuer}/account`)).url).toContain('/interaction/');
    expect((await confirm(again)).status).toBe(303);
  });

  it('nobody else is told by an address what the connection is called: not in another browser, and of no other handle', async () => {
    const page = await bring(open, open.response(null));
    const made = page.url.replace(/handle=.*/, 'handle=made-up');
    for (const other of [await new Browser().open(page.url), await browser.open(made)]) {
      expect(other.status).toBe(400);
      expect(other.html).not.toContain('Acme');
    }
    expect((await confirm(page)).status).toBe(303);
    expect((await browser.open(page.url)).status).toBe(400);
  });

  it('two in one browser do not get in each other’s way', async () => {
    const [one, other] = [await bring(open, open.response(null)), await bring(open, open.response(null))];
    expect([(await confirm(one)).status, (await confirm(other)).status]).toEqual([303, 303]);
  });

  it('is taken once, in the browser that brought it, with the form of our page', async () => {
    const page = await bring(open, open.response(null));
    expect((await confirm(page, new Browser())).status).toBe(400);
    const forged = { ...page, html: page.html.replace(/name="csrf" value="[^"]*"/, 'name="csrf" value="x"') };
    expect((await confirm(forged)).status).toBe(403);
    expect((await confirm(page)).status).toBe(303);
    expect((await confirm(page)).status).toBe(400);
  });

  it('an assertion that came before does not come again', async () => {
    const response = open.response(null);
    expect((await bring(open, response)).status).toBe(200);
    expect((await bring(open, response)).status).toBe(400);
    expect(await open.refusals()).toMatchObject([{ reason: 'assertion_once' }]);
  });

  it('an answer to somebody else’s request is none that nobody asked for (stolen assertions)', async () => {
    const { id } = await open.carried();
    expect((await bring(open, open.response(id))).status).toBe(400);
    expect(await open.refusals()).toMatchObject([{ reason: 'in_response_to' }]);
  });

  it('whoever asked still gets an answer in the ordinary way', async () => {
    expect(await open.signIn()).toMatchObject({ status: 303, location: expect.stringContaining('/back?handle=') });
  });
});
