// The scripts of passkeys in a real browser, with its own virtual authenticator.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { Authenticator } from '../support/authenticator.js';
import { answered, giveName, givePassword, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { makeClient, makePerson, password } from '../support/party.js';
import { RelyingParty } from '../support/relying-party.js';
import { startServer, type TestServer } from '../support/server.js';

let browser: Browser;
let server: TestServer;
let party: RelyingParty;
let person: Watched;
let page: Page;
let email: string;

beforeAll(async () => {
  browser = await launchChromium();
  server = await startServer();
  party = await RelyingParty.start();
  const { clientId, clientSecret } = await makeClient(server, party.metadata({ consent_policy: 'implicit' }));
  await party.learn(server.issuer, clientId, clientSecret);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await party?.close();
  await server?.close();
});
beforeEach(async () => {
  email = (await makePerson(server)).email;
  person = await openContext(browser, [server.issuer, party.origin]);
  page = person.page;
});
afterEach(() => person?.context.close());

/** The browser gets an authenticator, as a phone or a computer has one. */
async function withAuthenticator() {
  const devtools = await person.context.newCDPSession(page);
  await devtools.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { devtools, authenticatorId };
}

/** The browser gets an authenticator that holds a passkey of the person. */
async function withPasskey(): Promise<void> {
  const { origin, hostname } = new URL(server.issuer);
  const authenticator = new Authenticator({ origin });
  await server.inside(async ({ passkeyCeremonies, users }) => {
    const user = await users.findByEmail(email);
    if (!user) throw new Error('nobody');
    const options = await passkeyCeremonies.registrationOptions(user, 'flow');
    expect((await passkeyCeremonies.register(user, 'flow', authenticator.create(options))).outcome).toBe('ok');
  });
  const [held] = authenticator.held;
  if (!held) throw new Error('it holds nothing');
  const { devtools, authenticatorId } = await withAuthenticator();
  const base64 = (bytes: Buffer) => bytes.toString('base64');
  await devtools.send('WebAuthn.addCredential', {
    authenticatorId,
    credential: {
      credentialId: base64(held.id),
      isResidentCredential: true,
      rpId: hostname,
      privateKey: base64(held.key.export({ format: 'der', type: 'pkcs8' })),
      userHandle: base64(Buffer.from(held.userHandle, 'base64url')),
      signCount: 1,
    },
  });
}

describe('passkeys', () => {
  it('sign in from the list below the name, without a click (WebAuthn §5.1.4)', async () => {
    await withPasskey();
    await page.goto((await party.authorizationUrl()).href);
    await page.waitForURL((url) => url.href.startsWith(party.redirectUri));
    expect(person.complaints).toEqual([]);
  });

  it('are added in the account, sign in by themselves afterwards, and the last way in stays', async () => {
    await withAuthenticator();
    await page.addInitScript(
      'window.signals = []; if (window.PublicKeyCredential) PublicKeyCredential.signalAllAcceptedCredentials = async (said) => { signals.push(said); };',
    );
    await page.goto(`${server.issuer}/account/security/passkeys`);
    await giveName(page, email);
    await givePassword(page, password);
    // This browser could make one, so it is asked.
    await page.click('#passkey-later');
    await page.click('#passkey-add');
    await page.waitForSelector('#recovery-codes');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#codes-download')]);
    expect(download.suggestedFilename()).toBe('recovery-codes.txt');
    await page.click('#codes-saved');
    await page.waitForSelector('#ways-in');

    await server.services.db.manager.query(
      'DELETE FROM password_credentials WHERE user_id = (SELECT id FROM users WHERE email = $1)',
      [email],
    );
    await person.context.clearCookies();
    await page.goto(`${server.issuer}/account/security/passkeys`);
    await page.waitForSelector('#passkeys');
    // Authenticators hear which ones still open something (WebAuthn §5.1.10).
    const [signal] = (await page.evaluate('window.signals')) as { allAcceptedCredentialIds: string[]; rpId: string }[];
    expect([signal?.rpId, signal?.allAcceptedCredentialIds.length]).toEqual([new URL(server.issuer).hostname, 1]);
    await page.click('#passkeys summary');
    await page.click('#passkey-remove-0');
    await page.waitForSelector('.summary');
    expect(await page.textContent('.summary')).toContain('This is the only way into your account.');
    expect(person.complaints).toEqual([answered(409)]);
  });

  it('are made at the sign-in, and told apart from those that are there already', async () => {
    await withAuthenticator();
    await page.goto((await party.authorizationUrl()).href);
    await giveName(page, email);
    await givePassword(page, password);
    await page.click('#passkey-add');
    await page.click('#codes-saved');
    await page.waitForURL((url) => url.href.startsWith(party.redirectUri));

    await page.goto(`${server.issuer}/account/security/passkeys`);
    await page.click('#passkey-add');
    await page.waitForSelector('[data-passkey-known]:not([hidden])');
    expect(person.complaints).toEqual([]);
  });

  it('are not offered where the browser knows none, and the rest goes on', async () => {
    await page.addInitScript('delete window.PublicKeyCredential');
    await page.goto((await party.authorizationUrl()).href);
    expect(await page.isVisible('#passkey-submit')).toBe(false);
    expect(await page.isVisible('#login-submit')).toBe(true);
    expect(person.complaints).toEqual([]);
  });
});
