import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { generate } from 'otplib';
import { clockTolerance, lifetimes } from '../../config/protocol.js';
import { SessionPolicy } from '../../src/features/tenants/tenant.schema.js';
import { Browser } from '../support/browser.js';
import { giveNameAndPassword, isSignedIn } from '../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  redeem,
  refresh,
  signIn,
  tokensFor,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const now = () => Math.floor(Date.now() / 1000);

/** What a tenant has unless its settings say otherwise. */
const sessionAbsolute = SessionPolicy.parse({}).absolute_seconds;

describe('how long things last', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    browser = new Browser();
  });

  const query = (text: string, values: unknown[]) =>
    server.inside(({ db }) => db.manager.query(text, values)) as Promise<Record<string, unknown>[]>;
  /** As if it had been made so many seconds earlier. */
  const age = (kind: string, seconds: number) =>
    query(
      `UPDATE engine_rows SET payload = payload || jsonb_build_object('exp', (payload ->> 'exp')::int - $3::int)
        WHERE kind = $1 AND account_id = $2`,
      [kind, person.id, seconds],
    );

  describe('tokens (RFC 6749 §5.1 expires_in)', () => {
    it('as the server says, or the client, or the resource', async () => {
      const first = await tokensFor(server, party, person.email, {}, browser);
      expect(first.expires_in).toBe(lifetimes.accessToken);
      const long = await makeClient(server, { consent_policy: 'implicit', access_token_ttl: 86_400 });
      expect((await tokensFor(server, long, person.email, {}, browser)).expires_in).toBe(86_400);
      await server.inside(({ resources }) =>
        resources.create({
          identifier: 'https://short.example',
          name: 'Short',
          access_token_ttl: 60,
          scopes: [{ name: 'a' }],
        }),
      );
      const proof = pkce();
      const url = authorizationUrl(server, party, proof, { resource: 'https://short.example', scope: 'openid a' });
      const answer = await post(server, '/token', party, {
        grant_type: 'authorization_code',
        code: codeOf(await browser.open(url)),
        redirect_uri: party.redirectUri,
        code_verifier: proof.verifier,
        resource: 'https://short.example',
      });
      expect(answer.body.expires_in).toBe(60);
    });

    it('a code for a minute', async () => {
      const proof = pkce();
      const page = await signIn(browser, authorizationUrl(server, party, proof), person.email);
      await age('AuthorizationCode', lifetimes.authorizationCode + 1);
      expect((await redeem(server, party, codeOf(page), proof)).body.error).toBe('invalid_grant');
    });

    it('an access token until it expires, a refresh token until it was not used for its idle time', async () => {
      const tokens = await tokensFor(server, party, person.email, {}, browser);
      await age('AccessToken', lifetimes.accessToken + 1);
      expect((await introspect(server, party, String(tokens.access_token))).body.active).toBe(false);
      await age('RefreshToken', lifetimes.refreshTokenIdle + 1);
      expect((await refresh(server, party, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
    });

    it('a family of refresh tokens to its absolute end, however often it is used', async () => {
      const tokens = await tokensFor(server, party, person.email, {}, browser);
      await query(
        `UPDATE engine_rows SET payload = payload || jsonb_build_object('iiat', (payload ->> 'iiat')::int - $2::int)
          WHERE kind = 'RefreshToken' AND account_id = $1`,
        [person.id, lifetimes.refreshTokenAbsolute - 100],
      );
      expect((await refresh(server, party, String(tokens.refresh_token))).status).toBe(200);
      const rows = await query(
        `SELECT (payload ->> 'exp')::int AS exp FROM engine_rows WHERE kind = 'RefreshToken' AND account_id = $1 AND consumed_at IS NULL`,
        [person.id],
      );
      expect(rows).toHaveLength(1);
      expect(Number(rows[0]?.exp)).toBeLessThanOrEqual(now() + 101);
    });
  });

  describe('sessions', () => {
    beforeEach(() => signIn(browser, authorizationUrl(server, party, pkce()), person.email));

    it('until they were not used for their idle time', async () => {
      expect(await isSignedIn(server, party, browser)).toBe(true);
      await query('UPDATE sessions SET expires_at = $2 WHERE account_id = $1', [person.id, new Date()]);
      expect(await isSignedIn(server, party, browser)).toBe(false);
    });

    it('as long as the settings of the tenant say, from the moment they change', async () => {
      const idle = async (idle_seconds: number) =>
        server.inside(async ({ tenants }) =>
          tenants.update(await tenants.ensureDefault(), {
            settings: { sessions: { idle_seconds, absolute_seconds: 1_209_600 } },
          }),
        );
      await idle(600);
      const who = new Browser();
      const other = await makePerson(server);
      await signIn(who, authorizationUrl(server, party, pkce()), other.email);
      const [row] = await query('SELECT expires_at FROM sessions WHERE account_id = $1', [other.id]);
      expect(Number(row?.expires_at)).toBeLessThanOrEqual((now() + 601) * 1000);
      await idle(86_400);
    });

    it('to their absolute end, however often they are used', async () => {
      const since = now() - sessionAbsolute + 100;
      await query(
        `UPDATE sessions SET login_ts = $2::int, payload = jsonb_set(payload, '{loginTs}', to_jsonb($2::int)), expires_at = $3 WHERE account_id = $1`,
        [person.id, since, new Date((now() + 20) * 1000)],
      );
      expect(await isSignedIn(server, party, browser)).toBe(true);
      const [row] = await query('SELECT expires_at FROM sessions WHERE account_id = $1', [person.id]);
      expect(Number(row?.expires_at)).toBeLessThanOrEqual((since + sessionAbsolute + 1) * 1000);
    });

    describe('and their ids (session fixation, OWASP ASVS 5.0 V7.2.4)', () => {
      const cookieOf = (who: Browser) =>
        [...who.cookies.values()].find(({ name }) => name === 'ostiary_default')?.value;
      const stolen = () => {
        const thief = new Browser();
        for (const [key, cookie] of browser.cookies) thief.cookies.set(key, cookie);
        return thief;
      };
      const secretOf = (id: string) =>
        server.inside(async ({ totp, users }) => {
          const user = await users.find(id);
          const offer = totp.offer(user, 'Acme', 'flow');
          await totp.confirm(user, offer, await generate({ secret: offer.secret, epoch: now() - 30 }));
          return offer.secret;
        });
      const stepUp = async (secret: string) => {
        const page = await browser.open(authorizationUrl(server, party, pkce(), { acr_values: 'urn:ostiary:acr:mfa' }));
        expect(page.html).toContain('mfa-submit');
        codeOf(await browser.submit(page, { code: await generate({ secret }) }));
      };

      it('are others after a step up, and the old one is dead at once', async () => {
        const secret = await secretOf(person.id);
        const [before, thief] = [cookieOf(browser), stolen()];
        expect(await isSignedIn(server, party, thief)).toBe(true);
        await stepUp(secret);
        expect(cookieOf(browser)).not.toBe(before);
        expect(await isSignedIn(server, party, thief)).toBe(false);
        expect(await isSignedIn(server, party, browser)).toBe(true);
      });

      it('are others for each account, also of a session that was set aside', async () => {
        const first = cookieOf(browser);
        const other = await makePerson(server);
        const another = async () => {
          const page = await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'select_account' }));
          return page.html.includes('select_account') ? browser.submit(page, { account: 'other' }) : page;
        };
        codeOf(await giveNameAndPassword(browser, await another(), other.email));
        const second = cookieOf(browser);
        const thief = stolen();
        expect(second).not.toBe(first);
        // A step up with one set aside: what was copied before is dead, the other account is still there to be chosen.
        await stepUp(await secretOf(other.id));
        expect([first, second]).not.toContain(cookieOf(browser));
        expect(await isSignedIn(server, party, thief)).toBe(false);
        const page = await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'select_account' }));
        expect(page.html).toContain(person.email);
        const [row] = await query('SELECT uid FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [person.id]);
        codeOf(await browser.submit(page, { account: String(row?.uid) }));
        await stepUp(await secretOf(person.id));
        expect(cookieOf(browser)).not.toBe(first);
      });
    });

    it('get another id at sign-in and at re-authentication, and the old one is dead at once (session fixation)', async () => {
      const cookieOf = (who: Browser) =>
        [...who.cookies.values()].find(({ name }) => name === 'ostiary_default')?.value;
      const before = cookieOf(browser);
      const thief = new Browser();
      for (const [key, cookie] of browser.cookies) thief.cookies.set(key, cookie);
      expect(await isSignedIn(server, party, thief)).toBe(true);
      const page = await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'login' }));
      codeOf(await giveNameAndPassword(browser, page, person.email));
      expect(cookieOf(browser)).not.toBe(before);
      expect(await isSignedIn(server, party, thief)).toBe(false);
      expect(await isSignedIn(server, party, browser)).toBe(true);
    });
  });

  describe('the leeway for clocks that differ (RFC 7519 §4.1.4, RFC 7523 §3)', () => {
    let authenticate: (claims: Record<string, unknown>) => Promise<number>;

    beforeAll(async () => {
      const { privateKey, publicKey } = await generateKeyPair('ES256');
      const { clientId } = await makeClient(server, {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig' }] },
      });
      authenticate = async (claims) => {
        const assertion = await new SignJWT({
          iss: clientId,
          sub: clientId,
          aud: server.issuer,
          jti: randomUUID(),
          iat: now(),
          exp: now() + 60,
          ...claims,
        })
          .setProtectedHeader({ alg: 'ES256' })
          .sign(privateKey);
        const response = await fetch(`${server.issuer}/introspect`, {
          method: 'POST',
          body: new URLSearchParams({
            token: 'x',
            client_assertion: assertion,
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          }),
        });
        return response.status;
      };
    });

    // A second may pass between signing and checking: one of it is left on the side that counts.
    const within = clockTolerance - 2;
    const beyond = clockTolerance + 2;
    it.each([
      ['a clock that is right', () => ({}), 200],
      ['expired within it', () => ({ exp: now() - within }), 200],
      ['expired beyond it', () => ({ exp: now() - beyond }), 401],
      ['not valid before, within it', () => ({ nbf: now() + within }), 200],
      ['not valid before, beyond it', () => ({ nbf: now() + beyond }), 401],
      ['issued ahead, within it', () => ({ iat: now() + within, exp: now() + 300 }), 200],
      ['issued ahead, beyond it', () => ({ iat: now() + beyond, exp: now() + 300 }), 401],
    ])('%s', async (_what, claims, status) => {
      expect(await authenticate(claims())).toBe(status);
    });
  });
});
