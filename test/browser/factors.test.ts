// A person and everything they prove themselves with, from the first page to the last recovery code, in one browser. Each page on the way is
// valid, accessible, fits and keeps to its own policy.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { AuthenticatorApp } from '../support/authenticator-app.js';
import { answered, giveName, givePassword, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { bringAxe, inspect, validatePages } from '../support/inspector.js';
import { makeClient, password } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { RelyingParty } from '../support/relying-party.js';
import { startServer, type TestServer } from '../support/server.js';

const email = 'nora@example.com';
const open = { registration: 'open' };
const [mfa, phr] = ['urn:ostiary:acr:mfa', 'urn:ostiary:acr:phr'];

describe('a person and their factors', () => {
  let browser: Browser;
  let server: TestServer;
  let party: RelyingParty;
  let person: Watched;
  let page: Page;
  let devtools: CDPSession;
  let authenticatorId: string;
  let invalid: () => Promise<string[]>;
  let app: AuthenticatorApp;
  let codes: string[];
  const problems: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    server = await startServer();
    party = await RelyingParty.start();
    const { clientId, clientSecret } = await makeClient(server, party.metadata({ consent_policy: 'implicit' }));
    await party.learn(server.issuer, clientId, clientSecret);
    await setPolicy(server, open);
    person = await openContext(browser, [server.issuer, party.origin]);
    await bringAxe(person.context);
    invalid = validatePages(person.context, server.issuer);
    page = person.page;
    devtools = await person.context.newCDPSession(page);
    await devtools.send('WebAuthn.enable', { enableUI: false });
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await party?.close();
    await server?.close();
  });

  /** What the person sees now. */
  const seen = async (name: string) => void problems.push(...(await inspect(page, name, undefined, folder)));
  const folder = process.env.SCREENSHOTS;
  const begin = async (more: Record<string, string> = {}) => {
    await page.goto((await party.authorizationUrl(more)).href);
  };
  /** At the application, with what it learned of how they proved themselves. */
  const arrived = async () => {
    await page.waitForURL((url) => url.href.startsWith(party.redirectUri));
    expect(await page.textContent('h1')).toBe(`Hello ${email}`);
    const claims = party.outcomes.at(-1)?.tokens.claims();
    return { acr: claims?.acr, amr: claims?.amr };
  };
  const signOut = async () => {
    await page.goto(party.endSessionUrl().href, { waitUntil: 'commit' });
    await page.waitForURL(`${server.issuer}/logout/success**`);
  };
  const signInAgain = async () => {
    await signOut();
    await begin();
    await giveName(page, email);
    await givePassword(page, password);
    await page.waitForSelector('#mfa-submit');
  };
  const shownCodes = async () => {
    await page.waitForSelector('#recovery-codes');
    return page.locator('#recovery-codes code').allTextContents();
  };
  const secretShown = async () => String(await page.textContent('.steps code')).replaceAll(' ', '');

  it('makes an account, proves the address by the letter, and is signed in by that', async () => {
    await begin({ prompt: 'create' });
    await seen('register');
    await page.fill('input[name=username]', email);
    await page.fill('input[name=name]', 'Nora New');
    await page.fill('input[name=password]', password);
    await page.waitForSelector('#password-strength:not([hidden])');
    await page.click('#register-submit');
    await page.waitForSelector('#registered-next');
    await seen('registered');
    await openLetter('/verify-email?');
    await page.waitForSelector('#verify-submit');
    await seen('verify-email');
    await page.click('#verify-submit');
    expect(await arrived()).toEqual({ acr: 'urn:ostiary:acr:1fa', amr: ['pwd'] });
  });

  it('adds a passkey in the account, and is given ten recovery codes', async () => {
    await carryAuthenticator();
    await page.goto(`${server.issuer}/account/security/passkeys`);
    await seen('passkeys-none');
    await page.click('#passkey-add');
    codes = await shownCodes();
    expect(new Set(codes).size).toBe(10);
    await seen('new-codes');
    await page.click('#codes-saved');
    await page.waitForSelector('#ways-in');
    await seen('security');
  });

  it('shows the passkey where an application wants a proof that cannot be phished (OpenID Connect Core §3.1.2.1 acr_values)', async () => {
    await begin({ acr_values: phr });
    await page.waitForSelector('#passkey-submit');
    await seen('step-up');
    await page.click('#passkey-submit');
    const { acr, amr } = await arrived();
    expect(acr).toBe(phr);
    expect(amr).toEqual(expect.arrayContaining(['pwd', 'swk', 'mfa']));
  });

  it('signs out, and comes in again from the list below the name, without a click (WebAuthn §5.1.4)', async () => {
    await signOut();
    await seen('signed-out');
    await begin();
    const { acr, amr } = await arrived();
    expect(acr).toBe(phr);
    expect(amr).not.toContain('pwd');
  });

  it('keeps the passkey while it is the only way in, and lets it go when it is not', async () => {
    const remove = async () => {
      await page.goto(`${server.issuer}/account/security/passkeys`);
      await page.click('#passkeys summary');
      await page.click('#passkey-remove-0');
    };
    await setPolicy(server, { ...open, first_factors: ['passkey'] });
    await remove();
    await page.waitForSelector('.summary');
    expect(await page.textContent('.summary')).toContain('This is the only way into your account.');
    await seen('passkeys-last');
    await setPolicy(server, open);
    await remove();
    await page.waitForURL('**/passkeys?done=passkey_removed');
    await page.waitForSelector('#passkeys-none');
    // As the page advises.
    await devtools.send('WebAuthn.clearCredentials', { authenticatorId });
    expect(person.complaints.splice(0)).toEqual([answered(409)]);
  });

  it('sets up an authenticator app, and is asked for its code from then on (RFC 6238)', async () => {
    await page.goto(`${server.issuer}/account/security/totp`);
    await seen('totp-off');
    await page.click('#totp-setup');
    await page.waitForSelector('.qr');
    await page.click('.steps summary');
    await seen('totp-setup');
    app = new AuthenticatorApp(await secretShown());
    await page.fill('#code', await app.code());
    await page.click('#mfa-submit');
    codes = await shownCodes();
    await page.click('#codes-saved');
    await page.waitForSelector('#ways-in');

    await signInAgain();
    await seen('second-factor');
    await page.fill('#code', await app.code());
    await page.click('#mfa-submit');
    // This browser could make a passkey, so it is asked, once.
    await page.waitForSelector('#passkey-later');
    await seen('add-passkey');
    await page.click('#passkey-later');
    expect(await arrived()).toEqual({ acr: mfa, amr: ['pwd', 'otp', 'mfa'] });
  });

  it('comes in with a recovery code where the app is lost, sets up another one, and finds that code spent', async () => {
    const give = async (code: string) => {
      await signInAgain();
      await page.click('a[href$="with=recovery_code"]');
      await page.waitForSelector('input[name=recovery_code]');
      await page.fill('#code', code);
      await page.click('#mfa-submit');
    };
    const [code = ''] = codes;
    await give(code);
    await page.waitForSelector('.qr');
    await seen('enrolment');
    await page.click('.steps summary');
    app = new AuthenticatorApp(await secretShown());
    await page.fill('#code', await app.code());
    await page.click('#mfa-submit');
    // New ones: whoever found the app may have found the paper too.
    expect(await shownCodes()).not.toContain(code);
    await page.click('#codes-saved');
    expect((await arrived()).acr).toBe(mfa);

    await give(code);
    await page.waitForSelector('.summary:focus');
    await seen('recovery-code-spent');
    expect(person.complaints.splice(0)).toEqual([answered(422)]);
  });

  it('was on pages that are valid, accessible, fit at 320 px and kept to their own policy', async () => {
    expect(await invalid()).toEqual([]);
    expect(problems).toEqual([]);
    expect(person.complaints).toEqual([]);
  });

  /** The browser gets an authenticator whose passkeys are kept by a password manager, as a phone has one. */
  async function carryAuthenticator(): Promise<void> {
    const options = {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      defaultBackupEligibility: true,
      defaultBackupState: true,
    } as const;
    ({ authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options }));
  }

  /** The newest letter in the mailbox of development, as soon as it is there, and the link in it. */
  async function openLetter(path: string): Promise<void> {
    await page.goto(`${server.issuer}/dev/mailbox`);
    for (let tries = 0; tries < 50 && (await page.locator('.lines a').count()) === 0; tries += 1) {
      await page.waitForTimeout(100);
      await page.reload();
    }
    await page.click('.lines a');
    await page.waitForSelector('.letter');
    await seen('mailbox-letter');
    await page.click(`.letter a[href*="${path}"]`);
  }
});
