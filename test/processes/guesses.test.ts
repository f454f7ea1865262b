import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { limits } from '../../config/protocol.js';
import type { Page } from '../support/browser.js';
import { baseOf, csrfOf, send } from '../support/journey.js';
import { crowd, type Pair, rowsOf, startPair } from '../support/pair.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { Traveller, trusting } from '../support/traveller.js';

/** Behind the balancer, which sends each request to the next process. */
const address = (index: number) => `10.${index % 250}.${Math.floor(index / 250)}.9`;

async function passwordPage(house: Pair, party: Party, browser: Traveller, email: string): Promise<Page> {
  return browser.submit(await browser.open(authorizationUrl(house.server, party, pkce())), { username: email });
}

const reasons = async (house: Pair, factor: string, subject?: string) =>
  Object.fromEntries(
    (
      await rowsOf<{ reason: string; count: number }>(
        house,
        `SELECT data ->> 'reason' AS reason, count(*)::int AS count FROM audit_events
          WHERE name = 'sign_in.failed' AND data ->> 'factor' = $1 AND ($2::text IS NULL OR data ->> 'user_id' = $2) GROUP BY 1`,
        factor,
        subject ?? null,
      )
    ).map(({ reason, count }) => [reason, count]),
  );

describe('guesses at two processes at once (NIST SP 800-63B-4 §3.2.2)', () => {
  describe('at one account, from many addresses and sessions', () => {
    let house: Pair;
    let party: Party;
    beforeAll(async () => {
      house = await startPair(trusting.environment);
      party = await makeClient(house.server, { consent_policy: 'implicit' });
    }, 240_000);
    afterAll(() => house?.close());

    it('of 100 passwords five are looked at, and then not even the right one', async () => {
      const person = await makePerson(house.server);
      const pages = await crowd(25, async (index) => {
        const browser = new Traveller(address(index));
        return { browser, page: await passwordPage(house, party, browser, person.email) };
      });
      const answers = await crowd(100, async (index) => {
        const { browser, page } = pages[index % 25] as (typeof pages)[number];
        return browser.submit(page, { password: `guess ${index}` });
      });
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422]));
      expect(await reasons(house, 'password', person.id)).toEqual({ wrong_password: 5, locked: 95 });
      const browser = new Traveller(address(200));
      const page = await passwordPage(house, party, browser, person.email);
      expect((await browser.submit(page, { password })).status).toBe(422);
    }, 240_000);

    it('of 600 codes five are looked at, and then not even the right one; the password is not locked by it', async () => {
      const person = await makePerson(house.server);
      const secret = await house.inside(async ({ totp, users }) => {
        const user = await users.find(person.id);
        const offer = totp.offer(user, 'Acme', 'flow');
        await totp.confirm(user, offer, await generate({ secret: offer.secret, epoch: Date.now() / 1000 - 30 }));
        return offer.secret;
      });
      const right = await generate({ secret });
      // One after the other: of those that come at once no more than five are looked at, right or wrong.
      const sessions: { browser: Traveller; page: Page }[] = [];
      for (let index = 0; index < 20; index += 1) {
        const browser = new Traveller(address(index));
        const named = await passwordPage(house, party, browser, person.email);
        sessions.push({ browser, page: await browser.submit(named, { password }) });
      }
      // A code that is right by chance would be no guess that failed.
      const wrong = (index: number) => String((Number(right) + 500_000 + index) % 1_000_000).padStart(6, '0');
      let sent = 0;
      await crowd(20, async (index) => {
        const { browser, page } = sessions[index] as (typeof sessions)[number];
        for (let round = 0; round < 30; round += 1) {
          browser.ip = address(index + 20 * round);
          const fields = { csrf: csrfOf(page), code: wrong(index + 20 * round) };
          expect((await send(browser, `${baseOf(page)}/second_factor`, fields)).status).toBe(422);
          sent += 1;
        }
      });
      expect(await reasons(house, 'second_factor', person.id)).toEqual({ wrong_code: 5, locked: sent - 5 });
      const { browser, page } = sessions[0] as (typeof sessions)[number];
      const refused = await browser.submit(page, { code: await generate({ secret }) });
      expect([refused.status, refused.html.includes('paused')]).toEqual([422, true]);
      const other = new Traveller(address(300));
      expect((await other.submit(await passwordPage(house, party, other, person.email), { password })).html).toContain(
        'mfa-submit',
      );
    }, 240_000);
  });

  describe('from one address, at many accounts', () => {
    let house: Pair;
    let party: Party;
    beforeAll(async () => {
      house = await startPair({ ...trusting.environment, TEST_REAL: 'limits' });
      party = await makeClient(house.server, { consent_policy: 'implicit' });
    }, 240_000);
    afterAll(() => house?.close());

    it('are refused with 429 at both once there were too many, and others are not held up', async () => {
      const { points } = limits.signInFailures;
      const { email } = await makePerson(house.server);
      const at = Math.ceil((points + 40) / 2);
      // Two at a time: each is counted before it is looked at.
      const statuses = (
        await crowd(2, async (half) => {
          const seen: number[] = [];
          for (let index = 0; index < at; index += 1) {
            const browser = new Traveller('203.0.113.5');
            const page = await passwordPage(house, party, browser, `nobody-${half}-${index}@example.com`);
            seen.push((await browser.submit(page, { password: 'a guess' })).status);
          }
          return seen;
        })
      ).flat();
      const looked = statuses.filter((status) => status === 422).length;
      expect(looked).toBe(points);
      expect(statuses.filter((status) => status === 429)).toHaveLength(statuses.length - looked);
      const neighbour = new Traveller('203.0.113.5');
      expect((await neighbour.submit(await passwordPage(house, party, neighbour, email), { password })).status).toBe(
        429,
      );
      const other = new Traveller('198.51.100.7');
      codeOf(await other.submit(await passwordPage(house, party, other, email), { password }));
    }, 240_000);
  });
});
