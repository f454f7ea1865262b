import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const minute = 60;

describe('an account that is guessed at, on a clock that is moved (NIST SP 800-63B-4 §3.2.2, OWASP ASVS 5.0 V6.3.1)', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    person = await makePerson(server);
  });

  const policy = (lockout: object) =>
    server.inside(async ({ tenants }) => tenants.update(await tenants.current(), { settings: { lockout } } as never));
  async function guess(secret: string): Promise<Page> {
    const browser = new Browser();
    const named = await browser.submit(await browser.open(authorizationUrl(server, party, pkce())), {
      username: person.email,
    });
    return browser.submit(named, { password: secret });
  }
  const isIn = (page: Page) => new URL(page.url).searchParams.has('code');
  const says = ({ html }: Page) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
  const wrong = async (times: number) => {
    for (let i = 0; i < times; i += 1) expect((await guess(`wrong ${i}`)).status).toBe(422);
  };

  it.each([
    ['fixed', { strategy: 'fixed', duration_minutes: 30 }, [30, 30, 30]],
    ['exponential', { strategy: 'exponential' }, [5, 15, 60, 60]],
  ])('is locked as the strategy %s says, and opens by itself', async (_name, settings, locks) => {
    await policy(settings);
    let passed = 0;
    for (const minutes of locks) {
      // Sign-ins in progress last an hour by the real clock: each round begins near it.
      await wrong(5);
      clock.move(minutes * minute - 1);
      passed += minutes;
      const locked = await guess(password);
      expect([locked.status, isIn(locked)]).toEqual([422, false]);
      clock.move(2);
    }
    expect(passed).toBe(locks.reduce((sum, one) => sum + one, 0));
    expect(isIn(await guess(password))).toBe(true);
  });

  it('is locked for good by the strategy permanent, until an administrator opens it', async () => {
    await policy({ strategy: 'permanent' });
    await wrong(5);
    clock.move(20 * minute);
    const locked = await guess(password);
    expect([locked.status, isIn(locked)]).toEqual([422, false]);
    expect(says(locked)).not.toMatch(/\d+ (?:minutes|hours|days)/);
    await server.inside(async ({ accountLocks, users }) => accountLocks.unlock(await users.find(person.id)));
    expect(isIn(await guess(password))).toBe(true);
  });

  it('is not locked by four, however often, where the right password comes between', async () => {
    await policy({});
    for (let round = 0; round < 3; round += 1) {
      await wrong(4);
      expect(isIn(await guess(password))).toBe(true);
    }
  });

  it('is locked for whatever spelling of its name, and for nobody else', async () => {
    await policy({});
    const mine = person;
    for (const email of [mine.email, mine.email.toUpperCase(), ` ${mine.email}`]) {
      person = { ...mine, email };
      await wrong(email === mine.email ? 3 : 1);
    }
    person = mine;
    expect(isIn(await guess(password))).toBe(false);
    person = await makePerson(server);
    expect(isIn(await guess(password))).toBe(true);
  });
});
