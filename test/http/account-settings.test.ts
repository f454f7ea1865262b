import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { fieldsOf, press } from '../support/account-life.js';
import { Browser, type Page } from '../support/browser.js';
import { send } from '../support/journey.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

/** A browser elsewhere. */
class Traveller extends Browser {
  constructor(private readonly ip: string) {
    super();
  }
  override request(url: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('x-forwarded-for', this.ip);
    return super.request(url, { ...init, headers });
  }
}

describe('what a person wants to be told', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ environment: { TRUST_PROXY: '127.0.0.1/32,::1/128' } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    browser = new Traveller('198.51.100.7');
  });

  const page = () => `${server.issuer}/account/settings`;
  const isTicked = ({ html }: Page) => /name="new_device"[^>]* checked/.test(html);
  async function say(wish: 'yes' | 'no'): Promise<Page> {
    const form = await signIn(browser, page(), person.email);
    return press(browser, form, 'account-settings-save', wish === 'yes' ? { new_device: 'yes' } : {});
  }
  const signInFrom = async (ip: string, who: Browser = new Traveller(ip)) =>
    codeOf(await signIn(who, authorizationUrl(server, party, pkce()), person.email));
  /** A letter about a new device carries the link that closes the account. */
  const told = async () =>
    (
      await server.services.db.manager.query(
        `SELECT created_at FROM one_time_tokens WHERE purpose = 'lockdown' AND subject LIKE $1 || ':%'`,
        [person.id],
      )
    ).length;

  it('is everything, until they say otherwise, and is kept', async () => {
    expect(isTicked(await signIn(browser, page(), person.email))).toBe(true);
    const saved = await say('no');
    expect([saved.status, saved.url.includes('done='), isTicked(saved)]).toEqual([200, true, false]);
    expect(isTicked(await say('yes'))).toBe(true);
  });

  it('is honoured: no letter about a new device where they want none', async () => {
    await say('no');
    await signInFrom('198.51.100.8');
    expect(await told()).toBe(0);
    await say('yes');
    await signInFrom('198.51.100.9');
    expect(await told()).toBe(1);
  });

  it('is not asked where something is wrong: a device and a network that are both new are told all the same', async () => {
    await say('no');
    await signInFrom('203.0.113.9');
    expect(await told()).toBe(1);
  });

  it('changes from our own page alone, on a proof that is new', async () => {
    const form = await signIn(browser, page(), person.email);
    const fields = fieldsOf(form, 'account-settings-save');
    expect((await send(browser, page(), fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await send(browser, page(), {})).status).toBe(403);
    await server.services.db.manager.query(
      `UPDATE sessions SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 700)) WHERE account_id = $1`,
      [person.id],
    );
    const old = await send(browser, page(), fields);
    expect([old.status, old.headers.get('location')]).toEqual([303, expect.stringContaining('max_age=')]);
    const { settings } = await server.inside(({ users }) => users.find(person.id));
    expect(settings).toEqual({});
  });
});
