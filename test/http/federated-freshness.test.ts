// How old what an identity provider says is, where it does not say so itself.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import { comeBack, identityOf, leadsTo, makeConnection, type TestConnection } from '../support/federated.js';
import { baseOf, csrfOf, giveNameAndPassword, isSignedIn, nameOf, send, silently } from '../support/journey.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const mfa = JSON.stringify({ id_token: { acr: { essential: true, values: ['urn:ostiary:acr:mfa'] } } });

describe('an identity provider that does not say when it was shown who somebody is', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let plain: TestConnection;
  let openid: TestConnection;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    plain = await makeConnection(server, { kind: 'oauth2', name: 'Plain', button: true });
    openid = await makeConnection(server, { name: 'Example Mail', button: true });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    person = await makePerson(server);
    for (const { id } of [plain, openid])
      await server.inside(({ identities }) => identities.link({ id: person.id }, id, `s-${person.id}`));
  });

  const begin = (more: Record<string, string> = {}) => browser.open(authorizationUrl(server, party, pkce(), more));
  const by = async ({ key }: TestConnection, more: Record<string, string> = {}) =>
    comeBack(
      server,
      browser,
      await begin({ connection: key, ...more }),
      identityOf({ subject: `s-${person.id}`, email: person.email }),
    );
  const isIn = ({ url }: Page) => url.includes('code=');

  it('signs in where nobody asks how long ago that was', async () => {
    expect(isIn(await by(plain))).toBe(true);
  });

  it.each<[string, Record<string, string>]>([
    ['prompt=login', { prompt: 'login' }],
    ['max_age', { max_age: '600' }],
    ['both', { prompt: 'login', max_age: '5' }],
  ])('is no new sign-in (%s, OpenID Connect Core §3.1.2.1): something else is', async (_what, asked) => {
    const page = await by(plain, asked);
    expect([isIn(page), nameOf(page)]).toEqual([false, 'identifier']);
    expect(await isSignedIn(server, party, browser)).toBe(false);
    expect(isIn(await giveNameAndPassword(browser, page, person.email))).toBe(true);
  });

  it('is none either in a session that stands on it', async () => {
    await by(plain);
    const said = await silently(server, party, browser, { max_age: '600' });
    expect(said.get('error')).toBe('login_required');
    expect((await silently(server, party, browser)).get('error')).toBeNull();
  });

  it('changes nothing in the account: something of their own is asked for', async () => {
    await by(plain);
    const security = `${server.issuer}/account/security/totp/setup`;
    const asked = await browser.open(security);
    expect([asked.html.includes('name="offer"'), asked.url.includes('/interaction/')]).toEqual([false, true]);
    // What is proved in the same second is of the same sign-in.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const end = await giveNameAndPassword(browser, asked, person.email);
    expect(end.html).toContain('name="offer"');
  });

  it.each(['oauth2', 'oidc'])(
    'sets up no second factor (NIST SP 800-63B-4 §4.1): something of their own is asked for first (%s)',
    async (kind) => {
      const page = await by(kind === 'oauth2' ? plain : openid, { claims: mfa });
      expect([nameOf(page), leadsTo(page) !== undefined]).toEqual(['identifier', false]);
      await send(browser, `${baseOf(page)}/enrolment`, { csrf: csrfOf(page), method: 'totp' });
      expect(await server.inside(({ secondFactors }) => secondFactors.of(person.id))).toMatchObject({ totp: false });
      const proved = await giveNameAndPassword(browser, page, person.email);
      expect(nameOf(proved)).toBe('enrolment');
    },
  );

  it('sets one up for whoever has nothing else', async () => {
    await server.inside(({ db }) =>
      db.manager.query('DELETE FROM password_credentials WHERE user_id = $1', [person.id]),
    );
    expect(nameOf(await by(plain, { claims: mfa }))).toBe('enrolment');
  });

  it('one that says when is a new sign-in, and is asked to say it', async () => {
    expect(isIn(await by(openid, { prompt: 'login', max_age: '5' }))).toBe(true);
    expect((await silently(server, party, browser, { max_age: '600' })).get('error')).toBeNull();
    const setup = await browser.open(`${server.issuer}/account/security/totp/setup`);
    expect(setup.html).toContain('name="offer"');
  });
});
