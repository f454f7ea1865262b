import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { enter, formAt, wordsOf } from '../support/account.js';
import { Browser, type Page } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import {
  answered,
  comeBack,
  disable,
  identityOf,
  leadsTo,
  makeConnection,
  press,
  type TestConnection,
} from '../support/federated.js';
import { isSignedIn, titleOf } from '../support/journey.js';
import { makeOrganization } from '../support/organizations.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { subjectsOf } from '../support/sign-in-letters.js';

describe('the identity providers of one’s own account', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let mail: TestConnection;
  let person: { id: string; email: string };
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } as never });
    party = await makeClient(server, { consent_policy: 'implicit' });
    mail = await makeConnection(server, { name: 'Example Mail', button: true });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    person = await makePerson(server);
    ({ browser, page } = await enter(server, person.email, '/identities'));
  });

  const identities = (id = person.id) => server.inside(({ identities }) => identities.of({ id }));
  const connect = async (from = page, { key } = mail) =>
    browser.submit(from, {}, formAt(from, '/account/identities/connect', key));
  const connected = async (said = identityOf({ email: person.email })) =>
    browser.open(await answered(server, leadsTo(await connect()) ?? '', said));
  const letters = async () => (await subjectsOf(server, person.email)).filter((subject) => /sign in/i.test(subject));
  const soon = async (found: () => Promise<unknown[]>) => {
    for (let tries = 0; tries < 250 && (await found()).length === 0; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return found();
  };

  it('are none at first, and can be connected', async () => {
    expect(page.html).toContain('id="identities-none"');
    expect(page.html).toContain('Connect Example Mail');
    expect(page.html).not.toContain('idp.example');
  });

  it('one is connected by a sign-in over there; its owner is told by mail', async () => {
    const end = await connected();
    expect([end.url, wordsOf(end).includes('It is connected.')]).toEqual([
      `${server.issuer}/account/identities?done=identity_connected`,
      true,
    ]);
    expect(await identities()).toMatchObject([{ connectionId: mail.id }]);
    expect(end.html).not.toContain(`identity-connect-${mail.key}`);
    expect(await soon(letters)).toHaveLength(1);
  });

  it('signs in by it afterwards, whatever address it says', async () => {
    const said = identityOf({ email: 'elsewhere@example.net', email_verified: false });
    await connected(said);
    browser = new Browser();
    const first = await browser.open(authorizationUrl(server, party, pkce()));
    expect((await comeBack(server, browser, await press(browser, first, mail), said)).url).toContain('code=');
  });

  it('takes a new proof', async () => {
    clock.move(601);
    const asked = await connect();
    expect([leadsTo(asked), asked.url.includes('/interaction/')]).toEqual([undefined, true]);
    const away = await connect(page);
    expect(leadsTo(away)).toBeUndefined();
  });

  it('takes the token of the form', async () => {
    const sent = await browser.request(`${server.issuer}/account/identities/connect`, {
      method: 'POST',
      body: new URLSearchParams({ connection: mail.key, csrf: 'none' }),
      headers: { origin: new URL(server.issuer).origin },
    });
    expect(sent.status).toBe(403);
  });

  it('takes the answer once, in the session that asked, of the person who asked', async () => {
    const address = await answered(server, leadsTo(await connect()) ?? '', identityOf({ email: person.email }));
    const other = await makePerson(server);
    const stranger = await enter(server, other.email, '/identities');
    expect((await stranger.browser.open(address)).status).toBe(400);
    const nobody = await new Browser().open(address);
    expect(nobody.url).toContain('/interaction/');
    expect([await identities(), await identities(other.id)]).toEqual([[], []]);
    expect((await browser.open(address)).status).toBe(200);
    expect((await browser.open(address)).status).toBe(400);
    expect(await identities()).toHaveLength(1);
  });

  it('takes no answer that was asked for in a sign-in', async () => {
    const elsewhere = new Browser();
    const first = await elsewhere.open(authorizationUrl(server, party, pkce()));
    const address = await answered(
      server,
      leadsTo(await press(elsewhere, first, mail)) ?? '',
      identityOf({ email: person.email }),
    );
    const handle = new URL(address).search;
    expect((await browser.open(`${server.issuer}/account/identities/callback${handle}`)).status).toBe(400);
    expect(await identities()).toEqual([]);
  });

  it('is refused where it is somebody else’s already, and says so', async () => {
    const other = await makePerson(server);
    const said = identityOf({ subject: `taken-${person.id}`, email: other.email });
    await server.inside(({ identities }) => identities.link({ id: other.id }, mail.id, said.subject));
    const end = await connected(said);
    expect([end.status, wordsOf(end).includes('connected with another account')]).toEqual([409, true]);
    expect(await identities()).toEqual([]);
  });

  it('does not go on where the connection was disabled meanwhile', async () => {
    const brief = await makeConnection(server, { button: true, name: 'Brief' });
    const again = await browser.open(`${server.issuer}/account/identities`);
    expect(again.html).toContain(brief.key);
    const address = await answered(
      server,
      leadsTo(await connect(again, brief)) ?? '',
      identityOf({ email: person.email }),
    );
    await disable(server, brief);
    expect((await browser.open(address)).status).toBe(400);
    expect(await identities()).toEqual([]);
  });

  it('offers that of an organization to its members, and to nobody else', async () => {
    const organization = await makeOrganization(server, { members: [person] });
    const theirs = await makeConnection(server, { organization, name: 'Acme Directory' });
    expect((await browser.open(page.url)).html).toContain(theirs.key);
    const stranger = await enter(server, (await makePerson(server)).email, '/identities');
    expect(stranger.page.html).not.toContain(theirs.key);
    const form = { connection: theirs.key, csrf: /name="csrf" value="([^"]*)"/.exec(stranger.page.html)?.[1] ?? '' };
    const sent = await stranger.browser.request(`${server.issuer}/account/identities/connect`, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: { origin: new URL(server.issuer).origin },
    });
    expect(sent.status).toBe(404);
  });

  it('is let go, which its owner is told, and signs in nobody any more', async () => {
    const said = identityOf({ email: person.email });
    const list = await connected(said);
    const before = (await soon(letters)).length;
    const end = await browser.submit(list, {}, formAt(list, '/account/identities/remove'));
    expect([wordsOf(end).includes('It is disconnected.'), await identities()]).toEqual([true, []]);
    expect(before).toBe(1);
    browser = new Browser();
    const first = await browser.open(authorizationUrl(server, party, pkce()));
    await comeBack(server, browser, await press(browser, first, mail), said);
    expect(await isSignedIn(server, party, browser)).toBe(false);
  });

  it('is not let go where it is the only way in', async () => {
    const said = identityOf({
      email: `only-${person.id}@example.net`,
      authenticated_at: Math.floor(clock.now().getTime() / 1000),
    });
    browser = new Browser();
    const first = await browser.open(authorizationUrl(server, party, pkce()));
    await comeBack(server, browser, await press(browser, first, mail), said);
    const list = await browser.open(`${server.issuer}/account/identities`);
    const end = await browser.submit(list, {}, formAt(list, '/account/identities/remove'));
    expect(end.status).toBe(409);
    expect(wordsOf(end)).toContain('only way into your account');
  });

  it('lets go nothing of somebody else, as if it were not there', async () => {
    const other = await makePerson(server);
    const theirs = await server.inside(({ identities }) =>
      identities.link({ id: other.id }, mail.id, `of-${other.id}`),
    );
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
    for (const identity of [theirs.id, '0190f0f0-0000-7000-8000-00000000000a', 'none']) {
      const sent = await browser.request(`${server.issuer}/account/identities/remove`, {
        method: 'POST',
        body: new URLSearchParams({ identity, csrf }),
        headers: { origin: new URL(server.issuer).origin },
      });
      expect(sent.status).toBe(404);
    }
    expect(await identities(other.id)).toHaveLength(1);
  });

  it('are said as JSON, without what the identity provider calls them', async () => {
    await connected(identityOf({ subject: 'a-subject', email: person.email }));
    const json = { headers: { accept: 'application/json' } };
    const said = await (await browser.request(`${server.issuer}/api/v1/identities`, json)).json();
    expect(said).toMatchObject({ items: [{ name: 'Example Mail', disabled: false }] });
    expect(JSON.stringify(said)).not.toContain('a-subject');
    expect(titleOf(await browser.open(`${server.issuer}/account/security`))).toBe('Security');
  });
});
