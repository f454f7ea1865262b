// Somebody at their own account, in a browser, on a clock that is moved.
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser, type Page } from './browser.js';
import { StoppedClock } from './clock.js';
import { giveNameAndPassword } from './journey.js';
import { makeClient, makePerson, type Party, password } from './party.js';
import { setPolicy } from './policy.js';
import { startServer, type TestServer } from './server.js';
import { totpCode } from './totp.js';

export class Owner {
  readonly clock = new StoppedClock();
  server!: TestServer;
  party!: Party;
  person!: { id: string; email: string };
  browser!: Browser;
  private told = 0;

  async open(): Promise<void> {
    this.server = await startServer({ overrides: { clock: this.clock } });
    const scope = 'openid profile email offline_access';
    this.party = await makeClient(this.server, { consent_policy: 'implicit', scope });
  }

  /** Another person in another browser. */
  async anew(): Promise<void> {
    this.clock.move(90);
    await this.policy({});
    this.person = await makePerson(this.server);
    this.browser = new Browser();
    this.told = (await this.letters(0)).length;
    // The password is older than what is done with it.
    this.clock.move(1);
  }

  policy = (authentication: object) => setPolicy(this.server, authentication);
  query = (sql: string, values: unknown[] = []) => this.server.services.db.manager.query(sql, values);
  code = (secret: string): Promise<string> => totpCode(secret, this.clock.now());

  /** The letters since they are here, but for those about a new device. */
  async letters(after = this.told): Promise<string[]> {
    const all = (await this.query('SELECT template FROM mail_messages ORDER BY id')) as { template: string }[];
    return all
      .map(({ template }) => template)
      .filter((template) => template !== 'new_device')
      .slice(after);
  }

  /** The request has passed the door, and waits for who closes the account. */
  async whileClosing(request: () => Promise<Page>): Promise<Page> {
    const begun: Promise<Page>[] = [];
    await this.server.inside(({ db, lockdown, lockdownLinks, users }) =>
      db.transaction(async () => {
        const link = await lockdownLinks.issue(await users.find(this.person.id));
        await lockdown.redeem(String(new URL(link).searchParams.get('token')));
        begun.push(request());
        await sleep(700);
      }),
    );
    return (await Promise.all(begun))[0] as Page;
  }

  security = (path: string): string => `${this.server.issuer}/account/security${path}`;

  /** A page of the security of the account, after the sign-in where that is asked for. */
  async at(path: string, visitor = this.browser, secret = password, email = this.person.email): Promise<Page> {
    const page = await visitor.open(this.security(path));
    return page.url.includes('/interaction/') ? giveNameAndPassword(visitor, page, email, secret) : page;
  }

  /** The account as JSON, by cookie. @param path below /api/v1. */
  async ask(method: string, path: string, csrf: string, body?: object, visitor = this.browser) {
    const response = await visitor.request(`${this.server.issuer}/api/v1${path}`, {
      method,
      headers: {
        accept: 'application/json',
        origin: new URL(this.server.issuer).origin,
        ...(csrf ? { 'x-csrf-token': csrf } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : {} };
  }
}
