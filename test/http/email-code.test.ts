import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser, type Page } from '../support/browser.js';
import { withoutNonces } from '../support/journey.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, redeem } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { codeIn } from '../support/sign-in-letters.js';

describe('signing in by a code in a mail', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    email = (await makePerson(server)).email;
    browser = new Browser();
    await policy({ first_factors: ['password', 'email_code'] });
  });

  const policy = (authentication: object) => setPolicy(server, authentication);

  async function begin(name = email, visitor = browser) {
    const proof = pkce();
    const page = await visitor.open(authorizationUrl(server, party, proof));
    const named = await visitor.submit(page, { username: name });
    return { named, proof, page: await visitor.submit(named, { with: 'email_code' }) };
  }

  /** The newest code in the mailbox of this person. */
  const codeInMail = (...seen: string[]) => codeIn(server, email, ...seen);
  const asks = (page: Page) => page.html.includes('code-submit');

  it('lets in whoever types it where they asked, once (RFC 8176: otp)', async () => {
    const { page, proof } = await begin();
    expect(asks(page)).toBe(true);
    const code = await codeInMail();
    const end = await browser.submit(page, { code });
    const { status, body } = await redeem(server, party, codeOf(end), proof);
    expect(status).toBe(200);
    expect(decodeJwt(String(body.id_token))).toMatchObject({ acr: 'urn:ostiary:acr:1fa', amr: ['otp'] });
  });

  it('is good in no other sign-in, and dies when another one is asked for', async () => {
    const { page } = await begin();
    const first = await codeInMail();
    const other = new Browser();
    const theirs = await begin(email, other);
    const second = await codeInMail(first);
    expect((await browser.submit(page, { code: second })).status).toBe(422);
    expect((await other.submit(theirs.page, { code: first })).status).toBe(422);
    codeOf(await other.submit(theirs.page, { code: second }));
  });

  it('is not asked for, nor sent, where the tenant does not allow it', async () => {
    await policy({});
    const { named, page } = await begin();
    expect(named.html).not.toContain('login-email');
    expect(asks(page)).toBe(false);
  });

  it('looks the same for an address without an account, to the last try', async () => {
    const stranger = `nobody-${Date.now()}@example.com`;
    const seen = async (name: string) => {
      const visitor = new Browser();
      let { page } = await begin(name, visitor);
      const pages = [page];
      for (let i = 0; i < 6; i += 1) {
        page = await visitor.submit(page, { code: 'abcdef' });
        pages.push(page);
      }
      return pages.map((one) => [one.status, withoutNonces(one).replaceAll(name, 'NAME')]);
    };
    expect(await seen(stranger)).toEqual(await seen(email));
  });

  it('leads back to the password', async () => {
    const { page } = await begin();
    const back = await browser.submit(page, { instead: 'password' });
    expect(back.html).toContain('name="password"');
  });

  it('is sent again five times in an hour at most', async () => {
    let { page } = await begin();
    for (let i = 0; i < 4; i += 1) page = await browser.submit(page, { again: 'yes' });
    const refused = await browser.submit(page, { again: 'yes' });
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBeTruthy();
  });
});
