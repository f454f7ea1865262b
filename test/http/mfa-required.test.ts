import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt } from 'jose';
import { acrValues } from '../../config/protocol.js';
import { enter, formAt } from '../support/account.js';
import { Browser, type Page } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import { baseOf, csrfOf, nameOf, resumeOf, send, silently } from '../support/journey.js';
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

const [one, mfa, phr] = acrValues;
const stepSeconds = 30;

describe('a session below what is required (OpenID Connect Core §3.1.2.1, §5.5.1.1)', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.move(3 * stepSeconds);
    person = await makePerson(server);
    browser = new Browser();
    await policy({});
  });

  const policy = (authentication: object) => setPolicy(server, authentication);
  const code = (secret: string) => totpCode(secret, clock.now());
  const withTotp = (id = person.id) =>
    server.inside(async ({ totp, users }) => {
      const user = await users.find(id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await code(offer.secret));
      clock.move(stepSeconds);
      return offer.secret;
    });
  const isAsked = ({ html }: Page) => html.includes('mfa-submit');
  const secretOn = ({ html }: Page) => (/<code>([A-Z2-7 ]+)<\/code>/.exec(html)?.[1] ?? '').replaceAll(' ', '');
  const isEnrolling = ({ html }: Page) => html.includes('name="offer"');

  async function begin(more: Record<string, string> = {}, visitor = browser) {
    const proof = pkce();
    const page = await visitor.open(authorizationUrl(server, party, proof, more));
    if (nameOf(page) !== 'identifier') return { page, proof };
    return { page: await visitor.submit(await visitor.submit(page, { username: person.email }), { password }), proof };
  }
  async function claims({ page, proof }: Awaited<ReturnType<typeof begin>>) {
    const { body } = await redeem(server, party, codeOf(page), proof);
    const { acr, amr, auth_time } = decodeJwt(String(body.id_token));
    return { acr, amr, auth_time };
  }
  const errorOf = async (more: Record<string, string> = {}) =>
    (await silently(server, party, browser, more)).get('error');

  it('offers its classes in discovery (OpenID Connect Discovery §3, acr_values_supported)', async () => {
    const metadata = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
    expect((metadata as { acr_values_supported: string[] }).acr_values_supported).toEqual([...acrValues]);
  });

  describe('because the tenant has come to require a second factor', () => {
    it('ends prompt=none with login_required, and goes on with the second factor alone', async () => {
      const before = await claims(await begin());
      const secret = await withTotp();
      expect(await errorOf()).toBeNull();
      await policy({ multi_factor: 'required' });
      expect(await errorOf()).toBe('login_required');
      const { page, proof } = await begin();
      expect(isAsked(page)).toBe(true);
      const end = await browser.submit(page, { code: await code(secret) });
      const after = await claims({ page: end, proof });
      expect(after).toMatchObject({ acr: mfa, amr: ['pwd', 'otp', 'mfa'] });
      // What came later does not make the sign-in look fresh.
      expect(after.auth_time).toBe(before.auth_time);
      expect(await errorOf()).toBeNull();
    });

    it('is led to set one up where the account has none, and is not let in before', async () => {
      codeOf((await begin()).page);
      await policy({ multi_factor: 'required' });
      for (const more of [{}, { acr_values: one }, { acr_values: phr }] as Record<string, string>[]) {
        expect(isEnrolling((await begin(more)).page)).toBe(true);
        expect(await errorOf(more)).not.toBeNull();
      }
    });

    it('leaves no recovery codes to whoever is shut out just after they have set one up', async () => {
      await policy({ multi_factor: 'required' });
      const { page } = await begin();
      const { totp, protocol, recoveryCodes } = server.services;
      const confirm = totp.confirm.bind(totp);
      const meanwhile = jest.spyOn(totp, 'confirm').mockImplementationOnce(async (user, offer, _typed, taken) => {
        const isSetUp = await confirm(user, offer, await code(offer.secret), taken);
        clock.move(1);
        await protocol.sessions.endAll(user.id, 'revoked');
        return isSetUp;
      });
      await browser.submit(page, { code: '000000' });
      expect(await meanwhile.mock.results[0]?.value).toBe(true);
      meanwhile.mockRestore();
      expect(await server.inside(() => recoveryCodes.left(person.id))).toBe(0);
    });

    it('is let in from a browser that is remembered, until it is no longer', async () => {
      const secret = await withTotp();
      const { page } = await begin();
      codeOf(await browser.submit(page, { code: await code(secret), remember_device: 'yes' }));
      for (const [key, { name }] of browser.cookies) if (!name.includes('ostiary_device')) browser.cookies.delete(key);
      expect((await claims(await begin())).acr).toBe(one);
      await policy({ multi_factor: 'required' });
      expect(await errorOf()).toBeNull();
      await policy({ multi_factor: 'required', remember_days: 0 });
      expect(await errorOf()).toBe('login_required');
      await policy({ multi_factor: 'required' });
      await server.inside(async ({ devices }) => {
        for (const { id } of await devices.trustedOf(person)) await devices.revoke(person, id);
      });
      expect(await errorOf()).toBe('login_required');
    });

    it('goes on with a code by mail where nothing else comes first, after the session has grown too old to set a factor up', async () => {
      codeOf((await begin()).page);
      clock.move(11 * 60);
      await policy({ multi_factor: 'required', first_factors: ['email_code'] });
      const { page } = await begin();
      expect(page.html).toContain('login-email');
      const sent = await browser.submit(page, { username: person.email, with: 'email_code' });
      expect(sent.html).toContain('code-submit');
      const end = await browser.submit(sent, { code: await codeIn(server, person.email) });
      expect(isEnrolling(end)).toBe(true);
    });

    it('sets one up where a remembered browser could prove none any more, and goes round in no circle', async () => {
      const secret = await withTotp();
      const { page } = await begin();
      codeOf(await browser.submit(page, { code: await code(secret), remember_device: 'yes' }));
      const forget = () => {
        for (const [key, { name }] of browser.cookies)
          if (!name.includes('ostiary_device')) browser.cookies.delete(key);
      };
      forget();
      codeOf((await begin()).page);
      expect(await errorOf()).toBeNull();
      await policy({ multi_factor: 'required', second_factors: ['passkey'] });
      expect(await errorOf()).toBe('login_required');
      const account = await browser.open(`${server.issuer}/account/security/password`);
      const answer =
        nameOf(account) === 'enrolment'
          ? account
          : await browser.submit(account, {}, formAt(account, '/account/security/password'));
      expect(nameOf(answer)).toBe('enrolment');
      forget();
      expect(nameOf((await begin()).page)).toBe('enrolment');
    });

    it('changes nothing in the pages of the account that would give it away', async () => {
      await enter(server, person.email, '', browser);
      const page = await browser.open(`${server.issuer}/account/security/password`);
      await policy({ multi_factor: 'required' });
      const end = await browser.submit(page, {}, formAt(page, '/account/security/password'));
      expect(isEnrolling(end)).toBe(true);
    });

    it('does not make a session of another account’s remembrance', async () => {
      const secret = await withTotp();
      const { page } = await begin();
      codeOf(await browser.submit(page, { code: await code(secret), remember_device: 'yes' }));
      for (const [key, { name }] of browser.cookies) if (!name.includes('ostiary_device')) browser.cookies.delete(key);
      person = await makePerson(server);
      codeOf((await begin()).page);
      await policy({ multi_factor: 'required' });
      expect(await errorOf()).toBe('login_required');
    });
  });

  describe('because the request asks for a class', () => {
    it.each<[string, Record<string, string>, string]>([
      ['nothing', {}, mfa],
      ['acr_values in order of preference', { acr_values: `${one} ${mfa}` }, one],
      ['acr_values, the strongest first', { acr_values: `${phr} ${mfa} ${one}` }, mfa],
      ['an essential value', { claims: JSON.stringify({ id_token: { acr: { essential: true, value: one } } }) }, one],
      [
        'essential values',
        { claims: JSON.stringify({ id_token: { acr: { essential: true, values: [phr, mfa] } } }) },
        mfa,
      ],
    ])('answers what is met of it: %s', async (_name, more, answered) => {
      const secret = await withTotp();
      const { page, proof } = await begin(more);
      const end = isAsked(page) ? await browser.submit(page, { code: await code(secret) }) : page;
      expect((await claims({ page: end, proof })).acr).toBe(answered);
      expect(await errorOf(more)).toBeNull();
    });

    it('ends prompt=none as unmet_authentication_requirements, and asks for nothing that nobody knows', async () => {
      codeOf((await begin()).page);
      const essential = { claims: JSON.stringify({ id_token: { acr: { essential: true, value: mfa } } }) };
      expect(await errorOf(essential)).toBe('unmet_authentication_requirements');
      expect(await errorOf({ acr_values: 'urn:example:unknown' })).toBeNull();
      expect(await errorOf({ acr_values: `urn:example:unknown ${one}` })).toBeNull();
    });
  });

  describe('a step up', () => {
    const essential = { claims: JSON.stringify({ id_token: { acr: { essential: true, value: mfa } } }) };
    const sessions = async (): Promise<string[]> => {
      const rows = await server.services.db.manager.query(
        'SELECT uid FROM sessions WHERE account_id = $1 AND ended_at IS NULL',
        [person.id],
      );
      return rows.map(({ uid }: { uid: string }) => uid);
    };
    async function steppedUp() {
      codeOf((await begin()).page);
      const secret = await withTotp();
      const { page, proof } = await begin(essential);
      expect(isAsked(page)).toBe(true);
      return { page, proof, secret };
    }
    const end = async () => {
      const [uid = ''] = await sessions();
      await server.inside(({ protocol }) => protocol.sessions.endOwn(person.id, uid, 'revoked'));
      expect(await sessions()).toEqual([]);
    };

    it('ends with the session it goes on from, and begins no other one', async () => {
      const { page, secret } = await steppedUp();
      const fields = { csrf: csrfOf(page), code: await code(secret) };
      expect((await send(browser, `${baseOf(page)}/second_factor`, fields)).status).toBe(303);
      await end();
      expect((await browser.open(baseOf(page))).status).toBe(400);
      expect(await sessions()).toEqual([]);
    });

    it('ends with it also where its pages were done with before', async () => {
      const { page, secret } = await steppedUp();
      const fields = { csrf: csrfOf(page), code: await code(secret) };
      await send(browser, `${baseOf(page)}/second_factor`, fields);
      const done = await browser.request(baseOf(page));
      expect([done.status, done.headers.get('location')]).toEqual([303, expect.stringContaining('/authorize/')]);
      await end();
      expect((await browser.open(resumeOf(page))).status).toBe(400);
      expect(await sessions()).toEqual([]);
    });

    it('ends with it also where it ends in the moment in which another one would begin', async () => {
      const { page, secret } = await steppedUp();
      const fields = { csrf: csrfOf(page), code: await code(secret) };
      await send(browser, `${baseOf(page)}/second_factor`, fields);
      await browser.request(baseOf(page));
      // As in a tab whose cookie a sign-in in another has just retired.
      for (const [key, { name }] of browser.cookies)
        if (/^ostiary_default(\.sig)?$/.test(name)) browser.cookies.delete(key);
      const { sessions: kept } = server.services.protocol;
      const save = kept.save.bind(kept);
      const saving = jest.spyOn(kept, 'save').mockImplementationOnce(async (...given) => {
        await end();
        return save(...given);
      });
      const answer = await browser.open(resumeOf(page));
      expect(saving).toHaveBeenCalled();
      saving.mockRestore();
      expect(new URL(answer.url).searchParams.get('error_description')).toBe('the session has ended');
      expect(new URL(answer.url).searchParams.get('code')).toBeNull();
      expect(await sessions()).toEqual([]);
    });

    it('adds no factor in the moment in which its session ends', async () => {
      codeOf((await begin()).page);
      const { page } = await begin(essential);
      expect(isEnrolling(page)).toBe(true);
      const { totp } = server.services;
      const confirm = totp.confirm.bind(totp);
      const confirming = jest.spyOn(totp, 'confirm').mockImplementationOnce(async (...given) => {
        await end();
        return confirm(...given);
      });
      await browser.submit(page, { code: await code(secretOn(page)) });
      confirming.mockRestore();
      expect(await server.inside(({ secondFactors }) => secondFactors.of(person.id))).toMatchObject({ totp: false });
    });

    it('asks anew for what has grown older than max_age on the way (OpenID Connect Core §3.1.2.1)', async () => {
      const { auth_time: before } = await claims(await begin());
      const secret = await withTotp();
      const { page, proof } = await begin({ ...essential, max_age: '300' });
      expect(isAsked(page)).toBe(true);
      clock.move(301);
      const named = await browser.submit(page, { code: await code(secret) });
      expect(nameOf(named)).toBe('identifier');
      const asked = await browser.submit(await browser.submit(named, { username: person.email }), { password });
      expect(isAsked(asked)).toBe(true);
      clock.move(stepSeconds);
      const after = await claims({ page: await browser.submit(asked, { code: await code(secret) }), proof });
      expect(after).toMatchObject({ acr: mfa, amr: ['pwd', 'otp', 'mfa'] });
      expect(Number(after.auth_time)).toBeGreaterThan(Number(before) + 300);
    });
  });

  it('makes no recovery codes for whom everything ended in the moment in which the factor was added', async () => {
    await policy({ multi_factor: 'required' });
    const { page } = await begin();
    const { totp } = server.services;
    const confirm = totp.confirm.bind(totp);
    const confirming = jest.spyOn(totp, 'confirm').mockImplementationOnce(async (...given) => {
      const added = await confirm(...given);
      clock.move(1);
      await server.inside(async ({ lockdown, lockdownLinks, users }) => {
        const link = await lockdownLinks.issue(await users.find(person.id));
        await lockdown.redeem(String(new URL(link).searchParams.get('token')));
      });
      return added;
    });
    const next = await browser.submit(page, { code: await code(secretOn(page)) });
    confirming.mockRestore();
    expect(['identifier', 'password']).toContain(nameOf(next));
    const { recovery_codes } = await server.inside(({ secondFactors }) => secondFactors.of(person.id));
    expect(recovery_codes).toBe(0);
  });

  it('asks anew for what was proved longer ago than max_age when the second proof comes (OpenID Connect Core §3.1.2.1)', async () => {
    // Codes are kept by the real time.
    clock.reset();
    person = await makePerson(server);
    const secret = await withTotp();
    await policy({ multi_factor: 'required' });
    const { page, proof } = await begin({ max_age: '300' });
    clock.move(301);
    const anew = await browser.submit(page, { code: await code(secret) });
    expect(nameOf(anew)).toBe('password');
    const asked = await browser.submit(anew, { password });
    clock.move(stepSeconds);
    const begunAt = Math.floor(clock.now().getTime() / 1000) - stepSeconds;
    const after = await claims({ page: await browser.submit(asked, { code: await code(secret) }), proof });
    expect(after).toMatchObject({ acr: mfa, auth_time: begunAt });
  });

  it('has time to arrive, however small max_age is', async () => {
    const secret = await withTotp();
    await policy({ multi_factor: 'required' });
    const { page } = await begin({ max_age: '0' });
    clock.move(240);
    codeOf(await browser.submit(page, { code: await code(secret) }));
  });

  it('a password that is changed on the way makes nothing fresh that was proved before (OpenID Connect Core §2, auth_time)', async () => {
    // Codes are kept by the real time.
    clock.reset();
    person = await makePerson(server);
    const secret = await withTotp();
    await policy({ multi_factor: 'required' });
    await server.inside(async ({ passwords, users }) =>
      passwords.set(await users.find(person.id), password, { mustChange: true }),
    );
    clock.move(1);
    const { page, proof } = await begin();
    clock.move(stepSeconds);
    const provedAt = Math.floor(clock.now().getTime() / 1000);
    const asked = await browser.submit(page, { code: await code(secret) });
    expect(nameOf(asked)).toBe('change_password');
    clock.move(20 * 60);
    const end = await browser.submit(asked, { password: 'another good passphrase 9' });
    const after = await claims({ page: end, proof });
    expect(after).toMatchObject({ acr: mfa, auth_time: provedAt });
  });

  it('is not got around by choosing an account after a first proof', async () => {
    const secret = await withTotp();
    const { page } = await begin({ prompt: 'select_account' });
    expect(isAsked(page)).toBe(true);
    // In another tab somebody else signs in, so that there is an account to choose.
    const victim = person;
    person = await makePerson(server);
    codeOf((await begin()).page);
    expect(isAsked(await browser.open(baseOf(page)))).toBe(true);
    const rows = await server.services.db.manager.query('SELECT uid FROM sessions WHERE account_id = $1', [person.id]);
    for (const step of ['select_account', 'consent', 'login', 'confirmation', 'enrolment']) {
      const fields = { csrf: csrfOf(page), account: rows[0].uid, decision: 'allow', offer: 'x', code: '000000' };
      await send(browser, `${baseOf(page)}/${step}`, fields);
      expect(isAsked(await browser.open(baseOf(page)))).toBe(true);
    }
    const begun = () => server.services.db.manager.query('SELECT 1 FROM sessions WHERE account_id = $1', [victim.id]);
    expect(await begun()).toEqual([]);
    codeOf(await browser.submit(page, { code: await code(secret) }));
    expect(await begun()).toHaveLength(1);
  });
});
