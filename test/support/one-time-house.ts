// Somebody who has every factor, in a browser that is asked for the second: for what is good once.

import type { User } from '../../src/features/users/user.entity.js';
import { deriveKey } from '../../src/platform/crypto.js';
import { createCsrf } from '../../src/platform/csrf.js';
import { Authenticator } from './authenticator.js';
import type { Browser, Page } from './browser.js';
import { StoppedClock } from './clock.js';
import { Elsewhere, trustingUs } from './elsewhere.js';
import { baseOf, csrfOf, send } from './journey.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from './party.js';
import { setPolicy } from './policy.js';
import { startServer, type TestServer } from './server.js';
import { totpCode } from './totp.js';

const cookieKey = 'a key that signs cookies in this test only';
export const csrf = createCsrf([deriveKey(cookieKey, 'csrf')]);

/** Somebody with a password, an authenticator, recovery codes and a passkey; and a browser in which they are asked for the second. */
export interface World {
  user: User;
  browser: Browser;
  /** Where it is asked already. */
  page?: Page | undefined;
  flow: string;
  secret: string;
  codes: string[];
  authenticator: Authenticator;
}

export const flowOf = (page: Page): string => baseOf(page).split('/').at(-1) ?? '';

export class OneTimeHouse {
  readonly clock = new StoppedClock();
  server!: TestServer;
  private party!: Party;
  private readonly sessions = new Map<string, Promise<{ browser: Browser; uid: string }>>();

  async open(): Promise<void> {
    const { clock } = this;
    this.server = await startServer({ environment: { ...trustingUs, COOKIE_KEYS: cookieKey }, overrides: { clock } });
    this.party = await makeClient(this.server, { consent_policy: 'implicit' });
    await setPolicy(this.server, { first_factors: ['password', 'passkey', 'magic_link', 'email_code'] });
  }

  code = (secret: string): Promise<string> => totpCode(secret, this.clock.now());
  query = (text: string, values: unknown[] = []) => this.server.services.db.manager.query(text, values);

  async furnish(): Promise<World> {
    const { server, clock } = this;
    clock.move(90);
    const { id } = await makePerson(server);
    const authenticator = new Authenticator({ origin: new URL(server.issuer).origin });
    const made = await server.inside(async ({ totp, recoveryCodes, passkeyCeremonies, users }) => {
      const user = await users.find(id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await this.code(offer.secret));
      const options = await passkeyCeremonies.registrationOptions(user, 'flow');
      await passkeyCeremonies.register(user, 'flow', authenticator.create(options));
      return { user, secret: offer.secret, codes: await recoveryCodes.renew(user) };
    });
    clock.move(30);
    const browser = new Elsewhere();
    const page = await this.toSecondFactor(browser, made.user.email);
    return { ...made, authenticator, browser, page, flow: flowOf(page) };
  }

  /** The same person in another browser, as far as what they know still goes. */
  async furnishAgain(world: World): Promise<World> {
    const browser = new Elsewhere();
    const at = await this.toSecondFactor(browser, world.user.email);
    return at.html.includes('mfa-submit') ? { ...world, browser, page: at, flow: flowOf(at) } : world;
  }

  /** Signed in by the passkey alone, a moment ago; once for each person. */
  signedIn({ user, authenticator }: World): Promise<{ browser: Browser; uid: string }> {
    const begin = async () => {
      const browser = new Elsewhere();
      const page = await this.toName(browser);
      const [, options = ''] = /data-passkey="([^"]*)"/.exec(page.html) ?? [];
      const answer = authenticator.get(JSON.parse(options.replaceAll('&quot;', '"').replaceAll('&amp;', '&')));
      const fields = { csrf: csrfOf(page), passkey: JSON.stringify(answer) };
      await send(browser, `${baseOf(page)}/login`, fields);
      await browser.open(baseOf(page));
      const [session] = await this.query('SELECT uid FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [
        user.id,
      ]);
      return { browser, uid: String(session?.uid) };
    };
    const found = this.sessions.get(user.id) ?? begin();
    this.sessions.set(user.id, found);
    return found;
  }

  toName = (browser: Browser): Promise<Page> => browser.open(authorizationUrl(this.server, this.party, pkce()));
  toPassword = async (browser: Browser, username: string): Promise<Page> =>
    browser.submit(await this.toName(browser), { username });
  toSecondFactor = async (browser: Browser, username: string): Promise<Page> =>
    browser.submit(await this.toPassword(browser, username), { password });
}
