import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import type { Page } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import { baseOf, csrfOf, send } from '../support/journey.js';
import { JsonSignIn } from '../support/json-sign-in.js';
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
import { codeIn } from '../support/sign-in-letters.js';
import { totpCode } from '../support/totp.js';
import { Traveller, trusting } from '../support/traveller.js';

const home = '198.51.100.7';
const neighbour = '198.51.100.200';
const abroad = '203.0.113.5';

describe('a sign-in that is not like the others, where the tenant wants more than a letter', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer({ ...trusting, overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.move(90);
    person = await makePerson(server);
    await policy({ risk: { action: 'enforce' } });
    // Known at home.
    codeOf((await begin(new Traveller(home))).page);
  });

  const policy = (authentication: object) => setPolicy(server, authentication);
  async function begin(
    browser: Traveller,
    { failures = 0, more = {} }: { failures?: number; more?: Record<string, string> } = {},
  ) {
    const proof = pkce();
    const named = await browser.open(authorizationUrl(server, party, proof, more));
    let page = await browser.submit(named, { username: person.email });
    for (let i = 0; i < failures; i += 1) page = await browser.submit(page, { password: 'wrong' });
    return { page: await browser.submit(page, { password }), proof };
  }
  const isConfirming = ({ html }: Page) => /\/interaction\/[^/]+\/confirmation"/.test(html);
  const isAsked = ({ html }: Page) => html.includes('mfa-submit');
  const query = (sql: string) => server.services.db.manager.query(sql, [person.id]);
  const noticed = async () =>
    (
      await query(
        `SELECT data FROM audit_events WHERE name = 'sign_in.noticed' AND data ->> 'user_id' = $1 ORDER BY id`,
      )
    ).map(({ data }: { data: Record<string, unknown> }) => data);
  const sessions = async () =>
    (await query('SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL')).length;
  const letters = async (template: string) => {
    const rows = await server.services.db.manager.query('SELECT 1 FROM mail_messages WHERE template = $1', [template]);
    return rows.length;
  };
  const lockdowns = async () =>
    (await query(`SELECT 1 FROM one_time_tokens WHERE purpose = 'lockdown' AND subject LIKE $1 || ':%'`)).length;

  const codeInMail = (...seen: string[]) => codeIn(server, person.email, ...seen);
  async function lockOut(): Promise<void> {
    for (let i = 0; i < 5; i += 1) await server.inside(({ passwords }) => passwords.verify(person.email, 'wrong'));
    clock.move(5 * 60 + 1);
  }

  it.each([
    ['the own browser at home', home, true],
    ['the own browser elsewhere', abroad, true],
  ])('lets in: %s', async (_name, ip) => {
    const browser = new Traveller(home);
    await policy({});
    codeOf((await begin(browser)).page);
    await policy({ risk: { action: 'enforce' } });
    browser.forgetSessions();
    browser.ip = ip;
    codeOf((await begin(browser)).page);
  });

  it('asks for the second factor of whoever has one, also where none is asked for otherwise', async () => {
    const secret = await server.inside(async ({ totp, users }) => {
      const user = await users.find(person.id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await totpCode(offer.secret, clock.now()));
      return offer.secret;
    });
    clock.move(30);
    await policy({ multi_factor: 'off', risk: { action: 'enforce' } });
    const browser = new Traveller(abroad);
    const { page, proof } = await begin(browser);
    expect(isAsked(page)).toBe(true);
    const code = await totpCode(secret, clock.now());
    const end = await browser.submit(page, { code });
    const { body } = await redeem(server, party, codeOf(end), proof);
    expect(decodeJwt(String(body.id_token)).amr).toContain('mfa');
    expect(await noticed()).toMatchObject([
      { decision: 'step_up', reasons: ['new_device', 'new_network'], score: 50, admitted: true },
    ]);
  });

  it('asks whoever has none for a code from their mailbox, and nothing is sent before they say so', async () => {
    const before = await letters('sign_in_code');
    const browser = new Traveller(abroad);
    const { page, proof } = await begin(browser);
    expect(isConfirming(page)).toBe(true);
    expect(page.html).not.toContain('name="code"');
    await browser.open(baseOf(page));
    expect([await letters('sign_in_code'), await sessions()]).toEqual([before, 1]);

    const asked = await browser.submit(page, { send: 'yes' });
    expect(await letters('sign_in_code')).toBe(before + 1);
    const code = await codeInMail();
    for (const wrong of ['', '000000', 'abcdef'])
      if (wrong !== code) expect((await browser.submit(asked, { code: wrong })).status).toBe(422);
    expect(await sessions()).toBe(1);
    const { body } = await redeem(server, party, codeOf(await browser.submit(asked, { code })), proof);
    // It dispels a doubt, and is no second factor.
    expect(decodeJwt(String(body.id_token))).toMatchObject({ acr: 'urn:ostiary:acr:1fa', amr: ['pwd'] });
    expect(await noticed()).toMatchObject([{ decision: 'step_up', admitted: true }]);
    // Now they know it here.
    browser.forgetSessions();
    codeOf((await begin(browser)).page);
  });

  it('of whose code five guesses failed no code is looked at, however many are sent (NIST SP 800-63B-4 §3.2.2)', async () => {
    const browser = new Traveller(abroad);
    let asked = await browser.submit((await begin(browser)).page, { send: 'yes' });
    const first = await codeInMail();
    for (let i = 0; i < 5; i += 1) asked = await browser.submit(asked, { code: 'abcdef' });
    asked = await browser.submit(asked, { send: 'again' });
    const code = await codeInMail(first);
    const locked = await browser.submit(asked, { code });
    expect([locked.status, locked.html]).toEqual([422, expect.stringContaining('paused')]);
    clock.move(5 * 60 + 1);
    codeOf(await browser.submit(locked, { code }));
  });

  it('goes no other way: every other step, another sign-in, a code of another', async () => {
    const browser = new Traveller(abroad);
    const { page } = await begin(browser);
    const asked = await browser.submit(page, { send: 'yes' });
    const first = await codeInMail();
    for (const step of [
      'login',
      'email_code',
      'second_factor',
      'enrolment',
      'consent',
      'select_account',
      'change_password',
    ]) {
      const fields = { csrf: csrfOf(asked), username: person.email, password, code: first, decision: 'allow' };
      await send(browser, `${baseOf(asked)}/${step}`, fields);
      expect(isConfirming(await browser.open(baseOf(asked)))).toBe(true);
    }
    const other = new Traveller('192.0.2.1');
    const theirs = await other.submit((await begin(other)).page, { send: 'yes' });
    const second = await codeInMail(first);
    expect((await other.submit(theirs, { code: first })).status).toBe(422);
    expect((await browser.submit(asked, { code: second })).status).toBe(422);
    expect(await sessions()).toBe(1);
    codeOf(await other.submit(theirs, { code: second }));
  });

  it('takes no code that was asked for as a first proof, nor the other way round', async () => {
    await policy({ first_factors: ['password', 'email_code'], risk: { action: 'enforce' } });
    const browser = new Traveller(abroad);
    const named = await browser.submit(await browser.open(authorizationUrl(server, party, pkce())), {
      username: person.email,
    });
    await browser.submit(named, { with: 'email_code' });
    const first = await codeInMail();
    const back = await browser.submit(await browser.open(baseOf(named)), { instead: 'password' });
    const page = await browser.submit(back, { password });
    expect(isConfirming(page)).toBe(true);
    const unasked = await send(browser, `${baseOf(page)}/confirmation`, { csrf: csrfOf(page), code: first });
    expect(unasked.status).toBe(303);
    const asked = await browser.open(baseOf(page));
    expect((await browser.submit(asked, { code: first })).status).toBe(422);
    expect(await sessions()).toBe(1);
  });

  it('sets nothing up before the doubt is dispelled', async () => {
    await policy({ multi_factor: 'required', risk: { action: 'enforce' } });
    const browser = new Traveller(abroad);
    const { page } = await begin(browser);
    expect(isConfirming(page)).toBe(true);
    const asked = await browser.submit(page, { send: 'yes' });
    const next = await browser.submit(asked, { code: await codeInMail() });
    expect(next.html).toContain('name="offer"');
  });

  it('lets in who has no address that was proved, and tells them', async () => {
    await server.inside(async ({ users }) =>
      users.update(await users.find(person.id), { email_verified: false } as never),
    );
    codeOf((await begin(new Traveller(abroad))).page);
    expect(await lockdowns()).toBe(1);
  });

  it('lets in who came by their mailbox: it has nothing more to say', async () => {
    await policy({ first_factors: ['password', 'email_code'], risk: { action: 'enforce' } });
    const browser = new Traveller(abroad);
    const named = await browser.submit(await browser.open(authorizationUrl(server, party, pkce())), {
      username: person.email,
    });
    const asked = await browser.submit(named, { with: 'email_code' });
    codeOf(await browser.submit(asked, { code: await codeInMail() }));
  });

  it('is decided once in a sign-in, and kept', async () => {
    const browser = new Traveller(abroad);
    const { page } = await begin(browser);
    // Meanwhile the browser and the network become known.
    await policy({});
    const tab = browser.stolen(abroad);
    tab.forgetSessions();
    codeOf((await begin(tab)).page);
    for (const [key, cookie] of tab.cookies)
      if (cookie.name.includes('ostiary_device')) browser.cookies.set(key, cookie);
    await policy({ risk: { action: 'enforce' } });
    expect(isConfirming(await browser.open(baseOf(page)))).toBe(true);
  });

  it('ends with access_denied where everything speaks against it, tells the owner, and remembers nothing of it', async () => {
    await lockOut();
    const before = await letters('new_device');
    const browser = new Traveller(abroad);
    const { page } = await begin(browser, { failures: 3, more: { state: 'of the client' } });
    const answer = new URL(page.url).searchParams;
    expect([answer.get('error'), answer.get('state'), answer.get('code')]).toEqual([
      'access_denied',
      'of the client',
      null,
    ]);
    expect(await noticed()).toMatchObject([{ decision: 'deny', score: 110, admitted: false }]);
    expect([await sessions(), await letters('new_device'), await lockdowns()]).toEqual([1, before + 1, 1]);
    expect([...browser.cookies.values()].filter(({ name }) => name.includes('ostiary_device'))).toEqual([]);
    const rows = await query(`SELECT network FROM known_networks WHERE user_id = $1`);
    expect(rows).toEqual([{ network: '198.51.100.0/24' }]);
  });

  it('denies again who tries again, although nothing failed this time, and the owner comes in at home', async () => {
    const owner = new Traveller(home);
    await policy({});
    codeOf((await begin(owner)).page);
    await policy({ risk: { action: 'enforce' } });
    await lockOut();
    const denied = async (failures: number) =>
      new URL((await begin(new Traveller(abroad), { failures })).page.url).searchParams.get('error');
    expect([await denied(3), await denied(0), await denied(0)]).toEqual(Array(3).fill('access_denied'));
    owner.forgetSessions();
    const { page } = await begin(owner);
    const asked = await owner.submit(page, { send: 'yes' });
    codeOf(await owner.submit(asked, { code: await codeInMail() }));
  });

  it('is weighed by what failed before until a sign-in is done, not until the first right password', async () => {
    const guesser = new Traveller(neighbour);
    let page = await guesser.submit(await guesser.open(authorizationUrl(server, party, pkce())), {
      username: person.email,
    });
    for (let i = 0; i < 3; i += 1) page = await guesser.submit(page, { password: 'wrong' });
    // Right, and not gone on with.
    const right = { csrf: csrfOf(page), username: person.email, password };
    expect((await send(guesser, `${baseOf(page)}/login`, right)).status).toBe(303);
    for (let i = 0; i < 2; i += 1) {
      const again = await begin(new Traveller(neighbour));
      expect(isConfirming(again.page)).toBe(true);
    }
    const owner = new Traveller(neighbour);
    const asked = await owner.submit((await begin(owner)).page, { send: 'yes' });
    codeOf(await owner.submit(asked, { code: await codeInMail() }));
    expect((await noticed()).at(-1)).toMatchObject({ reasons: ['new_device', 'many_failures_before'], admitted: true });
    // It is done: from here on nothing failed before.
    codeOf((await begin(new Traveller(neighbour))).page);
  });

  it('notes a denial where it is decided, also where nobody opens the page that says so', async () => {
    await lockOut();
    const before = await letters('new_device');
    const tries = async (failures: number) => {
      const program = new JsonSignIn(server, new Traveller(abroad));
      await program.begin(party, pkce());
      const name = { username: person.email };
      for (let i = 0; i < failures; i += 1) await program.post('login', { ...name, password: 'wrong' });
      return program.post('login', { ...name, password });
    };
    expect((await tries(3)).body.step).toBe('finish');
    expect(await noticed()).toMatchObject([{ decision: 'deny', score: 110, admitted: false }]);
    expect([await sessions(), await letters('new_device'), await lockdowns()]).toEqual([1, before + 1, 1]);
    await tries(0);
    // The denial stands for what failed before it.
    expect((await noticed()).at(-1)).toMatchObject({
      reasons: ['new_device', 'new_network', 'locked_before', 'denied_before'],
      admitted: false,
    });
  });

  it('locks nobody out of where they are at home, however much somebody guesses', async () => {
    const browser = new Traveller(home);
    await policy({});
    codeOf((await begin(browser)).page);
    await policy({ risk: { action: 'enforce' } });
    await lockOut();
    browser.forgetSessions();
    const { page } = await begin(browser, { failures: 4 });
    expect(isConfirming(page)).toBe(true);
    const asked = await browser.submit(page, { send: 'yes' });
    codeOf(await browser.submit(asked, { code: await codeInMail() }));
  });

  it.each([
    ['a new browser', { step_up_from: 30 }, home],
    ['everything from elsewhere, denied', { step_up_from: 10, deny_from: 50 }, abroad],
  ])('goes by the scores of the tenant: %s', async (_name, scores, ip) => {
    await policy({ risk: { action: 'enforce', ...scores } });
    const { page } = await begin(new Traveller(ip));
    if (ip === home) expect(isConfirming(page)).toBe(true);
    else expect(new URL(page.url).searchParams.get('error')).toBe('access_denied');
  });

  it('refuses scores that contradict each other', async () => {
    await expect(policy({ risk: { step_up_from: 100, deny_from: 50 } })).rejects.toThrow();
  });
});
