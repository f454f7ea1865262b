import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from '../support/browser.js';
import { Elsewhere } from '../support/elsewhere.js';
import { asksEnrolment, asksSecond, GuardedHouse, type Person } from '../support/guarded.js';
import { nameOf, resumeOf } from '../support/journey.js';
import { makePerson, password } from '../support/party.js';

describe('a factor is added by its owner only, after a fresh proof (OWASP ASVS 5.0 V6.3)', () => {
  const house = new GuardedHouse();
  beforeAll(() => house.open(), 60_000);
  afterAll(() => house.server?.close());
  beforeEach(() => house.anew());

  describe('where the account has none yet and the tenant requires one', () => {
    let person: Person;
    beforeEach(async () => {
      person = { ...(await makePerson(house.server)), secret: '', codes: [] };
    });
    const wayIn = house.byPassword;

    it.each([
      'urn:ostiary:acr:1fa',
      'urn:ostiary:acr:mfa',
      'urn:ostiary:acr:phr',
      'urn:ostiary:acr:phrh',
      'urn:example:none',
    ])('one is set up, though the request says acr_values=%s', async (acr_values) => {
      const at = await wayIn(await house.begin({ acr_values }), person, house.browser);
      expect(new URL(at.url).origin).toBe(new URL(house.server.issuer).origin);
      expect(await house.sessionsOf(person)).toBe(0);
      expect(asksEnrolment(at)).toBe(true);
    });

    it.each(['recovery_codes', 'second_factor', 'finish', 'consent'])('nor by going on to %s', async (name) => {
      const at = await wayIn(await house.begin(), person, house.browser);
      await house.step(at, name, {});
      await house.browser.open(resumeOf(at));
      expect(await house.sessionsOf(person)).toBe(0);
    });

    it('of two who know the password and set one up, the second does not take the first one’s away', async () => {
      const other = new Elsewhere();
      const mine = await wayIn(await house.begin(), person, house.browser);
      const theirs = await wayIn(await house.begin({}, other), person, other);
      const secretOn = (page: Page) => (/<code>([A-Z2-7 ]+)<\/code>/.exec(page.html)?.[1] ?? '').replaceAll(' ', '');
      const [first, second] = [secretOn(mine), secretOn(theirs)];
      const both = await Promise.all([
        house.browser.submit(mine, { code: await house.code(first) }),
        other.submit(theirs, { code: await house.code(second) }),
      ]);
      const shown = both.filter(({ html }) => /[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/.test(html));
      expect(shown).toHaveLength(1);
      expect(both.filter(asksSecond)).toHaveLength(1);
    });
  });

  describe('a session that was left open', () => {
    /** Of somebody who has a password only, from before anything was required. */
    async function leftOpen(): Promise<Person> {
      await house.policy({ multi_factor: 'off' });
      const person = { ...(await makePerson(house.server)), secret: '', codes: [] };
      await house.byPassword(await house.begin(), person, house.browser);
      expect(await house.sessionsOf(person)).toBe(1);
      return person;
    }
    const essential = (value: string) => ({
      claims: JSON.stringify({ id_token: { acr: { essential: true, value } } }),
    });

    it('does not let anybody add a factor of theirs: the password is asked first', async () => {
      const person = await leftOpen();
      house.clock.move(11 * 60);
      const page = await house.begin(essential('urn:ostiary:acr:mfa'));
      expect(asksEnrolment(page)).toBe(false);
      expect(['identifier', 'password']).toContain(nameOf(page));
      const named = nameOf(page) === 'identifier' ? await house.browser.submit(page, { username: person.email }) : page;
      expect(asksEnrolment(await house.browser.submit(named, { password }))).toBe(true);
    });

    it('of a moment ago is enough', async () => {
      await leftOpen();
      house.clock.move(60);
      expect(asksEnrolment(await house.begin(essential('urn:ostiary:acr:mfa')))).toBe(true);
    });
  });

  it('a remembered browser and the password add no passkey: that would do alone for good', async () => {
    await house.policy({ multi_factor: 'optional' });
    const again = async (person: { email: string }, visitor: Browser) => {
      for (const [key, { name }] of visitor.cookies) if (!name.includes('ostiary_device')) visitor.cookies.delete(key);
      const named = await visitor.submit(await house.begin({}, visitor), { username: person.email });
      return visitor.submit(named, { password, can_passkey: 'yes' });
    };
    const asks = ({ html }: Page) => html.includes('/add_passkey"');
    await house.fullSignIn(house.victim, house.browser);
    const end = await again(house.victim, house.browser);
    expect([asks(end), new URL(end.url).searchParams.has('code')]).toEqual([false, true]);
    // Who has nothing else is asked.
    expect(asks(await again(await makePerson(house.server), new Elsewhere()))).toBe(true);
  });

  it('a passkey that was added by whoever was in is gone with "This was not me"; older ones stay', async () => {
    const old = await house.passkeyOf(house.victim);
    house.clock.move(8 * 24 * 3600);
    const theirs = await house.passkeyOf(house.victim);
    await house.server.inside(async ({ lockdown, lockdownLinks, users }) => {
      const link = await lockdownLinks.issue(await users.find(house.victim.id));
      await lockdown.redeem(String(new URL(link).searchParams.get('token')));
    });
    const left = await house.server.inside(({ passkeys }) => passkeys.of(house.victim.id));
    expect(left.map(({ credentialId }) => credentialId)).toEqual(old.held.map(({ id }) => id.toString('base64url')));
    expect(theirs.held).toHaveLength(1);
  });
});
