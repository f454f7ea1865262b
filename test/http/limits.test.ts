import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { baseOf, csrfOf, giveNameAndPassword, isSignedIn, nameOf, send } from '../support/journey.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce, post } from '../support/party.js';
import { dpopKey, proofOf } from '../support/proofs.js';
import { startServer, type TestServer } from '../support/server.js';
import { basic } from '../support/shown.js';
import { Traveller } from '../support/traveller.js';

const roomy = { points: 100_000, seconds: 60 };
const tight = (points: number) => ({ points, seconds: 60 });

type Limits = NonNullable<NonNullable<Parameters<typeof startServer>[0]>['overrides']>['limits'];

/** Every limit has room but those named. */
const limited = (limits: NonNullable<Limits>, environment: Record<string, string> = {}, hashing?: object) =>
  startServer({
    // Counts in a shared Redis are kept under this key: each server here has its own.
    environment: { COOKIE_KEYS: randomBytes(32).toString('hex'), ...environment },
    overrides: {
      limits: {
        protocolFailures: roomy,
        clientSecretFailures: roomy,
        signInFailures: roomy,
        linkFailures: roomy,
        ...limits,
      },
      ...(hashing ? { hashing } : {}),
    },
  });

/** Behind a proxy that is believed, so that tests choose the address. */
const proxied = { TRUST_PROXY: '127.0.0.1/32' };

describe('how often one may try (RFC 6585 §4, RFC 6749 §10.10)', () => {
  let server: TestServer;

  describe('wrong client secrets', () => {
    let party: Party;
    const answer = (secret: string, who = party) =>
      post(server, '/introspect', { ...who, clientSecret: secret }, { token: 'x' });

    beforeAll(async () => {
      server = await limited({ clientSecretFailures: tight(5) });
      party = await makeClient(server);
    }, 180_000);
    afterAll(() => server?.close());

    it('after five no more is looked at, not even the right one, and another client is not held up', async () => {
      expect((await answer(party.clientSecret)).status).toBe(200);
      for (let tries = 0; tries < 5; tries += 1) expect((await answer(`wrong-${tries}`)).status).toBe(401);
      expect((await answer(party.clientSecret)).status).toBe(401);
      const other = await makeClient(server);
      expect((await answer(other.clientSecret, other)).status).toBe(200);
    });
  });

  describe('failed calls to the endpoints of the protocol', () => {
    const guess = (path: string, from: string, issuer = server.issuer) =>
      fetch(`${issuer}${path}`, {
        method: 'POST',
        headers: { 'x-forwarded-for': from, forwarded: `for=${from}` },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: 'guess',
          token: 'guess',
          client_id: 'nobody',
        }),
      });

    describe('straight from the network', () => {
      beforeAll(async () => {
        server = await limited({ protocolFailures: tight(6) });
      }, 180_000);
      afterAll(() => server?.close());

      it('are answered 429 with Retry-After, whatever X-Forwarded-For says, at each endpoint', async () => {
        for (let tries = 0; tries < 6; tries += 1)
          expect([400, 401]).toContain(
            (await guess(['/token', '/introspect', '/revoke'][tries % 3] ?? '', `203.0.113.${tries}`)).status,
          );
        for (const path of ['/token', '/introspect', '/revoke', '/par', '/register', '/userinfo']) {
          const refused = await guess(path, '198.51.100.7');
          expect([path, refused.status]).toEqual([path, 429]);
          expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
          expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
          expect(refused.headers.get('cache-control')).toBe('no-store');
        }
        for (const path of ['/.well-known/openid-configuration', '/jwks', '/healthz'])
          expect([path, (await fetch(`${server.issuer}${path}`)).status]).toEqual([path, 200]);
      });

      it('at one issuer say nothing of those who share the address at another', async () => {
        const tenant = await server.services.tenants.create({ slug: 'beside', name: 'Beside' });
        const issuer = server.services.tenants.issuerOf(tenant);
        for (let tries = 0; tries < 6; tries += 1) await guess('/token', '203.0.113.9');
        expect((await guess('/token', '203.0.113.9')).status).toBe(429);
        for (const path of ['/token', '/introspect', '/par'])
          expect([400, 401]).toContain((await guess(path, '203.0.113.9', issuer)).status);
        for (let tries = 0; tries < 3; tries += 1) await guess('/token', '203.0.113.9', issuer);
        expect((await guess('/token', '203.0.113.9', issuer)).status).toBe(429);
      });
    });

    describe('through a proxy that is believed', () => {
      beforeAll(async () => {
        server = await limited({ protocolFailures: tight(4) }, proxied);
      }, 180_000);
      afterAll(() => server?.close());

      const tryFrom = async (from: string, times: number) => {
        for (let tries = 0; tries < times; tries += 1) await guess('/token', from);
        return (await guess('/token', from)).status;
      };

      it('count per address, a whole IPv6 /64 as one (RFC 6177 §2), IPv4 in any spelling as one', async () => {
        expect(await tryFrom('203.0.113.1', 4)).toBe(429);
        expect(await tryFrom('203.0.113.2', 0)).not.toBe(429);
        expect(await tryFrom('::ffff:203.0.113.1', 0)).toBe(429);
        for (let host = 1; host <= 4; host += 1) await guess('/token', `2001:db8:1:2::${host}`);
        expect(await tryFrom('2001:db8:1:2:ffff::99', 0)).toBe(429);
        expect(await tryFrom('2001:db8:1:3::1', 0)).not.toBe(429);
      });

      it('are not those that are told to come again with a nonce (RFC 9449 §8)', async () => {
        const machine = await makeClient(server, {
          redirect_uris: [],
          response_types: [],
          grant_types: ['client_credentials'],
        });
        const key = await dpopKey();
        const htu = `${server.issuer}/token`;
        const from = '203.0.113.60';
        for (let tries = 0; tries < 6; tries += 1) {
          const DPoP = await proofOf(key, { htm: 'POST', htu, iat: Math.floor(Date.now() / 1000) - 3600 });
          const response = await fetch(htu, {
            method: 'POST',
            headers: { ...basic(machine), DPoP, 'x-forwarded-for': from },
            body: new URLSearchParams({ grant_type: 'client_credentials' }),
          });
          expect([response.status, await response.json()]).toEqual([
            400,
            expect.objectContaining({ error: 'use_dpop_nonce' }),
          ]);
        }
        expect(await tryFrom(from, 0)).not.toBe(429);
      });

      it('are not shaken off by addresses the sender puts in front', async () => {
        for (let tries = 0; tries < 4; tries += 1) await guess('/token', `10.0.0.${tries}, 203.0.113.50`);
        expect((await guess('/token', '10.9.9.9, 203.0.113.50')).status).toBe(429);
      });
    });
  });

  describe('failed sign-ins', () => {
    beforeAll(async () => {
      server = await limited({ signInFailures: tight(4) });
    }, 180_000);
    afterAll(() => server?.close());

    it('of many accounts from one address are answered 429 on a kind page; nobody signs in until it is over', async () => {
      const party = await makeClient(server);
      const { email } = await makePerson(server);
      const begin = (browser: Browser) => browser.open(authorizationUrl(server, party, pkce()));
      for (let tries = 0; tries < 4; tries += 1) {
        const browser = new Browser();
        const page = await giveNameAndPassword(
          browser,
          await begin(browser),
          `nobody-${tries}@example.com`,
          'wrong password',
        );
        expect(page.status).toBe(422);
      }
      const browser = new Browser();
      const page = await giveNameAndPassword(browser, await begin(browser), email);
      expect([page.status, nameOf(page)]).toEqual([429, 'password']);
      expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(page.html).toContain('Too many tries from this connection.');
      expect(page.html).toContain(email);
      expect(await isSignedIn(server, party, browser)).toBe(false);
      const hidden = await send(
        browser,
        `${baseOf(page)}/login`,
        { csrf: csrfOf(page), username: email, password },
        { origin: server.issuer, 'x-forwarded-for': '198.51.100.9', forwarded: 'for=198.51.100.9' },
      );
      expect(hidden.status).toBe(429);
    });
  });

  describe('sign-ins that come at once', () => {
    beforeAll(async () => {
      server = await limited({ signInFailures: tight(4) });
    }, 180_000);
    afterAll(() => server?.close());

    it('of many accounts from one address: no more are looked at than one after the other', async () => {
      const party = await makeClient(server);
      const total = 12;
      const asked = await Promise.all(
        Array.from({ length: total }, async (_, index) => {
          const browser = new Browser();
          const page = await browser.open(authorizationUrl(server, party, pkce()));
          return { browser, page: await browser.submit(page, { username: `nobody-${index}@example.com` }) };
        }),
      );
      const { hasher } = server.services;
      const verify = hasher.verify.bind(hasher);
      // Nobody is told that it was wrong before all of them have been looked at or refused.
      let [looked, refused] = [0, 0];
      let letGo = () => {};
      const all = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      const arrived = () => looked + refused >= total && letGo();
      const looking = jest.spyOn(hasher, 'verify').mockImplementation(async (...given) => {
        looked += 1;
        arrived();
        await all;
        return verify(...given);
      });
      await Promise.all(
        asked.map(async ({ browser, page }) => {
          const { status } = await browser.submit(page, { password: 'a guess' });
          if (status === 429) refused += 1;
          arrived();
        }),
      );
      looking.mockRestore();
      expect([looked, refused]).toEqual([4, total - 4]);
    });

    it('are given back where the password was right', async () => {
      const other = await limited({ signInFailures: tight(4) });
      try {
        const party = await makeClient(other, { consent_policy: 'implicit' });
        const { email } = await makePerson(other);
        for (let times = 0; times < 6; times += 1) {
          const browser = new Browser();
          const page = await browser.open(authorizationUrl(other, party, pkce()));
          await giveNameAndPassword(browser, page, email);
          expect(await isSignedIn(other, party, browser)).toBe(true);
        }
      } finally {
        await other.close();
      }
    });
  });

  describe('letters that anybody may ask for', () => {
    beforeAll(async () => {
      server = await limited({}, proxied);
    }, 180_000);
    afterAll(() => server?.close());

    it('are counted for the network that asks: a stranger keeps the owner of the address waiting nowhere else', async () => {
      const { email } = await makePerson(server);
      const ask = async (ip: string) => {
        const browser = new Traveller(ip);
        const form = await browser.open(`${server.issuer}/forgotten-password`);
        return (await browser.submit(form, { username: email })).status;
      };
      for (let one = 1; one <= 5; one += 1) expect(await ask(`203.0.113.${one}`)).toBe(200);
      expect(await ask('203.0.113.6')).toBe(429);
      expect(await ask('198.51.100.7')).toBe(200);
    });
  });

  describe('links that are not good', () => {
    beforeAll(async () => {
      server = await limited({ linkFailures: tight(7) });
    }, 180_000);
    afterAll(() => server?.close());

    it('are counted together, whichever page of a letter they are shown at (RFC 6585 §4)', async () => {
      const pages = ['password', 'lockdown', 'factor-recovery', 'sign-in-link', 'verify-email', 'email-undo'];
      const guess = async (page: string) => {
        const body = new URLSearchParams({ token: randomBytes(32).toString('base64url'), csrf: 'guess' });
        const { status } = await fetch(`${server.issuer}/${page}`, { method: 'POST', body });
        return [page, status];
      };
      for (const page of [...pages, 'account-restore']) expect(await guess(page)).toEqual([page, 403]);
      for (const page of [...pages, 'account-restore']) expect(await guess(page)).toEqual([page, 429]);
    });
  });

  describe('when more want to sign in than passwords can be hashed', () => {
    beforeAll(async () => {
      const parameters = { timeCost: 3, memoryCost: 65_536, parallelism: 1 };
      server = await limited({}, {}, { parameters, processes: 1, maxQueue: 1 });
    }, 180_000);
    afterAll(() => server?.close());

    it('some are told to come again (503, Retry-After) while liveness and tokens are answered as always', async () => {
      const machine = await makeClient(server, {
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      });
      const party = await makeClient(server);
      const pages = await Promise.all(
        Array.from({ length: 12 }, async () => {
          const browser = new Browser();
          const page = await browser.open(authorizationUrl(server, party, pkce()));
          return { browser, page: await browser.submit(page, { username: 'nobody@example.com' }) };
        }),
      );
      const storm = pages.map(({ browser, page }) => browser.submit(page, { password: 'wrong password' }));
      const [health, token] = await Promise.all([
        fetch(`${server.issuer}/healthz`),
        post(server, '/token', machine, { grant_type: 'client_credentials' }),
      ]);
      expect([health.status, token.status]).toEqual([200, 200]);
      const answers = await Promise.all(storm);
      const shed = answers.filter(({ status }) => status === 503);
      expect(shed.length).toBeGreaterThan(0);
      expect(answers.filter(({ status }) => status === 422).length).toBeGreaterThan(0);
      expect(answers.every(({ status }) => [422, 503].includes(status))).toBe(true);
      for (const { headers, html } of shed) {
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
        expect(html).toContain('<h1>');
      }
    });
  });
});
