// Where a passkey is used, and where one is offered.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser, type Page, readForm } from '../support/browser.js';
import { csrfOf, send } from '../support/journey.js';
import { JsonSignIn } from '../support/json-sign-in.js';
import { authorizationUrl, codeOf, password, pkce, redeem } from '../support/party.js';
import { formOf, PasskeyOwner } from '../support/passkey-owner.js';

describe('a passkey as a way in', () => {
  const owner = new PasskeyOwner();
  beforeAll(() => owner.open(), 60_000);
  afterAll(() => owner.server?.close());
  beforeEach(() => owner.anew());

  const { add, authenticator, byPasskey, held, page } = owner;

  describe('is used in the forms of programs', () => {
    const options = async (program: JsonSignIn) => (await program.post('/passkeys/authenticate/options', {})).body;

    it('alone: the same is asked of everybody, and the sign-in it was begun in goes on', async () => {
      const made = authenticator();
      await add(made);
      const proof = pkce();
      const program = new JsonSignIn(owner.server, new Browser());
      await program.begin(owner.party, proof);
      const asked = await options(program);
      expect(asked).toMatchObject({ rpId: 'localhost', allowCredentials: [], userVerification: 'required' });
      const other = new JsonSignIn(owner.server, new Browser());
      await other.begin(owner.party, pkce());
      const response = made.get(asked as never);
      expect((await other.post('/passkeys/authenticate/verify', { response })).body.code).toBe('passkey_failed');
      const done = await program.post('/passkeys/authenticate/verify', {
        response: made.get((await options(program)) as never),
      });
      expect([done.status, done.body.step]).toEqual([200, 'finish']);
      const code = codeOf(await program.browser.open(String(done.body.location)));
      const { body } = await redeem(owner.server, owner.party, code, proof);
      expect(decodeJwt(String(body.id_token)).amr).toEqual(['hwk', 'user', 'mfa']);
    });

    it('after a password: of that account only, once, and never a token', async () => {
      const made = authenticator();
      await add(made);
      const program = new JsonSignIn(owner.server, new Browser());
      await program.begin(owner.party, pkce());
      const second = await program.post('login', { username: owner.person.email, password });
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
      const program = new JsonSignIn(owner.server, new Browser());
      await program.begin(owner.party, pkce());
      for (const path of ['/passkeys/authenticate/options', '/passkeys/authenticate/verify']) {
        const body = path.endsWith('verify') ? { response: {} } : {};
        const wrong: Record<string, string>[] = [{ 'x-csrf-token': 'x' }, { origin: 'https://elsewhere.example' }];
        for (const headers of wrong) expect((await program.post(path, body, headers)).status).toBe(403);
        expect((await program.post(path, { ...body, user: 'x' })).status).toBe(422);
      }
      const thief = new JsonSignIn(owner.server, new Browser());
      Object.assign(thief, { interaction: program.interaction, csrf: program.csrf });
      expect((await thief.post('/passkeys/authenticate/options', {})).status).toBe(400);
    });
  });

  it('is one of the two that may be set up where a second factor is required', async () => {
    await owner.policy({ multi_factor: 'required' });
    const proof = pkce();
    const named = await owner.browser.open(authorizationUrl(owner.server, owner.party, proof));
    const asked = await owner.browser.submit(named, { username: owner.person.email });
    const enrol = await owner.browser.submit(asked, { password });
    expect(enrol.html).toContain('name="code"');
    const [, text = ''] = /data-options="([^"]*)"/.exec(enrol.html) ?? [];
    const options = JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
    const place = formOf(enrol, 'data-passkey-create');
    expect((await owner.browser.submit(enrol, { passkey: '{}' }, place)).status).toBe(422);
    const passkey = JSON.stringify(authenticator({ backupEligible: true }).create(options));
    const codes = await owner.browser.submit(enrol, { passkey }, place);
    const { body } = await redeem(owner.server, owner.party, codeOf(await owner.browser.submit(codes, {})), proof);
    expect(decodeJwt(String(body.id_token)).acr).toBe('urn:ostiary:acr:phr');
  });

  it('alone opens the account where the tenant takes no password, on the page and in the forms of programs', async () => {
    const made = authenticator();
    await add(made);
    await owner.policy({ first_factors: ['passkey'] });
    const visitor = new Browser();
    const found = await visitor.open(page());
    expect(found.html).not.toMatch(/name="password"|login-submit/);
    const address = found.url.replace(/\?.*/, '');
    const typed = await send(visitor, `${address}/login`, {
      csrf: csrfOf(found),
      username: owner.person.email,
      password,
    });
    expect([typed.status, typed.html.includes('A password does not open this.')]).toEqual([422, true]);
    expect((await byPasskey(made)).status).toBe(200);
    const program = new JsonSignIn(owner.server, new Browser());
    await program.begin(owner.party, pkce());
    const refused = await program.post('login', { username: owner.person.email, password });
    expect(refused.body.code).toBe('password_not_taken');
    expect((await owner.server.inside(({ passwords }) => passwords.failures(owner.person.email))).failed_count).toBe(0);
  });

  describe('is offered after a sign-in by password', () => {
    async function byPassword(fields: Record<string, string> = { can_passkey: 'yes' }, visitor = new Browser()) {
      const proof = pkce();
      const named = await visitor.open(authorizationUrl(owner.server, owner.party, proof));
      const asked = await visitor.submit(named, { username: owner.person.email });
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
      const { body } = await redeem(owner.server, owner.party, codeOf(await visitor.submit(codes, {})), proof);
      expect(decodeJwt(String(body.id_token)).amr).toEqual(['pwd', 'hwk', 'user', 'mfa']);
      expect(await owner.letters()).toEqual(['factor_added']);
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
      const named = await early.open(authorizationUrl(owner.server, owner.party, pkce()));
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
      owner.clock.move(601);
      // A challenge is good for five minutes anyway: one that is new, in a page that is old.
      const user = await owner.server.inside(({ users }) => users.find(owner.person.id));
      const flow = /interaction\/([^/?]+)/.exec(offered.url)?.[1] ?? '';
      const { challenge } = await owner.server.inside(({ passkeyCeremonies }) =>
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
        owner.query(
          'UPDATE passkey_users SET prompted_at = $2::timestamptz - make_interval(days => $3) WHERE user_id = $1',
          [owner.person.id, owner.clock.now(), days],
        );
      await askedBefore(29);
      codeOf((await byPassword()).page);
      await askedBefore(30);
      expect(isOffered((await byPassword()).page)).toBe(true);
      await owner.policy({ passkeys: { upgrade_prompt: false } });
      await askedBefore(31);
      codeOf((await byPassword()).page);
    });
  });
});
