// The main job with nothing but what an operator, a developer and a person have: a setup link, the management API, an issuer, a browser.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as client from 'openid-client';
import type { Browser } from 'playwright-core';
import { giveName, givePassword, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { administrator, letterTo, Management, setupLink } from '../support/management.js';
import { password } from '../support/party.js';
import { RelyingParty } from '../support/relying-party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';
import { type Certificate, selfSigned, startTlsProxy, trusting } from '../support/tls.js';

let browser: Browser;
let certificate: Certificate;
let partyCertificate: Certificate;
beforeAll(async () => {
  certificate = selfSigned();
  partyCertificate = selfSigned();
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  certificate?.remove();
  partyCertificate?.remove();
});

interface House {
  server: TestServer;
  close(): Promise<void>;
}

const houses: { name: string; secure: boolean; mailbox: boolean; open: () => Promise<House> }[] = [
  {
    name: 'http',
    secure: false,
    mailbox: true,
    open: async () => {
      const server = await startServer();
      return { server, close: () => server.close() };
    },
  },
  {
    name: 'https by TLS_CERT and TLS_KEY',
    secure: true,
    mailbox: true,
    open: async () => {
      const ISSUER = `https://localhost:${await freePort()}`;
      const { certFile: TLS_CERT, keyFile: TLS_KEY } = certificate;
      const server = await startServer({ environment: { ISSUER, TLS_CERT, TLS_KEY } });
      return { server, close: () => server.close() };
    },
  },
  {
    name: 'https behind a proxy that ends TLS',
    secure: true,
    // What comes through a proxy is not from this machine.
    mailbox: false,
    open: async () => {
      const [outer, inner] = [await freePort(), await freePort()];
      const environment = { ISSUER: `https://localhost:${outer}`, PORT: String(inner), TRUST_PROXY: '127.0.0.1' };
      const server = await startServer({ environment });
      const proxy = await startTlsProxy(outer, inner, certificate);
      return {
        server,
        async close() {
          await proxy.close();
          await server.close();
        },
      };
    },
  },
];

describe.each(houses)('from the setup link to signing out on $name', ({ secure, mailbox, open }) => {
  let house: House;
  let server: TestServer;
  let party: RelyingParty;
  let person: Watched;
  let management: Management;
  let fetch: typeof globalThis.fetch;
  const email = 'maria@example.com';

  beforeAll(async () => {
    house = await open();
    server = house.server;
    fetch = secure ? trusting(certificate, partyCertificate) : globalThis.fetch;
    party = await RelyingParty.start(secure ? partyCertificate : undefined);
    person = await openContext(browser, [server.issuer, party.origin]);
  }, 180_000);
  afterAll(async () => {
    await person?.context.close();
    await party?.close();
    await house?.close();
  });

  it('makes the first administrator and the first client of the management API from the setup link', async () => {
    const { page, complaints } = await openContext(browser, [server.issuer]);
    await page.goto(await setupLink(server));
    expect(await page.evaluate('document.activeElement.name')).toBe('username');
    await page.fill('input[name=username]', administrator.email);
    await page.fill('input[name=password]', administrator.password);
    await page.click('#setup-submit');
    const value = (name: string) => page.textContent(`#value-${name}`).then(String);
    const shown = { issuer: await value('issuer'), clientId: await value('client_id') };
    expect(shown.issuer).toBe(server.issuer);
    management = await Management.open({ ...shown, clientSecret: await value('client_secret') }, fetch);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('registers an application over the management API with the secret in that answer alone (RFC 7591 §3.2.1)', async () => {
    const made = await management.post('/clients', party.metadata());
    expect(made).toMatchObject({ client_name: 'Trip Planner', redirect_uris: [party.redirectUri] });
    await party.learn(server.issuer, String(made.client_id), String(made.client_secret), fetch);
    expect(party.configuration.serverMetadata().issuer).toBe(server.issuer);
  });

  it('lets a person choose a password by the link in the mail', async () => {
    const user = await management.post('/users', { email, email_verified: true, claims: { name: 'Maria Muster' } });
    await management.post(`/users/${user.id}/password-links`);
    const { page, complaints } = person;
    const { text } = await letterTo(server, email);
    const link = String(/https?:\/\/\S+/.exec(text));
    if (mailbox) {
      await page.goto(`${server.issuer}/dev/mailbox`);
      await page.click('.lines a');
      await page.click(`a[href="${link}"]`);
    } else await page.goto(link);
    await page.fill('input[name=password]', password);
    await page.click('#password-submit');
    await page.waitForURL(`${server.issuer}/password/done`);
    expect(complaints).toEqual([]);
  });

  it('signs the person in, asks once what is shared, and brings verified tokens (OpenID Connect Core §3.1)', async () => {
    const { page, complaints } = person;
    await page.goto((await party.authorizationUrl()).href);
    expect(await page.textContent('h1')).toBe('Sign in');
    expect(await page.textContent('.going')).toContain('Trip Planner');
    await giveName(page, email);
    await givePassword(page, password);
    await page.click('#consent-allow');
    await page.waitForURL(`${party.redirectUri}?**`);
    expect(await page.textContent('h1')).toBe(`Hello ${email}`);

    const { tokens, userinfo } = party.outcomes[0] ?? never();
    expect(userinfo).toMatchObject({ email, email_verified: true, name: 'Maria Muster' });
    expect(tokens.claims()).toMatchObject({ iss: server.issuer, sub: userinfo.sub, amr: ['pwd'] });
    expect(complaints).toEqual([]);
  });

  it('keeps the session in one cookie bound to this host (RFC 6265bis §4.1.3)', async () => {
    const cookies = await person.context.cookies(`${server.issuer}/`);
    const name = secure ? '__Host-ostiary_default' : 'ostiary_default';
    // Two say which browser it is, to its sign-ins and to its accounts, and open nothing.
    const device = expect.stringMatching(secure ? /^__Host-ostiary_device_/ : /^ostiary_device_/);
    const signIn = expect.stringMatching(new RegExp(`^${name}_browser_`));
    expect(cookies.map((cookie) => cookie.name).sort()).toEqual([name, `${name}.sig`, signIn, device]);
    for (const cookie of cookies)
      expect(cookie).toMatchObject({ domain: 'localhost', path: '/', secure, httpOnly: true, sameSite: 'Lax' });
  });

  it('keeps a sign-in under way in cookies of its own path, and of this browser', async () => {
    const { context, page } = await openContext(browser, [server.issuer, party.origin]);
    await page.goto((await party.authorizationUrl()).href);
    const uid = new URL(page.url()).pathname.split('/').at(-1);
    const prefix = secure ? '__Secure-' : '';
    const cookies = await context.cookies([`${server.issuer}/interaction/${uid}`, `${server.issuer}/authorize/${uid}`]);
    expect(cookies.map(({ name, path }) => `${name} ${path}`).sort()).toEqual(
      [
        `${prefix}ostiary_interaction /interaction/${uid}`,
        `${prefix}ostiary_interaction.sig /interaction/${uid}`,
        `${prefix}ostiary_resume /authorize/${uid}`,
        `${prefix}ostiary_resume.sig /authorize/${uid}`,
        // Whose it is: no other host of the domain can set this one.
        `${secure ? '__Host-' : ''}ostiary_default_browser_${uid?.slice(0, 16)} /`,
      ].sort(),
    );
    for (const cookie of cookies) expect(cookie).toMatchObject({ secure, httpOnly: true, sameSite: 'Lax' });
    await context.close();
  });

  it('signs in without a question the second time, and refreshes with a new refresh token (RFC 9700 §4.14.2)', async () => {
    const { page, complaints } = person;
    await page.goto((await party.authorizationUrl()).href);
    await page.waitForURL(`${party.redirectUri}?**`);
    const { tokens } = party.outcomes[1] ?? never();
    const next = await client.refreshTokenGrant(party.configuration, String(tokens.refresh_token));
    expect(next.claims()?.sub).toBe(tokens.claims()?.sub);
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    await client.fetchUserInfo(party.configuration, next.access_token, String(tokens.claims()?.sub));
    expect(complaints).toEqual([]);
  });

  it('signs out at /logout, and back to the application where it asked for that (RP-Initiated Logout §2)', async () => {
    const { page, context, complaints } = person;
    // The hint names whoever is signed in: nobody is asked, the page sends itself.
    await page.goto(party.endSessionUrl().href, { waitUntil: 'commit' });
    await page.waitForURL(`${server.issuer}/logout/success**`);
    expect(await page.textContent('h1')).toBe('You are signed out');
    const left = (await context.cookies(`${server.issuer}/`)).map(({ name }) => name);
    expect(left.filter((name) => !/^(__Host-)?ostiary_(device_|default_browser_)/.test(name))).toEqual([]);

    await page.goto((await party.authorizationUrl()).href);
    expect(await page.textContent('h1')).toBe('Sign in');
    await giveName(page, email);
    await givePassword(page, password);
    // What may be shared was said before, and is remembered.
    await page.waitForURL(`${party.redirectUri}?**`);
    const back = party.endSessionUrl({ post_logout_redirect_uri: party.postLogoutRedirectUri, state: 's1' });
    await page.goto(back.href, { waitUntil: 'commit' });
    await page.waitForURL(`${party.postLogoutRedirectUri}?state=s1`);
    expect(complaints).toEqual([]);
  });
});

function never(): never {
  throw new Error('the application has no sign-in');
}
