import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Authenticator, type Behaviour } from '../support/authenticator.js';
import { Browser, type Page } from '../support/browser.js';
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

describe('passkeys at the sign-in (WebAuthn §7.2, RFC 8176)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({});
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    email = (await makePerson(server)).email;
    browser = new Browser();
    await policy({});
  });

  const policy = (authentication: object) => setPolicy(server, authentication);

  /** The person gets a passkey. */
  async function holder(behaviour: Behaviour = {}) {
    const { origin } = new URL(server.issuer);
    const authenticator = new Authenticator({ origin, ...behaviour });
    await server.inside(async ({ passkeyCeremonies, users }) => {
      const user = await users.findByEmail(email);
      if (!user) throw new Error('nobody');
      const options = await passkeyCeremonies.registrationOptions(user, 'flow');
      const made = await passkeyCeremonies.register(user, 'flow', authenticator.create(options));
      expect(made.outcome).toBe('ok');
    });
    return authenticator;
  }

  const isOffered = (page: Page) => page.html.includes('data-passkey=');
  function optionsOn(page: Page): { challenge: string; rpId: string; allowCredentials?: unknown[] } {
    const [, text = ''] = /data-passkey="([^"]*)"/.exec(page.html) ?? [];
    return JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
  }
  const formOf = (page: Page) =>
    [...page.html.matchAll(/<form[^>]*>/g)].findIndex(([tag]) => tag.includes('data-passkey'));
  const present = (page: Page, authenticator: Authenticator, told: Behaviour = {}, visitor = browser) =>
    visitor.submit(page, { passkey: JSON.stringify(authenticator.get(optionsOn(page), told)) }, formOf(page));

  async function begin(more: Record<string, string> = {}, visitor = browser) {
    const proof = pkce();
    return { page: await visitor.open(authorizationUrl(server, party, proof, more)), proof };
  }

  async function byPassword() {
    const { page, proof } = await begin();
    const named = await browser.submit(page, { username: email });
    return { page: await browser.submit(named, { password }), proof };
  }

  async function claims(page: Page, proof: ReturnType<typeof pkce>) {
    const { body } = await redeem(server, party, codeOf(page), proof);
    const { acr, amr } = decodeJwt(String(body.id_token));
    return { acr, amr };
  }

  it('signs in without a name, and says hwk or swk, user and mfa', async () => {
    const bound = await holder();
    const { page, proof } = await begin();
    expect(page.html).toContain('username webauthn');
    expect(await claims(await present(page, bound), proof)).toEqual({
      acr: 'urn:ostiary:acr:phrh',
      amr: ['hwk', 'user', 'mfa'],
    });
    email = (await makePerson(server)).email;
    const synced = await holder({ backupEligible: true, backedUp: true });
    browser = new Browser();
    const other = await begin();
    expect(await claims(await present(other.page, synced), other.proof)).toEqual({
      acr: 'urn:ostiary:acr:phr',
      amr: ['swk', 'user', 'mfa'],
    });
  });

  it('offers the same to a known and an unknown name', async () => {
    await holder();
    const known = optionsOn((await begin({ login_hint: email })).page);
    const unknown = optionsOn((await begin({ login_hint: 'nobody@example.com' }, new Browser())).page);
    expect({ ...known, challenge: '' }).toEqual({ ...unknown, challenge: '' });
    expect(known.allowCredentials).toEqual([]);
    expect(known.challenge).toHaveLength(unknown.challenge.length);
  });

  it('takes no answer that was made in another sign-in, again, or without being unlocked', async () => {
    const authenticator = await holder();
    const mine = await begin();
    const visitor = new Browser();
    const theirs = await begin({}, visitor);
    const answer = JSON.stringify(authenticator.get(optionsOn(mine.page)));
    const foreign = await visitor.submit(theirs.page, { passkey: answer }, formOf(theirs.page));
    expect(foreign.status).toBe(422);
    const locked = await present(mine.page, authenticator, { verified: false });
    expect(locked.status).toBe(422);
    expect((await browser.submit(locked, { passkey: '{"id":1}' }, formOf(locked))).status).toBe(422);
    expect((await browser.submit(locked, { passkey: answer }, formOf(locked))).status).toBe(422);
  });

  it('is neither offered nor taken where the tenant begins with something else', async () => {
    const authenticator = await holder();
    const { page } = await begin();
    await policy({ first_factors: ['password'] });
    expect(isOffered((await begin({}, new Browser())).page)).toBe(false);
    expect((await present(page, authenticator)).status).toBe(422);
  });

  it('comes second after a password, of that person only', async () => {
    const authenticator = await holder({ verified: false });
    const mine = email;
    email = (await makePerson(server)).email;
    const stranger = await holder();
    email = mine;
    const { page, proof } = await byPassword();
    expect(optionsOn(page).allowCredentials).toHaveLength(1);
    expect(page.html).not.toContain('name="code"');
    const refused = await present(page, stranger);
    expect(refused.status).toBe(422);
    expect(await claims(await present(refused, authenticator), proof)).toEqual({
      acr: 'urn:ostiary:acr:phrh',
      amr: ['pwd', 'hwk', 'user', 'mfa'],
    });
  });
});
