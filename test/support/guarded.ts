// Somebody whose account has a second factor, and whoever knows their first one: with an account of their own that has everything.
import { expect } from '@jest/globals';
import type { FirstFactor } from '../../src/features/tenants/authentication-policy.js';
import { Authenticator } from './authenticator.js';
import type { Browser, Page } from './browser.js';
import { StoppedClock } from './clock.js';
import { Elsewhere, trustingUs } from './elsewhere.js';
import { baseOf, csrfOf, send } from './journey.js';
import { delivered, letterTo } from './mailbox.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from './party.js';
import { setPolicy } from './policy.js';
import { startServer, type TestServer } from './server.js';
import { totpCode } from './totp.js';

export interface Person {
  id: string;
  email: string;
  secret: string;
  codes: string[];
}

export type WayIn = (page: Page, person: Person, visitor: Browser) => Promise<Page>;

const everything = { first_factors: ['password', 'passkey', 'magic_link', 'email_code'], multi_factor: 'required' };

export const asksSecond = (page: Page): boolean => page.html.includes('mfa-submit');
export const asksEnrolment = (page: Page): boolean => page.html.includes('name="offer"');

export class GuardedHouse {
  /** What the engine keeps is good by a clock of its own: not too far. */
  readonly clock = new StoppedClock();
  server!: TestServer;
  party!: Party;
  victim!: Person;
  own!: Person;
  browser!: Browser;
  private required = true;

  async open(): Promise<void> {
    this.server = await startServer({ environment: trustingUs, overrides: { clock: this.clock } });
    this.party = await makeClient(this.server, { consent_policy: 'implicit' });
  }

  /** Other people, another browser, and the strictest rules. */
  async anew(): Promise<void> {
    this.clock.reset();
    await this.policy({});
    [this.victim, this.own] = await Promise.all([this.somebody(), this.somebody()]);
    this.browser = new Elsewhere();
    this.clock.move(60);
  }

  policy(more: { multi_factor?: 'off' | 'optional' } & Record<string, unknown>): Promise<unknown> {
    this.required = more.multi_factor === undefined;
    return setPolicy(this.server, { ...everything, ...more });
  }

  code = (secret: string): Promise<string> => totpCode(secret, this.clock.now());

  private async somebody(): Promise<Person> {
    const { id, email } = await makePerson(this.server);
    return this.server.inside(async ({ totp, recoveryCodes, users }) => {
      const user = await users.find(id);
      const { secret, ...offer } = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, { secret, ...offer }, await this.code(secret));
      return { id, email, secret, codes: await recoveryCodes.renew(user) };
    });
  }

  begin = (more: Record<string, string> = {}, visitor = this.browser): Promise<Page> =>
    visitor.open(authorizationUrl(this.server, this.party, pkce(), more));

  step = (page: Page, name: string, fields: Record<string, string> = {}): Promise<Page> =>
    send(this.browser, `${baseOf(page)}/${name}`, { csrf: csrfOf(page), ...fields });

  /** What matches in the newest letter to somebody that has it. */
  async inMail(email: string, what: RegExp): Promise<string> {
    await delivered(this.server);
    return what.exec((await letterTo(this.server, email, what)).text)?.[0] ?? '';
  }

  async sessionsOf({ id }: Pick<Person, 'id'>): Promise<number> {
    const open = 'SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL';
    return (await this.server.services.db.manager.query(open, [id])).length;
  }

  byPassword: WayIn = async (page, { email }, visitor) =>
    this.stillOutside(await visitor.submit(await visitor.submit(page, { username: email }), { password }));

  /** How each first factor is given, from the first page on. A passkey that is unlocked is both factors; one that is not is none. */
  readonly waysIn: Record<FirstFactor, ((page: Page, person: Person, visitor: Browser) => Promise<Page>) | string> = {
    password: this.byPassword,
    email_code: async (page, { email }, visitor) => {
      const asked = await visitor.submit(await visitor.submit(page, { username: email }), { with: 'email_code' });
      return this.stillOutside(await visitor.submit(asked, { code: await this.inMail(email, /^\d{6}$/m) }));
    },
    magic_link: async (page, { email }, visitor) => {
      const named = await visitor.submit(page, { username: email });
      const asked = await visitor.submit(named, { with: 'magic_link' });
      expect(asked.status).toBe(200);
      const opened = await visitor.open(await this.inMail(email, /http\S+sign-in-link\S+/));
      return this.stillOutside(await visitor.submit(opened, {}));
    },
    passkey: 'alone it is two factors, or nothing',
  };

  /** The first factor was taken, and another one is wanted. */
  stillOutside(page: Page): Page {
    if (this.required) expect([asksSecond(page) || asksEnrolment(page), page.url]).toEqual([true, page.url]);
    return page;
  }

  async fullSignIn(person: Person, visitor: Browser, more: Record<string, string> = {}): Promise<Page> {
    const second = await this.byPassword(await this.begin(more, visitor), person, visitor);
    const end = await visitor.submit(second, { code: await this.code(person.secret), remember_device: 'yes' });
    this.clock.move(30);
    return end;
  }

  async passkeyOf(person: Person): Promise<Authenticator> {
    const authenticator = new Authenticator({ origin: new URL(this.server.issuer).origin });
    await this.server.inside(async ({ passkeyCeremonies, users }) => {
      const user = await users.find(person.id);
      const options = await passkeyCeremonies.registrationOptions(user, 'flow');
      await passkeyCeremonies.register(user, 'flow', authenticator.create(options));
    });
    return authenticator;
  }
}
