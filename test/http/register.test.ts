import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser, type Page } from '../support/browser.js';
import { baseOf, csrfOf, giveNameAndPassword, isSignedIn, nameOf, send, withoutNonces } from '../support/journey.js';
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

const create = { prompt: 'create' };
let count = 0;

describe('making an account of one’s own (OpenID Connect Initiating User Registration 1.0)', () => {
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
    count += 1;
    email = `new-${count}@example.com`;
    browser = new Browser();
    await setPolicy(server, { registration: 'open' });
  });

  const begin = async (more: Record<string, string> = create, visitor = browser) => {
    const proof = pkce();
    return { proof, page: await visitor.open(authorizationUrl(server, party, proof, more)) };
  };
  const asks = (page: Page) => page.html.includes('register-submit');
  const waits = (page: Page) => page.html.includes('registered-next');
  const register = async (name = email, visitor = browser, secret = password) => {
    const { page, proof } = await begin(create, visitor);
    return { proof, page: await visitor.submit(page, { username: name, name: 'Nora New', password: secret }) };
  };
  const claimsOf = async (end: Page, proof: ReturnType<typeof pkce>) => {
    const { status, body } = await redeem(server, party, codeOf(end), proof);
    expect([status, body.error_description]).toEqual([200, undefined]);
    return decodeJwt(String(body.id_token));
  };
  const discovery = async () =>
    (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as {
      prompt_values_supported: string[];
    };

  it('§4.1: prompt=create is supported exactly where people may register, and refused elsewhere as invalid_request', async () => {
    expect((await discovery()).prompt_values_supported).toEqual([
      'none',
      'login',
      'consent',
      'select_account',
      'create',
    ]);
    expect(asks((await begin()).page)).toBe(true);
    await setPolicy(server, {});
    expect((await discovery()).prompt_values_supported).not.toContain('create');
    const { page } = await begin();
    expect(new URL(page.url).searchParams.get('error')).toBe('invalid_request');
  });

  it('the address is proved in the browser in which the account was made: that is the sign-in', async () => {
    const { page, proof } = await register();
    expect(waits(page)).toBe(true);
    const link = await linkIn(server, email, 'verify-email');
    const confirm = await browser.open(link);
    expect(confirm.url).toContain('/interaction/');
    expect(confirm.html).toContain(email);
    const claims = await claimsOf(await browser.submit(confirm, {}), proof);
    expect(claims).toMatchObject({ amr: ['pwd'], acr: 'urn:ostiary:acr:1fa' });
    const user = await server.inside(({ users }) => users.findByEmail(email));
    expect(user).toMatchObject({ emailVerified: true, claims: { name: 'Nora New', locale: 'en' } });
    expect((await browser.open(link)).html).toContain('verify-again');
  });

  it('is nothing before its address is proved: the password answers as one that is wrong, however often', async () => {
    const { page } = await register();
    const asked = await browser.submit(page, {});
    expect(nameOf(asked)).toBe('password');
    expect(asked.html).toContain(email);
    const answers = [];
    const stranger = new Browser();
    const known = (await makePerson(server)).email;
    const theirs = await giveNameAndPassword(stranger, (await begin({}, stranger)).page, known, 'wrong words');
    for (const visitor of [browser, new Browser()]) {
      const start = visitor === browser ? asked : (await begin({}, visitor)).page;
      const answer = await giveNameAndPassword(visitor, start, email);
      answers.push([answer.status, withoutNonces(answer).replaceAll(email, 'NAME')]);
    }
    // The page of the sign-in that was begun to register differs in nothing either.
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(answers[1]).toEqual([
      theirs.status,
      withoutNonces(theirs).replaceAll(known, 'NAME').replaceAll('>M<', '>N<'),
    ]);
    expect(await server.inside(({ passwords }) => passwords.failures(email))).toMatchObject({ failed_count: 2 });
    expect(await isSignedIn(server, party, browser)).toBe(false);
  });

  it('is good where an administrator says that the address is proved', async () => {
    const { page, proof } = await register();
    await server.inside(async ({ users }) => {
      const user = await users.findByEmail(email);
      if (user) await users.update(user, { email_verified: true });
    });
    const end = await browser.submit(await browser.submit(page, {}), { password });
    expect((await claimsOf(end, proof)).amr).toEqual(['pwd']);
  });

  it('is good unproved where the tenant says so, and the client learns that (email_verified)', async () => {
    await setPolicy(server, { registration: 'open', email_verification: 'optional' });
    const { page, proof } = await register();
    const end = await browser.submit(await browser.submit(page, {}), { password });
    const { body } = await redeem(server, party, codeOf(end), proof);
    const userinfo = await fetch(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect(await userinfo.json()).toMatchObject({ email, email_verified: false });
  });

  it('an address that has an account is answered byte for byte alike; its owner alone hears of it, and nothing changes', async () => {
    const owner = await makePerson(server);
    const pages = [];
    for (const name of [email, owner.email]) {
      const visitor = new Browser();
      const { page } = await register(name, visitor, 'another river stone');
      const again = await visitor.submit(page, { again: 'yes' });
      const next = await visitor.submit(again, {});
      const refused = await visitor.submit(next, { password: 'another river stone' });
      pages.push(
        [page, again, next, refused].map((one) => [
          one.status,
          withoutNonces(one).replaceAll(name, 'NAME').replaceAll('>M<', '>N<'),
        ]),
      );
    }
    expect(pages[1]).toEqual(pages[0]);
    expect(await subjectsOf(server, owner.email)).toEqual([expect.stringContaining('You already have an account')]);
    expect((await server.inside(({ passwords }) => passwords.verify(owner.email, password))).outcome).toBe('ok');
  });

  it('a link in another browser asks for the password, stays good after a wrong one, and signs nobody in there', async () => {
    const { page, proof } = await register();
    const other = new Browser();
    const asked = await other.open(await linkIn(server, email, 'verify-email'));
    expect(new URL(asked.url).pathname).toBe('/verify-email');
    expect((await other.submit(asked, {})).status).toBe(422);
    const wrong = await other.submit(asked, { password: 'not it at all' });
    expect(wrong.status).toBe(422);
    const done = await other.submit(wrong, { password });
    expect(new URL(done.url).pathname).toBe('/verify-email/done');
    expect(await isSignedIn(server, party, other)).toBe(false);
    // It is proved: what was missed on the way weighs on no sign-in.
    const known = await server.inside(({ passwords }) => passwords.verify(email, password));
    expect(known).toMatchObject({ outcome: 'ok', failures: 0 });
    const end = await browser.submit(await browser.submit(page, {}), { password });
    expect((await claimsOf(end, proof)).amr).toEqual(['pwd']);
  });

  it('whoever did not make it takes it over: what somebody else put there is gone, also where they wait', async () => {
    const { page } = await register(email, browser, 'the words of a stranger');
    const link = await linkIn(server, email, 'verify-email');
    const owner = new Browser();
    const set = await owner.submit(await owner.open(link), { not_mine: 'yes' });
    expect(new URL(set.url).pathname).toBe('/password');
    const saved = await owner.submit(set, { password: 'the words of the owner' });
    expect(saved.url).toMatch(/\/password\/done$/);
    expect((await browser.open(link)).html).toContain('verify-again');
    const asked = await browser.submit(page, {});
    expect((await browser.submit(asked, { password: 'the words of a stranger' })).status).toBe(422);
    expect(await isSignedIn(server, party, browser)).toBe(false);
  });

  it('whoever takes it over finds nothing in it that somebody else wrote, and nobody at home there', async () => {
    await setPolicy(server, { registration: 'open', email_verification: 'optional' });
    const { page } = await register(email, browser, 'the words of a stranger');
    codeOf(await browser.submit(await browser.submit(page, {}), { password: 'the words of a stranger' }));
    const { db } = server.services;
    await server.inside(async ({ users }) => {
      const user = await users.findByEmail(email);
      if (user) await users.changeSettings(user, { notifications: { new_device: false } });
    });
    const owner = new Browser();
    const link = await linkIn(server, email, 'verify-email');
    const set = await owner.submit(await owner.open(link), { not_mine: 'yes' });
    await owner.submit(set, { password: 'the words of the owner' });
    const user = await server.inside(({ users }) => users.findByEmail(email));
    expect(user).toMatchObject({ emailVerified: true, claims: {}, settings: {} });
    for (const table of ['devices', 'known_networks'])
      expect(await db.manager.query(`SELECT 1 FROM ${table} WHERE user_id = $1`, [user?.id])).toEqual([]);
  });

  it('is nobody’s to take over once an administrator has said that the address is proved, whichever it is later', async () => {
    await register();
    const link = await server.inside(async ({ users, passwordLinks, recoveryCodes }) => {
      const user = await users.findByEmail(email);
      if (!user) throw new Error('nobody was made');
      await users.update(user, { email_verified: true });
      const moved = await users.update(user, { email: `moved-${email}` });
      await recoveryCodes.renew(moved);
      return passwordLinks.issue(moved);
    });
    const owner = new Browser();
    await owner.submit(await owner.open(link), { password: 'the words of the owner' });
    const user = await server.inside(({ users }) => users.findByEmail(`moved-${email}`));
    expect(user).toMatchObject({ emailVerified: true, claims: { name: 'Nora New' } });
    expect(await server.inside(({ recoveryCodes }) => recoveryCodes.left(user?.id ?? ''))).toBe(10);
  });

  it('opening the link uses nothing up, whoever opens it: mail scanners do (GET and HEAD)', async () => {
    await register();
    const link = await linkIn(server, email, 'verify-email');
    for (const method of ['GET', 'HEAD', 'GET']) {
      await new Browser().open(link, { method });
      await browser.open(link, { method });
    }
    expect(await server.inside(({ users }) => users.findByEmail(email))).toMatchObject({ emailVerified: false });
    expect((await browser.open(link)).html).toContain('verify-submit');
  });

  it('a link that is too old or used offers another one, with one answer for every address, and the older one dies', async () => {
    await register();
    const older = await linkIn(server, email, 'verify-email');
    const visitor = new Browser();
    const dead = await visitor.open(`${server.issuer}/verify-email?token=nonsense`);
    expect(dead.status).toBe(400);
    expect((await visitor.submit(dead, {})).status).toBe(422);
    const answers = [];
    for (const name of [email, `nobody-${count}@example.com`, (await makePerson(server)).email]) {
      const sent = await visitor.submit(dead, { username: name });
      answers.push([sent.status, new URL(sent.url).pathname, withoutNonces(sent)]);
    }
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(answers[0]?.slice(0, 2)).toEqual([200, '/verify-email/sent']);
    await linkIn(server, email, 'verify-email', older);
    expect((await visitor.open(older)).status).toBe(400);
  });

  it('is offered on the sign-in page where it is open, and nowhere else; without a prompt for it the way is the same', async () => {
    const { page, proof } = await begin({});
    expect(page.html).toContain('?with=register');
    const form = await browser.open(`${baseOf(page)}?with=register`);
    expect(asks(form)).toBe(true);
    expect(form.html).toContain('?with=login');
    const made = await browser.submit(form, { username: email, password });
    expect(waits(made)).toBe(true);
    const confirm = await browser.open(await linkIn(server, email, 'verify-email'));
    expect((await claimsOf(await browser.submit(confirm, {}), proof)).amr).toEqual(['pwd']);

    await setPolicy(server, {});
    const closed = (await begin({}, new Browser())).page;
    expect(closed.html).not.toContain('?with=register');
    const visitor = new Browser();
    const { page: begun } = await begin({}, visitor);
    expect(asks(await visitor.open(`${baseOf(begun)}?with=register`))).toBe(false);
    const sent = await send(visitor, `${baseOf(begun)}/register`, { csrf: csrfOf(begun), username: email, password });
    expect(sent.status).toBe(303);
    expect(nameOf(await visitor.open(baseOf(begun)))).toBe('identifier');
  });

  it('who has an account signs in instead, and who is signed in may make another one without losing the first', async () => {
    const maria = await makePerson(server);
    const { page, proof } = await begin();
    const instead = await browser.open(`${baseOf(page)}?with=login`);
    const asked = await browser.submit(instead, { username: maria.email });
    const end = await browser.submit(asked, { password });
    expect((await claimsOf(end, proof)).sub).toBe(maria.id);

    const again = await register();
    const confirm = await browser.open(await linkIn(server, email, 'verify-email'));
    expect((await claimsOf(await browser.submit(confirm, {}), again.proof)).sub).not.toBe(maria.id);
    const { page: chooser } = await begin({ prompt: 'select_account' });
    expect(chooser.html).toContain(maria.email);
  });

  it('keeps the form on mistakes, says what is wrong, and makes nothing', async () => {
    const { page } = await begin();
    for (const [fields, word] of [
      [{ username: '', password }, 'Your e-mail is missing'],
      [{ username: 'no address', password }, 'does not look like an e-mail'],
      [{ username: email, password: '' }, 'The field was empty'],
      [{ username: email, password: 'password123' }, 'tried first'],
      [{ username: email, password, name: 'a\u0000b' }, 'This name cannot be used'],
    ] as const) {
      const answer = await browser.submit(page, { name: 'Nora', ...fields });
      expect([answer.status, answer.html.includes(word)]).toEqual([422, true]);
      expect(asks(answer)).toBe(true);
    }
    expect(await server.inside(({ users }) => users.findByEmail(email))).toBeUndefined();
  });

  it('is taken from our own page in this browser only', async () => {
    const { page } = await begin();
    const address = `${baseOf(page)}/register`;
    const fields = { csrf: csrfOf(page), username: email, password };
    expect((await send(browser, address, fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await send(browser, address, { ...fields, csrf: '' })).status).toBe(403);
    expect((await send(new Browser(), address, fields)).status).toBe(400);
    expect(await server.inside(({ users }) => users.findByEmail(email))).toBeUndefined();
  });
});
