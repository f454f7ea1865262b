import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
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
import { baseOf, csrfOf, isSignedIn, nameOf, send, titleOf } from '../support/journey.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { generous } from '../support/sign-in-letters.js';
import { totpCode } from '../support/totp.js';

describe('an identity provider speaks of an account that is there already', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let mail: TestConnection;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer({ overrides: { letters: generous } });
    party = await makeClient(server, { consent_policy: 'implicit' });
    mail = await makeConnection(server, { name: 'Example Mail', button: true });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    person = await makePerson(server);
  });

  const begin = () => browser.open(authorizationUrl(server, party, pkce()));
  const nobody = async () => expect(await isSignedIn(server, party, browser)).toBe(false);
  const identities = (id = person.id) => server.inside(({ identities }) => identities.of({ id }));
  const atProof = async (said = identityOf({ email: person.email })) =>
    comeBack(server, browser, await press(browser, await begin(), mail), said);
  const byPassword = async (page: Page, email = person.email) => {
    const next = await browser.submit(page, { username: email });
    return browser.submit(next, { password });
  };
  const isLink = ({ html }: Page) => html.includes('id="link-submit"');

  it('is told so, and nothing is linked before the account was proved', async () => {
    const page = await atProof();
    expect(page.html).toContain('id="linking"');
    expect(page.html).toContain(person.email);
    expect(page.html).not.toContain(`federation-${mail.key}`);
    expect(await identities()).toEqual([]);
    await nobody();
  });

  it('is linked when its owner has proved it and says so, and signs in by it from then on', async () => {
    const said = identityOf({ email: person.email });
    const asked = await byPassword(await atProof(said));
    expect([isLink(asked), (await identities()).length]).toEqual([true, 0]);
    const end = await browser.submit(asked, { decision: 'link' });
    expect(end.url).toContain('code=');
    expect(await identities()).toMatchObject([{ subject: said.subject, connectionId: mail.id }]);
    browser = new Browser();
    expect((await atProof(said)).url).toContain('code=');
  });

  it('is not linked where they would rather not; they are signed in all the same', async () => {
    const end = await browser.submit(await byPassword(await atProof()), { decision: 'later' });
    expect([end.url.includes('code='), await identities()]).toEqual([true, []]);
  });

  it('asks for a second factor before, of whoever has one', async () => {
    const secret = await server.inside(async ({ totp, users, clock }) => {
      const user = await users.find(person.id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await totpCode(offer.secret, clock.now()));
      return offer.secret;
    });
    const second = await byPassword(await atProof());
    expect(second.html).toContain('id="mfa-submit"');
    const early = await send(browser, `${baseOf(second)}/link`, { csrf: csrfOf(second), decision: 'link' });
    expect([early.status, await identities()]).toEqual([303, []]);
    const later = new Date(Date.now() + 30_000);
    const asked = await browser.submit(second, { code: await totpCode(secret, later) });
    expect(isLink(asked)).toBe(true);
    await browser.submit(asked, { decision: 'link' });
    expect(await identities()).toHaveLength(1);
  });

  it('links nothing to another account that was proved instead', async () => {
    const other = await makePerson(server);
    const end = await byPassword(await atProof(), other.email);
    expect(end.url).toContain('code=');
    expect([await identities(), await identities(other.id)]).toEqual([[], []]);
  });

  it('links nothing to a session of that account from before: it is proved anew', async () => {
    await byPassword(await begin());
    expect(await isSignedIn(server, party, browser)).toBe(true);
    const again = await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'login' }));
    const page = await comeBack(
      server,
      browser,
      await press(browser, again, mail),
      identityOf({ email: person.email }),
    );
    expect(page.html).toContain('id="linking"');
    expect(await identities()).toEqual([]);
  });

  it('links nothing by a form that comes out of its turn', async () => {
    const page = await atProof();
    for (const decision of ['link', 'later', '']) {
      const sent = await send(browser, `${baseOf(page)}/link`, { csrf: csrfOf(page), decision });
      expect(sent.status).toBe(303);
    }
    expect([await identities(), (await browser.open(baseOf(page))).html.includes('id="linking"')]).toEqual([[], true]);
    await nobody();
  });

  it('links once, however often it is sent', async () => {
    const asked = await byPassword(await atProof());
    const fields = { csrf: csrfOf(asked), decision: 'link' };
    const sent = await Promise.all([1, 2, 3, 4].map(() => send(browser, `${baseOf(asked)}/link`, fields)));
    expect(sent.every(({ status }) => status === 303 || status === 400)).toBe(true);
    expect(await identities()).toHaveLength(1);
  });

  it('is not linked where the connection was disabled meanwhile', async () => {
    const brief = await makeConnection(server, { button: true });
    const page = await comeBack(
      server,
      browser,
      await browser.open(authorizationUrl(server, party, pkce(), { connection: brief.key })),
      identityOf({ email: person.email }),
    );
    const asked = await byPassword(page);
    await disable(server, brief);
    const end = await browser.submit(asked, { decision: 'link' });
    expect(await identities()).toEqual([]);
    expect(end.url).toContain('code=');
  });

  it('does not go on in another browser: what was answered there is nobody’s here', async () => {
    await atProof();
    browser = new Browser();
    const end = await byPassword(await begin());
    expect([end.url.includes('code='), await identities()]).toEqual([true, []]);
  });

  it('takes an account over that a stranger made for the address: what they put into it goes', async () => {
    await setPolicy(server, { registration: 'open' });
    try {
      const email = `victim-${Date.now()}@example.net`;
      await server.inside(async ({ registration }) => {
        await registration.register({ email, password, flow: 'elsewhere', locale: 'en' } as never);
      });
      const end = await atProof(identityOf({ email }));
      expect(end.url).toContain('code=');
      const user = await server.inside(({ users }) => users.findByEmail(email));
      expect(user).toMatchObject({ emailVerified: true });
      browser = new Browser();
      const stranger = await byPassword(await begin(), email);
      expect([stranger.status, nameOf(stranger)]).toEqual([422, 'password']);
    } finally {
      await setPolicy(server, {});
    }
  });

  it('refuses an account that is disabled, without saying so', async () => {
    await server.inside(({ db }) =>
      db.manager.query('UPDATE users SET disabled_at = now() WHERE id = $1', [person.id]),
    );
    const page = await atProof();
    expect([page.status, titleOf(page)]).toEqual([400, 'Request could not be completed']);
    await nobody();
  });

  it('never takes an answer of the door for another connection', async () => {
    const other = await makeConnection(server, { button: true });
    const page = await press(browser, await begin(), mail);
    const location = (leadsTo(page) ?? '').replace(mail.id, other.id);
    await expect(answered(server, location, identityOf({ email: person.email }))).rejects.toMatchObject({
      status: 400,
    });
  });
});
