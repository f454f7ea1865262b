// Passkeys are added and taken away by their own account, on a proof that is new (WebAuthn §7.1, §13.4; NIST SP 800-63B-4 §4.1).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { generate } from 'otplib';
import { Authenticator, type Behaviour } from '../support/authenticator.js';
import { Browser, type Page, readForm } from '../support/browser.js';
import { csrfOf, giveNameAndPassword, nameOf, send } from '../support/journey.js';
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
import { StoppedClock } from '../support/clock.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';


describe('the passkeys of an account', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;
  let told: number;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.move(90);
    await policy({});
    person = await makePerson(server);
    browser = new Browser();
    told = (await letters(0)).length;
  });

  const query = (sql: string, values: unknown[] = []) => server.services.db.manager.query(sql, values);
  const letters = async (after = told): Promise<string[]> =>
    (await query('SELECT template FROM mail_messages ORDER BY id'))
      .map(({ template }: { template: string }) => template)
      .filter((template: string) => template !== 'new_device')
      .slice(after);
  const policy = (authentication: object) => setPolicy(server, authentication);
  const page = () => `${server.issuer}/account/security/passkeys`;
  const authenticator = (behaviour: Behaviour = {}) =>
    new Authenticator({ origin: new URL(server.issuer).origin, ...behaviour });
  const held = () => server.inside(({ passkeys }) => passkeys.of(person.id));
  const formOf = ({ html }: Page, mark: string) =>
    [...html.matchAll(/<form[^>]*>/g)].findIndex(([tag]) => tag.includes(mark));

  async function open(visitor = browser, email = person.email): Promise<Page> {
    const found = await visitor.open(page());
    return nameOf(found) === 'identifier' ? giveNameAndPassword(visitor, found, email) : found;
  }

  async function ask(method: string, path: string, csrf: string, body?: object, visitor = browser) {
    const response = await visitor.request(`${server.issuer}/api/v1/passkeys${path}`, {
      method,
      headers: {
        accept: 'application/json',
        origin: new URL(server.issuer).origin,
        ...(csrf ? { 'x-csrf-token': csrf } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : {} };
  }

  /** As the script of the page does it. */
  async function add(made = authenticator(), visitor = browser): Promise<Page> {
    const shown = await open(visitor);
    const { status, body } = await ask('POST', '/register/options', csrfOf(shown), undefined, visitor);
    expect(status).toBe(200);
    const answer = { passkey: JSON.stringify(made.create(body)) };
    return visitor.submit(shown, answer, formOf(shown, 'data-passkey-create'));
  }

  /** Signs in with the passkey, and opens the list. */
  async function byPasskey(made: Authenticator, visitor = new Browser(), told: Behaviour = {}): Promise<Page> {
    const found = await visitor.open(page());
    const [, text = ''] = /data-passkey="([^"]*)"/.exec(found.html) ?? [];
    const options = JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
    return visitor.submit(found, { passkey: JSON.stringify(made.get(options, told)) }, formOf(found, 'data-passkey='));
  }

  it('gets one more, with recovery codes for when it is lost, and a letter', async () => {
    const shown = await add(authenticator({ aaguid: 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4', backupEligible: true }));
    expect(shown.html.match(/<code>[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}<\/code>/g)).toHaveLength(10);
    expect(await letters()).toEqual(['factor_added']);
    const list = await browser.open(page());
    expect(list.html).toContain('Google Password Manager');
    expect(list.html).toContain('not used yet');
    const [, signal = ''] = /data-passkey-signal="([^"]*)"/.exec(list.html) ?? [];
    const [passkey] = await held();
    expect(JSON.parse(signal.replaceAll('&quot;', '"'))).toMatchObject({
      rpId: 'localhost',
      name: person.email,
      allAcceptedCredentialIds: [passkey?.credentialId],
    });
  });

  it('takes no answer of another session, another person, after five minutes or twice (C17)', async () => {
    const mine = authenticator();
    await add(mine);
    browser = new Browser();
    const shown = await byPasskey(mine, browser);
    const csrf = csrfOf(shown);
    const place = formOf(shown, 'data-passkey-create');
    const options = async () => (await ask('POST', '/register/options', csrf)).body;
    const submit = (text: string) => browser.submit(shown, { passkey: text }, place);
    const second = new Browser();
    const inSecond = csrfOf(await byPasskey(mine, second));
    const elsewhere = (await ask('POST', '/register/options', inSecond, undefined, second)).body;
    const other = await makePerson(server);
    const stranger = new Browser();
    const theirs = await ask(
      'POST',
      '/register/options',
      csrfOf(await open(stranger, other.email)),
      undefined,
      stranger,
    );
    const late = await options();
    clock.move(301);
    const used = JSON.stringify(authenticator().create(await options()));
    expect((await submit(used)).status).toBe(200);
    for (const text of [
      JSON.stringify(authenticator().create(elsewhere)),
      JSON.stringify(authenticator().create(theirs.body)),
      JSON.stringify(authenticator().create(late)),
      used,
      '{"id":1}',
      'no json',
      '',
    ])
      expect((await submit(text)).status).toBe(422);
    expect(await held()).toHaveLength(2);
  });

  it('asks for a proof of the last ten minutes before anything, and for the passkey once there is one', async () => {
    const shown = await open();
    clock.move(601);
    const csrf = csrfOf(shown);
    const stale = await ask('POST', '/register/options', csrf);
    expect([stale.status, stale.body.code, stale.body.max_age]).toEqual([401, 'step_up_required', 600]);
    expect(String(stale.body.location)).toContain('/authorize?');
    expect((await ask('GET', '', '')).status).toBe(200);
    const fresh = new Browser();
    await add(authenticator(), fresh);
    const [passkey] = await held();
    const weak = await ask('DELETE', `/${passkey?.credentialId}`, csrfOf(await open(fresh)), undefined, fresh);
    expect([weak.status, weak.body.acr_values]).toEqual([401, 'urn:ostiary:acr:mfa']);
    expect(await held()).toHaveLength(1);
  });

  it('calls them what the person likes, and nobody else does', async () => {
    const made = authenticator();
    await add(made);
    const [passkey] = await held();
    const visitor = new Browser();
    const list = await byPasskey(made, visitor);
    const renamed = await visitor.submit(list, { name: 'Blue <b>key</b>' }, formOf(list, '/name'));
    expect(renamed.html).toContain('Blue &lt;b&gt;key&lt;/b&gt;');
    expect((await visitor.submit(renamed, { name: ' ' }, formOf(renamed, '/name'))).status).toBe(422);
    const other = await makePerson(server);
    const stranger = new Browser();
    const csrf = csrfOf(await open(stranger, other.email));
    for (const path of ['name', 'remove'])
      expect((await send(stranger, `${page()}/${passkey?.credentialId}/${path}`, { csrf, name: 'x' })).status).toBe(
        404,
      );
    expect((await ask('PATCH', `/${passkey?.credentialId}`, csrf, { name: 'x' }, stranger)).status).toBe(404);
    expect((await ask('DELETE', `/${passkey?.credentialId}`, csrf, undefined, stranger)).status).toBe(404);
    const { body } = await ask('PATCH', `/${passkey?.credentialId}`, csrfOf(renamed), { name: 'Green' }, visitor);
    expect(body.name).toBe('Green');
    const strange = await ask('PATCH', `/${passkey?.credentialId}`, csrfOf(renamed), { name: 'x', user: 'y' }, visitor);
    expect(strange.status).toBe(422);
  });

  it('loses one, and with the last second factor the codes and the remembered browsers; a letter tells of it', async () => {
    const made = authenticator();
    await add(made);
    await server.inside(async ({ devices, users }) => devices.trust(await users.find(person.id), [], 30));
    const visitor = new Browser();
    const list = await byPasskey(made, visitor);
    expect(list.html).toMatch(/last used (?!Invalid)/);
    const gone = await visitor.submit(list, {}, formOf(list, '/remove'));
    expect(gone.html).toContain('The passkey is removed.');
    expect(await held()).toEqual([]);
    expect(gone.html).toContain('allAcceptedCredentialIds&quot;:[]');
    expect(await server.inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
    expect(await server.inside(({ recoveryCodes }) => recoveryCodes.left(person.id))).toBe(0);
    expect((await letters()).at(-1)).toBe('factor_removed');
  });

  it('keeps the last way in (R49)', async () => {
    const made = authenticator();
    await add(made);
    await query('DELETE FROM password_credentials WHERE user_id = $1', [person.id]);
    const visitor = new Browser();
    const list = await byPasskey(made, visitor);
    const refused = await visitor.submit(list, {}, formOf(list, '/remove'));
    expect([refused.status, refused.html.includes('This is the only way into your account.')]).toEqual([409, true]);
    const [passkey] = await held();
    const { status, body } = await ask('DELETE', `/${passkey?.credentialId}`, csrfOf(refused), undefined, visitor);
    expect([status, body.code]).toEqual([409, 'last_way_in']);
    expect(await held()).toHaveLength(1);
  });

  it('keeps the last second factor where the tenant requires one, whoever removes both at once', async () => {
    const made = authenticator();
    await add(made);
    const user = await server.inside(({ users }) => users.find(person.id));
    await server.inside(async ({ totp, ownFactors }) => {
      const offer = totp.offer(user, 'Acme', 'flow');
      const epoch = Math.floor(clock.now().getTime() / 1000);
      await ownFactors.addTotp(user, offer, await generate({ secret: offer.secret, epoch }));
    });
    await policy({ multi_factor: 'required' });
    const [passkey] = await held();
    const ends = await Promise.allSettled([
      server.inside(({ ownFactors }) => ownFactors.removeTotp(user)),
      server.inside(({ ownFactors }) => ownFactors.removePasskey(user, String(passkey?.credentialId))),
    ]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const { totp, passkeys } = await server.inside(({ secondFactors }) => secondFactors.of(person.id));
    expect(Number(totp) + passkeys.length).toBe(1);
  });

  it('as JSON: a round trip, the list, and away with it (R47, R49)', async () => {
    const csrf = csrfOf(await open());
    const made = authenticator();
    const { body: options } = await ask('POST', '/register/options', csrf);
    expect(options).toMatchObject({ rp: { id: 'localhost' }, timeout: 300_000, excludeCredentials: [] });
    expect((await ask('POST', '/register/verify', csrf, { id: '<>' })).status).toBe(422);
    const elsewhere = made.create(options, { origin: 'https://elsewhere.example' });
    const { status, body } = await ask('POST', '/register/verify', csrf, elsewhere);
    expect([status, body.code]).toEqual([422, 'passkey_failed']);
    const { body: asked } = await ask('POST', '/register/options', csrf);
    const verified = await ask('POST', '/register/verify', csrf, made.create(asked));
    expect([verified.status, verified.body.recovery_codes.length]).toEqual([201, 10]);
    const { body: list } = await ask('GET', '', '');
    expect(list.items).toEqual([verified.body.passkey]);
    expect(Object.keys(list.items[0]).sort()).toEqual([
      ...['created_at', 'device_bound', 'flagged_at', 'id', 'last_used_at', 'name', 'provider', 'synced'],
    ]);
    for (const [method, path] of [
      ['POST', '/register/options'],
      ['POST', '/register/verify'],
      ['PATCH', '/x'],
      ['DELETE', '/x'],
    ] as const) {
      expect([path, (await ask(method, path, '')).status]).toEqual([path, 403]);
      expect([path, (await ask(method, path, csrf, undefined, new Browser())).status]).toEqual([path, 401]);
    }
    expect((await ask('GET', '', '', undefined, new Browser())).status).toBe(401);
  });

  it('excludes what is there already (WebAuthn §5.4, excludeCredentials), and only makes that the policy allows', async () => {
    const csrf = csrfOf(await open());
    const made = authenticator();
    const { body: first } = await ask('POST', '/register/options', csrf);
    await policy({ passkeys: { allowed_aaguids: ['ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4'] } });
    const other = await ask('POST', '/register/verify', csrf, made.create(first));
    expect([other.status, other.body.code]).toEqual([422, 'passkey_not_allowed']);
    await policy({});
    const { body: second } = await ask('POST', '/register/options', csrf);
    const kept = await ask('POST', '/register/verify', csrf, made.create(second));
    const visitor = new Browser();
    const list = await byPasskey(made, visitor);
    const { body: third } = await ask('POST', '/register/options', csrfOf(list), undefined, visitor);
    expect(third.excludeCredentials).toMatchObject([{ id: kept.body.passkey.id }]);
  });

  describe('is used in the forms of programs (R48)', () => {
    const options = async (program: JsonSignIn) => (await program.post('/passkeys/authenticate/options', {})).body;

    it('alone: the same is asked of everybody, and the sign-in it was begun in goes on', async () => {
      const made = authenticator();
      await add(made);
      const proof = pkce();
      const program = new JsonSignIn(server, new Browser());
      await program.begin(party, proof);
      const asked = await options(program);
      expect(asked).toMatchObject({ rpId: 'localhost', allowCredentials: [], userVerification: 'required' });
      const other = new JsonSignIn(server, new Browser());
      await other.begin(party, pkce());
      const response = made.get(asked as never);
      expect((await other.post('/passkeys/authenticate/verify', { response })).body.code).toBe('passkey_failed');
      const done = await program.post('/passkeys/authenticate/verify', {
        response: made.get((await options(program)) as never),
      });
      expect([done.status, done.body.step]).toEqual([200, 'finish']);
      const code = codeOf(await program.browser.open(String(done.body.location)));
      const { body } = await redeem(server, party, code, proof);
      expect(decodeJwt(String(body.id_token)).amr).toEqual(['hwk', 'user', 'mfa']);
    });

    it('after a password: of that account only, once, and never a token', async () => {
      const made = authenticator();
      await add(made);
      const program = new JsonSignIn(server, new Browser());
      await program.begin(party, pkce());
      const second = await program.post('login', { username: person.email, password });
      expect([second.body.requires_2fa, second.body.methods]).toEqual([true, ['passkey']]);
      const asked = await options(program);
      expect(asked.allowCredentials).toMatchObject([{ id: made.held[0]?.id.toString('base64url') }]);
      const response = made.get(asked as never);
      const done = await program.post('/passkeys/authenticate/verify', { response });
      expect([done.body.step, JSON.stringify(done.body).includes('token')]).toEqual(['finish', false]);
      expect((await program.post('/passkeys/authenticate/verify', { response })).body.code).toBe('wrong_step');
      expect((await program.post('/passkeys/authenticate/options', {})).body.code).toBe('wrong_step');
    });

    it('by our own page, of this browser: the token of the interaction, and nothing else in the body', async () => {
      const program = new JsonSignIn(server, new Browser());
      await program.begin(party, pkce());
      for (const path of ['/passkeys/authenticate/options', '/passkeys/authenticate/verify']) {
        const body = path.endsWith('verify') ? { response: {} } : {};
        const wrong: Record<string, string>[] = [{ 'x-csrf-token': 'x' }, { origin: 'https://elsewhere.example' }];
        for (const headers of wrong) expect((await program.post(path, body, headers)).status).toBe(403);
        expect((await program.post(path, { ...body, user: 'x' })).status).toBe(422);
      }
      const thief = new JsonSignIn(server, new Browser());
      Object.assign(thief, { interaction: program.interaction, csrf: program.csrf });
      expect((await thief.post('/passkeys/authenticate/options', {})).status).toBe(400);
    });
  });

  it('is one of the two that may be set up where a second factor is required', async () => {
    await policy({ multi_factor: 'required' });
    const proof = pkce();
    const named = await browser.open(authorizationUrl(server, party, proof));
    const asked = await browser.submit(named, { username: person.email });
    const enrol = await browser.submit(asked, { password });
    expect(enrol.html).toContain('name="code"');
    const [, text = ''] = /data-options="([^"]*)"/.exec(enrol.html) ?? [];
    const options = JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
    const place = formOf(enrol, 'data-passkey-create');
    expect((await browser.submit(enrol, { passkey: '{}' }, place)).status).toBe(422);
    const passkey = JSON.stringify(authenticator({ backupEligible: true }).create(options));
    const codes = await browser.submit(enrol, { passkey }, place);
    const { body } = await redeem(server, party, codeOf(await browser.submit(codes, {})), proof);
    expect(decodeJwt(String(body.id_token)).acr).toBe('urn:ostiary:acr:phr');
  });

  it('alone opens the account where the tenant takes no password, on the page and in the forms of programs', async () => {
    const made = authenticator();
    await add(made);
    await policy({ first_factors: ['passkey'] });
    const visitor = new Browser();
    const found = await visitor.open(page());
    expect(found.html).not.toMatch(/name="password"|login-submit/);
    const address = found.url.replace(/\?.*/, '');
    const typed = await send(visitor, `${address}/login`, { csrf: csrfOf(found), username: person.email, password });
    expect([typed.status, typed.html.includes('A password does not open this.')]).toEqual([422, true]);
    expect((await byPasskey(made)).status).toBe(200);
    const program = new JsonSignIn(server, new Browser());
    await program.begin(party, pkce());
    const refused = await program.post('login', { username: person.email, password });
    expect(refused.body.code).toBe('password_not_taken');
    expect((await server.inside(({ passwords }) => passwords.failures(person.email))).failed_count).toBe(0);
  });

  describe('is offered after a sign-in by password', () => {
    async function byPassword(fields: Record<string, string> = { can_passkey: 'yes' }, visitor = new Browser()) {
      const proof = pkce();
      const named = await visitor.open(authorizationUrl(server, party, proof));
      const asked = await visitor.submit(named, { username: person.email });
      return { page: await visitor.submit(asked, { password, ...fields }), proof, visitor };
    }
    const isOffered = ({ html }: Page) => html.includes('id="passkey-later"');
    const later = (found: Page, visitor: Browser) =>
      visitor.submit(found, { later: 'yes' }, formOf(found, 'add_passkey') + 1);

    it('and one that is made there is told to the client, and comes with recovery codes', async () => {
      const { page: offered, proof, visitor } = await byPassword();
      const [, text = ''] = /data-options="([^"]*)"/.exec(offered.html) ?? [];
      const options = JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
      const place = formOf(offered, 'data-passkey-create');
      const wrong = await visitor.submit(offered, { passkey: '{}' }, place);
      expect([wrong.status, isOffered(wrong)]).toEqual([422, true]);
      const passkey = JSON.stringify(authenticator().create(options));
      const codes = await visitor.submit(wrong, { passkey }, place);
      expect(codes.html).toContain('recovery-codes');
      const { body } = await redeem(server, party, codeOf(await visitor.submit(codes, {})), proof);
      expect(decodeJwt(String(body.id_token)).amr).toEqual(['pwd', 'hwk', 'user', 'mfa']);
      expect(await letters()).toEqual(['factor_added']);
      // From now on it is asked for.
      expect((await byPassword()).page.html).toContain('data-passkey=');
    });

    it('takes none before the password, after it was answered, or in another sign-in', async () => {
      const { page: offered, visitor } = await byPassword();
      const { action, values } = readForm(offered, formOf(offered, 'data-passkey-create'));
      const [, text = ''] = /data-options="([^"]*)"/.exec(offered.html) ?? [];
      const options = JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
      const passkey = JSON.stringify(authenticator().create(options));
      const fields = { ...Object.fromEntries(values), passkey };
      const early = new Browser();
      const named = await early.open(authorizationUrl(server, party, pkce()));
      await send(early, named.url.replace(/\?.*/, '').concat('/add_passkey'), { ...fields, csrf: csrfOf(named) });
      await later(offered, visitor);
      await send(visitor, action, fields);
      expect(await held()).toEqual([]);
    });

    it('and is no more, nor taken, ten minutes after the password', async () => {
      const { page: offered, visitor } = await byPassword();
      const [, text = ''] = /data-options="([^"]*)"/.exec(offered.html) ?? [];
      const options = JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
      const { action, values } = readForm(offered, formOf(offered, 'data-passkey-create'));
      clock.move(601);
      // A challenge is good for five minutes anyway: one that is new, in a page that is old.
      const user = await server.inside(({ users }) => users.find(person.id));
      const flow = /interaction\/([^/?]+)/.exec(offered.url)?.[1] ?? '';
      const { challenge } = await server.inside(({ passkeyCeremonies }) =>
        passkeyCeremonies.registrationOptions(user, flow),
      );
      const passkey = JSON.stringify(authenticator().create({ ...options, challenge }));
      await send(visitor, action, { ...Object.fromEntries(values), passkey });
      expect(await held()).toEqual([]);
    });

    // The last one: what the engine keeps is not good for so long.
    it('in a browser that could make one, every thirty days at most, and never blocks', async () => {
      expect(isOffered((await byPassword({})).page)).toBe(false);
      const first = await byPassword();
      expect(isOffered(first.page)).toBe(true);
      expect(isOffered(await first.visitor.open(first.page.url))).toBe(true);
      codeOf(await later(first.page, first.visitor));
      codeOf((await byPassword()).page);
      // The row goes back and not the clock forward: a sign-in on its way would be over.
      const askedBefore = (days: number) =>
        query(
          'UPDATE passkey_users SET prompted_at = $2::timestamptz - make_interval(days => $3) WHERE user_id = $1',
          [person.id, clock.now(), days],
        );
      await askedBefore(29);
      codeOf((await byPassword()).page);
      await askedBefore(30);
      expect(isOffered((await byPassword()).page)).toBe(true);
      await policy({ passkeys: { upgrade_prompt: false } });
      await askedBefore(31);
      codeOf((await byPassword()).page);
    });
  });
});
