import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { enter, formAt } from '../support/account.js';
import { Browser, type Page } from '../support/browser.js';
import {
  answered,
  comeBack,
  identityOf,
  leadsTo,
  makeConnection,
  press,
  proveDomain,
  type Said,
  type TestConnection,
} from '../support/federated.js';
import { baseOf, csrfOf, isSignedIn, nameOf, send, titleOf } from '../support/journey.js';
import { makeOrganization, type TestOrganization } from '../support/organizations.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { generous } from '../support/sign-in-letters.js';

const open = { first_factors: ['password', 'passkey', 'email_code', 'magic_link'], registration: 'open' };
const refused = 'Request could not be completed';

describe('a domain whose people sign in by its identity provider alone', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let mail: TestConnection;
  let organization: TestOrganization;
  let domain: string;
  let theirs: TestConnection;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer({ overrides: { letters: generous } });
    party = await makeClient(server, { consent_policy: 'implicit' });
    await setPolicy(server, open);
    mail = await makeConnection(server, { name: 'Example Mail', button: true });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    organization = await makeOrganization(server);
    domain = await proveDomain(server, organization);
    person = await makePerson(server, `maria@${domain}`);
    theirs = await makeConnection(server, { organization, discovery: 'required' });
  });

  const begin = (more: Record<string, string> = {}) =>
    browser.open(authorizationUrl(server, party, pkce(), { ...more }));
  const nobody = async () => expect(await isSignedIn(server, party, browser)).toBe(false);
  const identities = (id = person.id) => server.inside(({ identities }) => identities.of({ id }));
  const byMail = async (said: Said) =>
    comeBack(server, browser, await press(browser, await begin(), mail), identityOf(said));
  const reasons = async ({ id }: TestConnection): Promise<string[]> =>
    (
      await server.services.db.manager.query(
        `SELECT data ->> 'reason' AS reason FROM audit_events
          WHERE name = 'federation.refused' AND data ->> 'connection_id' = $1 ORDER BY id`,
        [id],
      )
    ).map(({ reason }: { reason: string }) => reason);

  describe('spoken of by another one', () => {
    it.each([true, false])(
      'is proved there by nobody: no password is asked for (address verified: %s)',
      async (email_verified) => {
        const page = await byMail({ email: person.email, email_verified });
        expect([page.status, titleOf(page), await identities()]).toEqual([400, refused, []]);
        expect((await reasons(mail)).at(-1)).toBe('provider_required');
        await nobody();
      },
    );

    it('who was known by it before: nothing is written about them', async () => {
      await server.inside(({ identities }) => identities.link({ id: person.id }, mail.id, 'before'));
      const page = await byMail({ subject: 'before', email: person.email, name: 'Somebody Else' });
      expect([page.status, titleOf(page), (await reasons(mail)).at(-1)]).toEqual([400, refused, 'provider_required']);
      const { claims } = await server.inside(({ users }) => users.find(person.id));
      expect(claims).toEqual({ name: 'Maria Muster' });
      await nobody();
    });

    it('is given no account by it', async () => {
      const email = `new@${domain}`;
      expect((await byMail({ email })).status).toBe(400);
      expect(await server.inside(({ users }) => users.findByEmail(email))).toBeUndefined();
    });

    it('is not linked where that came to be while the account was proved, nor is anything set up for it', async () => {
      const late = await makeOrganization(server);
      const { id, email } = await makePerson(server, `jonas@${await proveDomain(server, late)}`);
      const named = await browser.submit(await byMail({ email }), { username: email });
      const asked = await browser.submit(named, { password });
      expect(asked.html).toContain('id="link-submit"');
      await makeConnection(server, { organization: late, discovery: 'required' });
      await send(browser, `${baseOf(asked)}/link`, { csrf: csrfOf(asked), decision: 'link' });
      expect(await identities(id)).toEqual([]);
      await nobody();
    });

    it('is not connected with it in the account either', async () => {
      const late = await makeOrganization(server);
      const { id, email } = await makePerson(server, `jonas@${await proveDomain(server, late)}`);
      const { browser: inside, page } = await enter(server, email, '/identities');
      const away = await inside.submit(page, {}, formAt(page, '/account/identities/connect', mail.key));
      const address = await answered(server, leadsTo(away) ?? '', identityOf({ email: 'elsewhere@example.net' }));
      await makeConnection(server, { organization: late, discovery: 'required' });
      const end = await inside.open(address);
      expect([end.status, titleOf(end), await identities(id)]).toEqual([400, refused, []]);
    });
  });

  describe('while another account is to be proved', () => {
    let linking: Page;
    beforeEach(async () => {
      linking = await byMail({ email: (await makePerson(server)).email });
      expect(linking.html).toContain('id="linking"');
    });

    it.each<[string, Record<string, string>]>([
      ['no password is looked at', { password }],
      ['no code is sent', { with: 'email_code' }],
      ['no link is sent', { with: 'magic_link' }],
    ])('is sent to its own: %s', async (_what, more) => {
      const fields = { csrf: csrfOf(linking), username: person.email, ...more };
      const sent = await send(browser, `${baseOf(linking)}/login`, fields);
      expect(sent.headers.get('location')).toContain(`/federation/${theirs.key}`);
      expect(leadsTo(await browser.open(`${baseOf(linking)}/federation/${theirs.key}`))).toContain(theirs.id);
      await nobody();
    });

    it('nobody makes an account in it', async () => {
      const email = `new@${domain}`;
      const fields = { csrf: csrfOf(linking), username: email, password: 'correct horse battery staple 9' };
      const sent = await send(browser, `${baseOf(linking)}/register`, fields);
      expect(sent.headers.get('location')).toContain(`/federation/${theirs.key}`);
      expect(await server.inside(({ users }) => users.findByEmail(email))).toBeUndefined();
    });
  });

  describe('and an answer of it that was refused', () => {
    /** As `decision` is refused: the page, and what the sign-in takes afterwards. */
    const turnedAway = async (email: string, said: Said = {}) => {
      const away = await browser.submit(await begin(), { username: email });
      const page = await comeBack(server, browser, away, identityOf({ email, ...said }));
      expect([page.status, titleOf(page)]).toEqual([400, refused]);
      return browser.open(baseOf(away));
    };
    const groups = (required_groups: string[]) =>
      server.inside(({ db }) =>
        db.manager.query('UPDATE connections SET settings = settings || $2::jsonb WHERE id = $1', [
          theirs.id,
          { provisioning: { required_groups } },
        ]),
      );

    it('does not shut out who looks after the tenant with a password alone', async () => {
      await server.inside(({ db }) =>
        db.manager.query(`UPDATE users SET roles = '{ADMIN}' WHERE id = $1`, [person.id]),
      );
      const page = await turnedAway(person.email);
      expect(nameOf(page)).toBe('password');
      expect((await browser.submit(page, { password })).url).toContain('code=');
    });

    it('signs in nobody else by their password, and tells not who is who', async () => {
      await groups(['staff']);
      const page = await turnedAway(person.email);
      expect(nameOf(page)).toBe('password');
      expect(nameOf(await browser.submit(page, { password }))).toBe('identifier');
      await nobody();
    });

    it('makes nobody an account', async () => {
      await groups(['staff']);
      const email = `new@${domain}`;
      const page = await turnedAway(email);
      const sent = await send(browser, `${baseOf(page)}/register`, {
        csrf: csrfOf(page),
        username: email,
        password: 'correct horse battery staple 9',
      });
      expect(sent.headers.get('location')).toContain(`/federation/${theirs.key}`);
      expect(await server.inside(({ users }) => users.findByEmail(email))).toBeUndefined();
    });

    it('opens no other sign-in', async () => {
      await groups(['staff']);
      await turnedAway(person.email);
      expect(leadsTo(await browser.submit(await begin(), { username: person.email, password }))).toContain(theirs.id);
    });
  });

  it('proves an account beside what its own says: the address was somebody else’s there before', async () => {
    await server.inside(({ identities }) => identities.link({ id: person.id }, theirs.id, 'before'));
    const page = await begin({ connection: theirs.key });
    const asked = await comeBack(server, browser, page, identityOf({ email: person.email }));
    expect(asked.html).toContain('id="linking"');
    const proved = await browser.submit(await browser.submit(asked, { username: person.email }), { password });
    expect(proved.html).toContain('id="link-submit"');
    expect((await browser.submit(proved, { decision: 'link' })).url).toContain('code=');
  });

  it('and whoever would rather not is not signed in by their password', async () => {
    await server.inside(({ identities }) => identities.link({ id: person.id }, theirs.id, 'before'));
    const page = await begin({ connection: theirs.key });
    const asked = await comeBack(server, browser, page, identityOf({ email: person.email }));
    const proved = await browser.submit(await browser.submit(asked, { username: person.email }), { password });
    expect(nameOf(await browser.submit(proved, { decision: 'later' }))).toBe('identifier');
    await nobody();
  });
});
