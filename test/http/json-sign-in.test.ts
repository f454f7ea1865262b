import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { generate } from 'otplib';
import type { Captcha } from '../../src/features/captcha/captcha.js';
import { Browser } from '../support/browser.js';
import { isSignedIn } from '../support/journey.js';
import { JsonSignIn } from '../support/json-sign-in.js';
import { codeOf, makeClient, makePerson, type Party, password, pkce, redeem } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { codeIn, generous, linkIn } from '../support/sign-in-letters.js';

const captcha: Captcha = {
  siteKey: 'site-key',
  field: 'cf-turnstile-response',
  script: 'https://challenges.cloudflare.com/turnstile/v0/api.js',
  origin: 'https://challenges.cloudflare.com',
  verify: async (token) => token === 'a person',
};
const person = { captcha_token: 'a person' };
const tokens = /access_token|id_token|refresh_token|[?&]code=/;
const endpoints = [
  ['register', { username: 'a@example.com', password }],
  ['resend-verification', {}],
  ['verify-email', { token: 'x' }],
  ['login', { username: 'a@example.com', password }],
  ['magic-link', { username: 'a@example.com' }],
  ['magic-link/verify', { token: 'x' }],
  ['email-code', { username: 'a@example.com' }],
  ['email-code/verify', { code: '123456' }],
  ['forgot-password', { username: 'a@example.com' }],
  ['2fa/send', {}],
  ['2fa/verify', { code: '123456' }],
  ['recovery-login', { recovery_code: 'AAAA' }],
  ['confirmation/send', {}],
  ['confirmation/verify', { code: '123456' }],
] as const;
let count = 0;

describe('the steps of a sign-in as JSON: the same ones as on the pages, and never a token', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;
  let program: JsonSignIn;
  let proof: ReturnType<typeof pkce>;

  beforeAll(async () => {
    server = await startServer({ overrides: { letters: generous, captcha } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    await setPolicy(server, {
      registration: 'open',
      first_factors: ['password', 'magic_link', 'email_code'],
      second_factors: ['totp', 'email_code'],
    });
    email = (await makePerson(server)).email;
    browser = new Browser();
    program = new JsonSignIn(server, browser);
    proof = pkce();
    count += 1;
  });

  /** The browser gets the code where it always does. */
  async function claims(location: unknown) {
    const { status, body } = await redeem(server, party, codeOf(await browser.open(String(location))), proof);
    expect([status, body.error_description]).toEqual([200, undefined]);
    return decodeJwt(String(body.id_token));
  }

  it('login resumes the authorization request', async () => {
    expect((await program.begin(party, proof)).body).toMatchObject({ step: 'login', requires_2fa: false });
    const wrong = await program.post('login', { username: email, password: 'wrong words', ...person });
    expect([wrong.status, wrong.type, wrong.body.code]).toEqual([401, 'application/problem+json', 'failed']);
    const { status, body } = await program.post('login', { username: email, password, ...person });
    expect([status, body.step]).toEqual([200, 'finish']);
    expect(JSON.stringify(body)).not.toMatch(tokens);
    expect(await isSignedIn(server, party, browser)).toBe(false);
    expect(await claims(body.location)).toMatchObject({ amr: ['pwd'] });
  });

  it('after failures a captcha is required: 401 captcha_required, also for the right password', async () => {
    await program.begin(party, proof);
    for (let i = 0; i < 2; i += 1) await program.post('login', { username: email, password: 'wrong words', ...person });
    for (const answer of [{}, { captcha_token: 'a program' }]) {
      const { status, body } = await program.post('login', { username: email, password, ...answer });
      expect([status, body.code]).toEqual([401, 'captcha_required']);
    }
    expect((await program.post('login', { username: email, password, ...person })).body.step).toBe('finish');
  });

  it('a lock says how long it lasts, and nothing else', async () => {
    await program.begin(party, proof);
    for (let i = 0; i < 5; i += 1) await program.post('login', { username: email, password: 'wrong words', ...person });
    const { status, body } = await program.post('login', { username: email, password, ...person });
    expect([status, body.code]).toEqual([401, 'locked']);
    expect(Number(body.retry_after)).toBeGreaterThan(0);
  });

  it('requires_2fa comes with the ways, never with a token; a right code goes on', async () => {
    const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
    const codes = await server.inside(async ({ users, totp, recoveryCodes }) => {
      const user = await users.findByEmail(email);
      if (!user) throw new Error('nobody');
      const offer = { ...totp.offer(user, 'x', 'y'), secret };
      const epoch = Math.floor(Date.now() / 1000) - 30;
      expect(await totp.confirm(user, offer, await generate({ secret, epoch }))).toBe(true);
      return recoveryCodes.renew(user);
    });
    await program.begin(party, proof);
    const { body } = await program.post('login', { username: email, password, ...person });
    expect(body).toMatchObject({ step: 'second_factor', requires_2fa: true, methods: ['totp', 'email_code'] });
    expect(JSON.stringify(body)).not.toMatch(tokens);
    for (const around of ['login', 'register'])
      expect((await program.post(around, { username: email, password, ...person })).body).toMatchObject({
        status: 409,
        code: 'wrong_step',
        step: 'second_factor',
      });
    expect(await isSignedIn(server, party, browser)).toBe(false);
    const wrong = await program.post('2fa/verify', { code: '000000' });
    expect([wrong.status, wrong.body.code]).toEqual([401, 'wrong_code']);
    const right = await program.post('2fa/verify', { code: await generate({ secret }) });
    expect(right.body).toMatchObject({ step: 'finish', requires_2fa: false });
    expect((await claims(right.body.location)).amr).toEqual(['pwd', 'otp', 'mfa']);

    const other = new JsonSignIn(server, new Browser());
    await other.begin(party, proof);
    await other.post('login', { username: email, password, ...person });
    const lost = await other.post('recovery-login', { recovery_code: String(codes[0]) });
    // Another factor takes the place of the one that was lost.
    expect(lost.body).toMatchObject({ step: 'enrolment' });
  });

  it('a second factor by mail', async () => {
    await setPolicy(server, { multi_factor: 'required', second_factors: ['email_code'] });
    await program.begin(party, proof);
    await program.post('login', { username: email, password, ...person });
    expect((await program.post('2fa/send', {})).status).toBe(202);
    const { body } = await program.post('2fa/verify', { email_code: await codeIn(server, email) });
    expect((await claims(body.location)).amr).toEqual(['pwd', 'otp', 'mfa']);
  });

  it('register answers 201 alike for every address, sends again, and goes on when the address is proved', async () => {
    const fresh = `json-${count}@example.com`;
    const answers = [];
    for (const username of [fresh, email]) {
      const each = new JsonSignIn(server, username === fresh ? browser : new Browser());
      await each.begin(party, proof, { prompt: 'create' });
      if (username === fresh) program = each;
      const without = await each.post('register', { username, password });
      expect([without.status, without.body.code]).toEqual([401, 'captcha_required']);
      const { status, body } = await each.post('register', { username, password, name: 'Nora', ...person });
      const again = await each.post('resend-verification', {});
      answers.push([status, body.step, Object.keys(body), again.status, again.body.step]);
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[0]?.slice(0, 2)).toEqual([201, 'registered']);
    const link = await linkIn(server, fresh, 'verify-email');
    const { status, body } = await program.post('verify-email', {
      token: new URL(link).searchParams.get('token') ?? '',
    });
    // The newest link only.
    if (status === 400) expect(body.code).toBe('invalid_link');
    else expect((await claims(body.location)).amr).toEqual(['pwd']);
  });

  it('where no password is taken, whoever registers comes in by the link alone (RFC 8176: otp)', async () => {
    await setPolicy(server, { registration: 'open', first_factors: ['passkey'] });
    const fresh = `link-only-${count}@example.com`;
    await program.begin(party, proof, { prompt: 'create' });
    expect((await program.post('register', { username: fresh, password, ...person })).status).toBe(201);
    const link = new URL(await linkIn(server, fresh, 'verify-email'));
    const { body } = await program.post('verify-email', { token: link.searchParams.get('token') ?? '' });
    expect((await claims(body.location)).amr).toEqual(['otp']);
  });

  it.each([
    [{ username: 'no address', password }, 'invalid_username'],
    [{ username: 'weak@example.com', password: 'password123' }, 'invalid_password'],
  ])('register refuses %j with the reason', async (fields, code) => {
    await program.begin(party, proof, { prompt: 'create' });
    const { status, type, body } = await program.post('register', { ...fields, ...person });
    expect([status, type, body.code]).toEqual([422, 'application/problem+json', code]);
    if (code === 'invalid_password') expect(body.errors).toEqual([{ pointer: '/password', detail: 'common' }]);
  });

  it('a link and a code in a mail', async () => {
    await program.begin(party, proof);
    expect((await program.post('magic-link', { username: email })).status).toBe(202);
    const token = new URL(await linkIn(server, email, 'sign-in-link')).searchParams.get('token') ?? '';
    const stranger = new JsonSignIn(server, new Browser());
    await stranger.begin(party, pkce());
    expect((await stranger.post('magic-link/verify', { token })).status).toBe(400);
    const { body } = await program.post('magic-link/verify', { token });
    expect((await claims(body.location)).amr).toEqual(['otp']);

    browser = new Browser();
    program = new JsonSignIn(server, browser);
    await program.begin(party, proof);
    expect((await program.post('email-code', { username: email })).body).toMatchObject({ step: 'email_code' });
    const typed = await program.post('email-code/verify', { code: await codeIn(server, email) });
    expect((await claims(typed.body.location)).amr).toEqual(['otp']);
  });

  it('forgot-password is answered alike for every address', async () => {
    await program.begin(party, proof);
    const known = await program.post('forgot-password', { username: email });
    const unknown = await program.post('forgot-password', { username: `nobody-${count}@example.com` });
    expect([unknown.status, unknown.body.step]).toEqual([known.status, known.body.step]);
    expect(known.status).toBe(202);
    await linkIn(server, email, 'password');
  });

  describe.each(endpoints)('%s', (name, body) => {
    it('is taken with the cookie of the interaction, from this origin, with its token, as JSON with nothing else in it', async () => {
      await program.begin(party, proof);
      const refused = async (more: object, headers: Record<string, string> = {}, by = program) => {
        const answer = await by.post(name, { ...body, ...more }, headers);
        expect(answer.type).toBe('application/problem+json');
        return answer.status;
      };
      expect(await refused({}, { 'x-csrf-token': '' })).toBe(403);
      expect(await refused({}, { 'x-csrf-token': program.csrf.replace(/.$/, '_') })).toBe(403);
      expect(await refused({}, { origin: 'https://evil.example' })).toBe(403);
      expect(await refused({}, { origin: 'null', 'sec-fetch-site': 'cross-site' })).toBe(403);
      expect(await refused({}, { 'content-type': 'text/plain' })).toBe(415);
      expect(await refused({ surplus: 1 })).toBe(422);
      expect(await refused({ interaction: { $ne: '' } })).toBe(422);
      const stranger = new JsonSignIn(server, new Browser());
      Object.assign(stranger, { interaction: program.interaction, csrf: program.csrf });
      expect(await refused({}, {}, stranger)).toBe(400);
      await stranger.begin(party, pkce());
      expect(await refused({ interaction: program.interaction }, {}, stranger)).toBe(400);
      expect((await program.post(name, body, { 'content-encoding': 'gzip' })).status).toBe(415);
    });
  });

  it.each(['auth/login', 'auth/2fa/enable-complete', 'passkeys/register/verify'])(
    'what %s cannot read is refused as at every door that takes JSON (RFC 9110 §15.5, RFC 7493)',
    async (path) => {
      const send = async (body: string, type = 'application/json') => {
        const headers = { accept: 'application/json', 'content-type': type, origin: new URL(server.issuer).origin };
        const answer = await browser.request(`${server.issuer}/api/v1/${path}`, { method: 'POST', body, headers });
        return [answer.status, ((await answer.json()) as { code: string }).code];
      };
      expect(await send('{"interaction":')).toEqual([400, 'invalid_json']);
      expect(await send('{"interaction":"a","interaction":"b"}')).toEqual([400, 'invalid_json']);
      expect(await send('{}', 'text/plain')).toEqual([415, 'unsupported_media_type']);
      expect(await send(`{"interaction":"${'a'.repeat(256 * 1024)}"}`)).toEqual([413, 'body_too_large']);
    },
  );

  it('out of order nothing is done, and the step that is next is named', async () => {
    await program.begin(party, proof);
    for (const [name, body] of [
      ['2fa/verify', { code: '123456' }],
      ['recovery-login', { recovery_code: 'AAAA' }],
      ['2fa/send', {}],
      ['confirmation/send', {}],
      ['confirmation/verify', { code: '123456' }],
      ['resend-verification', {}],
      ['email-code/verify', { code: '123456' }],
    ] as const)
      expect((await program.post(name, body)).body).toMatchObject({ status: 409, code: 'wrong_step', step: 'login' });
  });
});
