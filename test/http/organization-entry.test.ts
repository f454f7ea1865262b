import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { acrValues } from '../../config/protocol.js';
import { type Page, readForm } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import { nameOf, silently } from '../support/journey.js';
import { changePolicy, makeOrganization } from '../support/organizations.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  redeem,
  refresh,
} from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { codeIn, generous } from '../support/sign-in-letters.js';
import { totpCode } from '../support/totp.js';
import { Traveller, trusting } from '../support/traveller.js';

const [one, mfa, phr] = acrValues;
const scope = 'openid organization';
const home = '198.51.100.7';
const abroad = '203.0.113.5';
const ways = { first_factors: ['password', 'email_code', 'passkey'], multi_factor: 'off' };

type Person = { id: string; email: string };

describe('whoever comes in for an organization', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let person: Person;
  let secret: string;

  beforeAll(async () => {
    server = await startServer({ ...trusting, overrides: { clock, letters: generous } as never });
    party = await makeClient(server, { scope: `${scope} offline_access`, consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    await setPolicy(server, ways);
    person = await makePerson(server);
    secret = await server.inside(async ({ totp, users }) => {
      const user = await users.find(person.id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await totpCode(offer.secret, clock.now()));
      return offer.secret;
    });
    clock.move(30);
  });

  const to = (organization: { slug: string }) => ({ scope, organization: organization.slug });
  const essential = (acr: string | undefined) => ({
    scope: 'openid',
    claims: JSON.stringify({ id_token: { acr: { essential: true, values: [acr] } } }),
  });

  /** Answers with what the person has, and notes what was asked for. @returns where it ended. */
  async function visit(browser: Traveller, params: Record<string, string>, who = person) {
    const asked: string[] = [];
    const proof = pkce();
    let page = await browser.open(authorizationUrl(server, party, proof, params));
    for (let step = 0; step < 8 && page.html.includes('<form'); step += 1) {
      if (page.html.includes('id="mfa-submit"')) {
        asked.push('totp');
        clock.move(30);
        page = await browser.submit(page, { code: await totpCode(secret, clock.now()) });
      } else if (nameOf(page) === 'password') {
        asked.push('password');
        page = await browser.submit(page, { password });
      } else if (nameOf(page) === 'identifier') page = await browser.submit(page, { username: who.email });
      else break;
    }
    const code = page.url.includes('code=') ? codeOf(page) : undefined;
    const tokens = code ? (await redeem(server, party, code, proof)).body : undefined;
    return { asked, page, tokens, claims: tokens && decodeJwt(String(tokens.id_token)) };
  }

  describe('in the place of somebody else', () => {
    const typed = async (browser: Traveller, page: Page, email: string): Promise<Page> =>
      browser.submit(await browser.submit(page, { username: email }), { password });
    const isConfirmation = ({ html }: Page): boolean => /\/interaction\/[^/]+\/confirmation"/.test(html);
    const sessionsOf = async ({ id }: Person): Promise<number> =>
      (
        await server.services.db.manager.query('SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [
          id,
        ])
      ).length;

    it('has confirmed nothing by what the first one confirmed', async () => {
      const [first, second] = [await makePerson(server), await makePerson(server)];
      for (const one of [first, second]) await visit(new Traveller(home), { scope: 'openid' }, one);
      const aged = await makeOrganization(server, { policy: { session_seconds: 300 }, members: [first] });
      await setPolicy(server, { ...ways, risk: { action: 'enforce' } });
      const browser = new Traveller(abroad);
      let page = await browser.open(authorizationUrl(server, party, pkce(), to(aged)));
      page = await typed(browser, page, first.email);
      expect(isConfirmation(page)).toBe(true);
      page = await browser.submit(page, { send: 'yes' });
      const { action, values } = readForm(page);
      const body = new URLSearchParams({ ...Object.fromEntries(values), code: await codeIn(server, first.email) });
      const headers = { origin: new URL(page.url).origin };
      // It is sent, and the answer is not followed: the sign-in waits until what was proved has become too old.
      const { headers: answered } = await browser.request(action, { method: 'POST', body, headers });
      clock.move(301);
      const next = new URL(String(answered.get('location')), action).href;
      expect(nameOf(await browser.open(next))).toMatch(/identifier|password/);
      page = await typed(browser, await browser.open(`${next.split('?')[0]}?identify`), second.email);
      expect(isConfirmation(page)).toBe(true);
      expect(await sessionsOf(second)).toBe(1);
    });

    it('has set up nothing by what the first one set up', async () => {
      const [first, second] = [await makePerson(server), await makePerson(server)];
      const aged = await makeOrganization(server, { policy: { session_seconds: 300 }, members: [first] });
      await setPolicy(server, { first_factors: ['password'], second_factors: ['totp'], multi_factor: 'required' });
      const browser = new Traveller(home);
      let page = await browser.open(authorizationUrl(server, party, pkce(), to(aged)));
      page = await typed(browser, page, first.email);
      const offered = /([A-Z2-7]{4}(?: [A-Z2-7]{4}){3,})/.exec(page.html)?.[1] ?? '';
      page = await browser.submit(page, { code: await totpCode(offered.replaceAll(' ', ''), clock.now()) });
      expect(page.html).toMatch(/\/recovery_codes"/);
      const kept = page.url.split('?')[0];
      clock.move(301);
      page = await typed(browser, await browser.open(`${kept}?identify`), second.email);
      expect(nameOf(page)).toBe('enrolment');
      expect(await sessionsOf(second)).toBe(0);
    });
  });

  describe('and sets up a factor for it', () => {
    it('proves the one they have, in this very sign-in', async () => {
      const strict = await makeOrganization(server, { policy: { acr: phr }, members: [person] });
      const browser = new Traveller(home);
      expect((await visit(browser, { scope: 'openid', acr_values: String(mfa) })).asked).toEqual(['password', 'totp']);
      clock.move(15 * 60);
      const { asked, page } = await visit(browser, to(strict));
      expect([asked, nameOf(page)]).toEqual([['password', 'totp'], 'enrolment']);
    });

    it('is not asked twice where it was proved a moment ago', async () => {
      const strict = await makeOrganization(server, { policy: { acr: phr }, members: [person] });
      const browser = new Traveller(home);
      await visit(browser, { scope: 'openid', acr_values: String(mfa) });
      const { asked, page } = await visit(browser, to(strict));
      expect([asked, nameOf(page)]).toEqual([[], 'enrolment']);
    });
  });

  it('again and again, loses no class of the session by it', async () => {
    const aged = await makeOrganization(server, { policy: { session_seconds: 300 }, members: [person] });
    const browser = new Traveller(home);
    const first = await visit(browser, { scope: 'openid', acr_values: String(mfa) });
    // As though they had been asked in the course of a day.
    await server.services.db.manager.query(
      `UPDATE sessions SET proofs = proofs || (SELECT jsonb_agg(jsonb_build_object('method', 'password', 'at', $2::bigint + 40 + n))
                                                 FROM generate_series(1, 31) n) WHERE account_id = $1`,
      [person.id, first.claims?.auth_time],
    );
    for (let times = 0; times < 3; times += 1) {
      clock.move(400);
      expect((await visit(browser, to(aged))).asked).toEqual(['password']);
      expect((await silently(server, party, browser, essential(mfa))).get('error')).toBeNull();
    }
  });

  describe('and the policy asks for more later', () => {
    const refreshed = async (tokens: Record<string, unknown> | undefined) => {
      const { status, body } = await refresh(server, party, String(tokens?.refresh_token));
      return [status, body.error];
    };
    const [good, bad] = [
      [200, undefined],
      [400, 'invalid_grant'],
    ];
    const grantEnds = async ({ id }: { id: string }): Promise<number> => {
      const [row] = await server.services.db.manager.query('SELECT expires_at FROM grants WHERE organization_id = $1', [
        id,
      ]);
      return (row.expires_at.getTime() - clock.now().getTime()) / 86_400_000;
    };
    const graceIsOver = ({ id }: { id: string }) =>
      server.services.db.manager.query(
        `WITH joined AS (UPDATE memberships SET joined_at = joined_at - interval '1 day' WHERE organization_id = $1)
         UPDATE organizations SET settings = settings - 'policy_since' WHERE id = $1`,
        [id],
      );

    it('is given no token more for what was proved before, and is asked for the rest', async () => {
      const [raised, same] = [
        await makeOrganization(server, { members: [person] }),
        await makeOrganization(server, { members: [person] }),
      ];
      const browser = new Traveller(home);
      const before = await visit(browser, to(raised));
      const going = await visit(browser, to(same));
      await changePolicy(server, raised, { acr: mfa });
      expect([await refreshed(before.tokens), await refreshed(going.tokens)]).toEqual([bad, good]);
      const after = await visit(browser, to(raised));
      expect([after.asked, await refreshed(after.tokens)]).toEqual([['totp'], good]);
    });

    it('is given none after the days without the class: what was granted ends with them', async () => {
      const gracious = await makeOrganization(server, { policy: { acr: mfa, grace_days: 1 }, members: [person] });
      const browser = new Traveller(home);
      const spared = await visit(browser, to(gracious));
      expect([spared.asked, await refreshed(spared.tokens)]).toEqual([['password'], good]);
      expect(await grantEnds(gracious)).toBeLessThanOrEqual(1);
      const again = await visit(browser, to(gracious));
      await graceIsOver(gracious);
      expect(await refreshed(again.tokens)).toEqual(bad);
    });

    it('what was granted goes on as long as ever once the class was proved', async () => {
      const gracious = await makeOrganization(server, { policy: { acr: mfa, grace_days: 1 }, members: [person] });
      const browser = new Traveller(home);
      await visit(browser, to(gracious));
      await visit(browser, essential(mfa));
      const proved = await visit(browser, to(gracious));
      expect(proved.claims?.acr).toBe(mfa);
      expect(await grantEnds(gracious)).toBeGreaterThan(2);
      await graceIsOver(gracious);
      expect(await refreshed(proved.tokens)).toEqual(good);
    });

    it('goes by what was proved, not by the class that the client asked for', async () => {
      const strict = await makeOrganization(server, { policy: { acr: mfa }, members: [person] });
      const { tokens, claims } = await visit(new Traveller(home), { ...to(strict), acr_values: String(one) });
      expect([claims?.org_id, claims?.acr]).toEqual([strict.id, one]);
      expect(await refreshed(tokens)).toEqual(good);
    });

    it('goes on where it may have been given from a trusted network', async () => {
      const policy = { acr: mfa, trusted_networks: [`${home}/32`] };
      const trusted = await makeOrganization(server, { policy, members: [person] });
      const { asked, tokens } = await visit(new Traveller(home), to(trusted));
      expect([asked, await refreshed(tokens)]).toEqual([['password'], good]);
    });
  });

  describe('elsewhere than at home', () => {
    it.each(['one for an organization', 'one for none'])('proves everything anew: %s', async (kind) => {
      const strict = await makeOrganization(server, { policy: { acr: mfa }, members: [person] });
      const browser = new Traveller(home);
      expect((await visit(browser, to(strict))).asked).toEqual(['password', 'totp']);
      const thief = browser.stolen(abroad);
      clock.move(60);
      const there = await visit(thief, kind === 'one for none' ? essential(mfa) : to(strict));
      expect([there.asked, there.claims?.acr]).toEqual([['password', 'totp'], mfa]);
    });

    it('nothing of before counts later either: the session is at home there with what was proved there', async () => {
      const strict = await makeOrganization(server, { policy: { acr: mfa }, members: [person] });
      const browser = new Traveller(home);
      await visit(browser, to(strict));
      const thief = browser.stolen(abroad);
      clock.move(60);
      expect((await visit(thief, { scope: 'openid' })).asked).toEqual(['password']);
      expect((await silently(server, party, thief, { scope: 'openid' })).get('error')).toBeNull();
      expect((await silently(server, party, thief, to(strict))).get('error')).toBe('login_required');
      expect((await visit(thief, to(strict))).asked).toEqual(['totp']);
    });
  });
});
