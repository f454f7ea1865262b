import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { giveNameAndPassword, isSignedIn, nameOf, silently } from '../../support/journey.js';
import { authorizationUrl, codeOf, makePerson, password, pkce, redeem, signIn } from '../../support/party.js';
import { Visit } from '../../support/visit.js';

describe('what an authorization request asks of the pages', () => {
  const visit = new Visit();
  beforeAll(() => visit.open(), 60_000);
  afterAll(() => visit.server?.close());
  beforeEach(() => visit.anew());

  it('takes the authorization request as a form too (OpenID Connect Core §3.1.2.1)', async () => {
    const url = new URL(authorizationUrl(visit.server, visit.party, pkce()));
    const page = await visit.browser.open(`${visit.server.issuer}/authorize`, {
      method: 'POST',
      body: url.searchParams,
      headers: { origin: 'https://rp.example' },
    });
    expect(nameOf(page)).toBe('identifier');
    codeOf(await signIn(visit.browser, page.url, visit.email));
  });

  describe('what the request asks for (OpenID Connect Core §3.1.2.1)', () => {
    it('login_hint fills in the name, and is not trusted as markup', async () => {
      expect((await visit.begin({ login_hint: visit.email })).html).toContain(`value="${visit.email}"`);
      expect((await visit.begin({ login_hint: '"><script>alert(1)</script>' })).html).not.toContain('<script>alert');
    });

    it('prompt=none answers login_required, then consent_required, then a code', async () => {
      expect((await silently(visit.server, visit.party, visit.browser)).get('error')).toBe('login_required');
      const page = await visit.atConsent();
      expect((await silently(visit.server, visit.party, visit.browser)).get('error')).toBe('consent_required');
      await visit.browser.submit(page, { decision: 'allow' });
      const answer = await silently(visit.server, visit.party, visit.browser);
      expect([answer.get('error'), typeof answer.get('code'), answer.get('iss')]).toEqual([
        null,
        'string',
        visit.server.issuer,
      ]);
    });

    it('prompt=none with another prompt is refused', async () => {
      expect((await silently(visit.server, visit.party, visit.browser, { prompt: 'none login' })).get('error')).toBe(
        'invalid_request',
      );
    });

    it('prompt=login asks who is signed in already, and giving up changes nothing', async () => {
      await signIn(visit.browser, authorizationUrl(visit.server, visit.party, pkce()), visit.email);
      const page = await visit.begin({ prompt: 'login' });
      expect(nameOf(page)).toBe('identifier');
      expect(page.html).toContain(`value="${visit.email}"`);
      expect(await isSignedIn(visit.server, visit.party, visit.browser)).toBe(true);
      const wrong = await visit.browser.submit(page, { username: visit.email, password: 'wrong password 1' });
      expect(wrong.status).toBe(422);
      expect(await isSignedIn(visit.server, visit.party, visit.browser)).toBe(true);
      codeOf(await visit.browser.submit(wrong, { password }));
    });

    it('prompt=consent asks again what was allowed before', async () => {
      await signIn(visit.browser, authorizationUrl(visit.server, visit.party, pkce()), visit.email);
      const page = await visit.begin({ prompt: 'consent' });
      expect(nameOf(page)).toBe('consent');
      codeOf(await visit.browser.submit(page, { decision: 'allow' }));
    });

    it('prompt=select_account with nobody signed in asks for the name', async () => {
      expect(nameOf(await visit.begin({ prompt: 'select_account' }))).toBe('identifier');
    });

    it('max_age asks again when the sign-in is older, and auth_time says when it was', async () => {
      const user = await makePerson(visit.server);
      await signIn(visit.browser, authorizationUrl(visit.server, visit.party, pkce()), user.email);
      codeOf(await visit.begin({ max_age: '1000' }));
      await visit.server.inside(({ db }) =>
        db.manager.query(
          `UPDATE sessions SET login_ts = login_ts - 2000, payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::int - 2000))
            WHERE account_id = $1`,
          [user.id],
        ),
      );
      const proof = pkce();
      const page = await visit.browser.open(authorizationUrl(visit.server, visit.party, proof, { max_age: '1000' }));
      expect(nameOf(page)).toBe('identifier');
      expect((await silently(visit.server, visit.party, visit.browser, { max_age: '1000' })).get('error')).toBe(
        'login_required',
      );
      const before = Math.floor(Date.now() / 1000);
      const code = codeOf(await giveNameAndPassword(visit.browser, page, user.email));
      const { auth_time } = decodeJwt(String((await redeem(visit.server, visit.party, code, proof)).body.id_token));
      expect(Number(auth_time)).toBeGreaterThanOrEqual(before);
    });

    it.each([
      ['de', 'lang="de"'],
      ['ar', 'dir="rtl"'],
      ['xx fr de', 'lang="de"'],
      ['xx', 'lang="en"'],
    ])('ui_locales=%s chooses the language', async (locales, expected) => {
      expect((await visit.begin({ ui_locales: locales })).html).toContain(expected);
    });

    it.each(['page', 'popup', 'touch', 'wap'])('display=%s is accepted', async (display) => {
      expect(nameOf(await visit.begin({ display }))).toBe('identifier');
    });

    it('says no to the client when the person does, and they stay signed in (RFC 6749 §4.1.2.1)', async () => {
      const page = await visit.browser.submit(await visit.atConsent(), { decision: 'deny' });
      const answer = new URL(page.url).searchParams;
      expect(page.url).toMatch(/^https:\/\/rp\.example\/cb\?/);
      expect([answer.get('error'), answer.get('iss'), answer.get('code')]).toEqual([
        'access_denied',
        visit.server.issuer,
        null,
      ]);
      expect(answer.get('state')).toMatch(/^[0-9a-f]{16}$/);
      expect(await isSignedIn(visit.server, visit.party, visit.browser)).toBe(true);
      expect(nameOf(await visit.begin())).toBe('consent');
    });
  });
});
