import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser, type Page } from '../support/browser.js';
import { baseOf, csrfOf, isSignedIn, nameOf, send, withoutNonces } from '../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  redeem,
} from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { generous, linkIn, subjectsOf } from '../support/sign-in-letters.js';

const byLink = { first_factors: ['password', 'magic_link'] };

describe('signing in by a link in a mail', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ overrides: { letters: generous } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    email = (await makePerson(server)).email;
    browser = new Browser();
    await setPolicy(server, byLink);
  });

  async function begin(name = email, visitor = browser) {
    const proof = pkce();
    const named = await visitor.submit(await visitor.open(authorizationUrl(server, party, proof)), { username: name });
    return { named, proof, page: await visitor.submit(named, { with: 'magic_link' }) };
  }
  const link = (...seen: string[]) => linkIn(server, email, 'sign-in-link', ...seen);
  const waits = (page: Page) => page.html.includes('link-again');

  it('lets in the browser that asked, once, after a click', async () => {
    const { page, proof } = await begin();
    expect(waits(page)).toBe(true);
    const address = await link();
    const confirm = await browser.open(address);
    expect(confirm.html).toContain('link-submit');
    const end = await browser.submit(confirm, {});
    const { body } = await redeem(server, party, codeOf(end), proof);
    expect(decodeJwt(String(body.id_token))).toMatchObject({ acr: 'urn:ostiary:acr:1fa', amr: ['otp'] });
    for (const visitor of [browser, new Browser()]) expect((await visitor.open(address)).status).toBe(400);
  });

  it('one of fifty clicks at once goes on, and the others lead to the same place', async () => {
    const { proof } = await begin();
    const confirm = await browser.open(await link());
    const action = confirm.url.replace(/\?.*/, '');
    const token = new URL(confirm.url).searchParams.get('token') ?? '';
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => send(browser, action, { csrf: csrfOf(confirm), token })),
    );
    for (const { status } of answers) expect([303, 400]).toContain(status);
    const events = (await server.inside(({ db }) =>
      db.manager.query(`SELECT 1 FROM one_time_tokens WHERE purpose = 'magic_link' AND consumed_at IS NOT NULL AND split_part(subject, ':', 1) =
        (SELECT id::text FROM users WHERE email = '${email}')`),
    )) as unknown[];
    expect(events).toHaveLength(1);
    expect((await redeem(server, party, codeOf(await browser.open(baseOf(confirm))), proof)).status).toBe(200);
  });

  it('in another browser signs nobody in, and shows a code for the one that asked', async () => {
    const { page, proof } = await begin();
    const other = new Browser();
    const asked = await other.open(await link());
    expect(new URL(asked.url).pathname).toBe('/sign-in-link');
    expect(asked.html).not.toMatch(/\b\d{6}\b/);
    const shown = await other.submit(asked, {});
    const code = /id="sign-in-code">(\d{6})</.exec(shown.html)?.[1] ?? '';
    expect(shown.headers.get('cache-control')).toBe('no-store');
    expect(await isSignedIn(server, party, other)).toBe(false);
    expect((await other.submit(asked, {})).status).toBe(400);

    const stranger = await begin(email, new Browser());
    expect((await new Browser().open(stranger.page.url)).status).toBe(400);
    const end = await browser.submit(page, { code: `${code.slice(0, 3)} ${code.slice(3)}` });
    expect((await redeem(server, party, codeOf(end), proof)).status).toBe(200);
  });

  it('is no proof in the sign-in of another browser, to whose interaction its address is bent', async () => {
    await begin();
    const other = new Browser();
    const { page: theirs } = await begin(`someone-${Date.now()}@example.com`, other);
    const token = new URL(await link()).searchParams.get('token') ?? '';
    const bent = await other.open(`${baseOf(theirs)}/sign-in-link?${new URLSearchParams({ token })}`);
    expect(new URL(bent.url).pathname).toBe('/sign-in-link');
    const forced = await send(other, `${baseOf(theirs)}/sign-in-link`, { csrf: csrfOf(theirs), token });
    expect(forced.status).toBe(400);
    expect(waits(await other.open(baseOf(theirs)))).toBe(true);
    expect((await browser.open(await link())).html).toContain('link-submit');
  });

  it('is used up by no scanner that opens or fetches it (GET and HEAD), with or without the cookie', async () => {
    await begin();
    const address = await link();
    for (const method of ['GET', 'HEAD', 'GET']) {
      await new Browser().open(address, { method });
      await browser.open(address, { method });
    }
    codeOf(await browser.submit(await browser.open(address), {}));
  });

  it('dies when another one is asked for', async () => {
    const { page } = await begin();
    const older = await link();
    await browser.submit(page, { again: 'yes' });
    const newer = await link(older);
    expect((await browser.open(older)).status).toBe(400);
    codeOf(await browser.submit(await browser.open(newer), {}));
  });

  it('is one factor, and a code to the same mailbox is not another one (NIST SP 800-63B-4 §2.2.1)', async () => {
    await setPolicy(server, { ...byLink, multi_factor: 'required', second_factors: ['totp', 'email_code'] });
    await begin();
    const next = await browser.submit(await browser.open(await link()), {});
    expect(next.html).toContain('name="offer"');
    expect(await isSignedIn(server, party, browser)).toBe(false);
  });

  it('is neither offered nor sent nor taken where the tenant does not list it', async () => {
    await begin();
    const address = await link();
    const confirm = await browser.open(address);
    await setPolicy(server, {});
    const answer = await browser.submit(confirm, {});
    expect(await isSignedIn(server, party, browser)).toBe(false);
    expect(answer.url).not.toContain('code=');
    const visitor = new Browser();
    const other = (await makePerson(server)).email;
    const { named, page } = await begin(other, visitor);
    expect(named.html).not.toContain('login-link');
    expect(nameOf(page)).toBe('password');
    expect(await subjectsOf(server, other)).toEqual([]);
  });

  it('looks the same for an address without an account', async () => {
    const seen = async (name: string) => {
      const visitor = new Browser();
      const { page } = await begin(name, visitor);
      const pages = [page, await visitor.submit(page, { again: 'yes' }), await visitor.submit(page, { code: 'abc' })];
      return pages.map((one) => [one.status, withoutNonces(one).replaceAll(name, 'NAME')]);
    };
    expect(await seen(`nobody-${Date.now()}@example.com`)).toEqual(await seen(email));
  });

  it('leads back to the password', async () => {
    const { page } = await begin();
    const back = await browser.submit(page, { instead: 'password' });
    codeOf(await browser.submit(back, { password }));
  });
});
