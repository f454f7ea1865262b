import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { WayBack } from '../../src/account/way-back.js';
import { asDefaultTenant } from '../../src/main.js';
import { managementScopes } from '../../src/management.js';
import { deriveKey } from '../../src/platform/crypto.js';
import { enter, wordsOf } from '../support/account.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { nameOf } from '../support/journey.js';
import { makePerson, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

const epoch = () => Math.floor(Date.now() / 1000);
const OWN = 'ostiary-account';

describe('the account as a client of the engine', () => {
  let server: TestServer;
  let person: { id: string; email: string };
  let token: string;

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, Object.keys(managementScopes).join(' '));
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
  });

  const request = (more: Record<string, string> = {}) =>
    `${server.issuer}/authorize?${new URLSearchParams({
      client_id: OWN,
      response_type: 'none',
      redirect_uri: `${server.issuer}/account/signed-in`,
      scope: 'openid',
      ...more,
    })}`;

  describe('the client of the account', () => {
    const forms: Record<string, string>[] = [
      { grant_type: 'authorization_code', code: 'x', redirect_uri: 'x', code_verifier: 'v'.repeat(43) },
      { grant_type: 'refresh_token', refresh_token: 'x' },
      { grant_type: 'client_credentials' },
    ];
    it.each(forms)('is not allowed at the token endpoint: $grant_type', async (form) => {
      const answer = await fetch(`${server.issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({ ...form, client_id: OWN }),
      });
      expect([answer.status, await answer.json()]).toEqual([
        400,
        {
          error: 'invalid_request',
          error_description: 'requested grant type is not allowed for this client',
          error_uri: expect.stringContaining(`${server.issuer}/errors/`),
        },
      ]);
    });

    it.each(['code', 'id_token', 'token', 'code id_token'])('gets no %s', async (response_type) => {
      const { browser } = await enter(server, person.email);
      const page = await browser.open(
        request({ response_type, code_challenge: 'c'.repeat(43), code_challenge_method: 'S256' }),
      );
      expect(page.status).toBe(400);
      expect(page.url).not.toMatch(/[?&#](code|token|id_token)=/);
    });

    it.each(['https://evil.example/', '/account', '/account/signed-in/', '/account/signed-in?a=b'])(
      'is answered at its own address only, not at %s',
      async (to) => {
        const redirect_uri = to.startsWith('/') ? server.issuer + to : to;
        const { browser } = await enter(server, person.email);
        const page = await browser.open(request({ redirect_uri }));
        expect(page.status).toBe(400);
        expect(new URL(page.url).pathname).toBe('/authorize');
      },
    );

    it('asks for no consent, even where the request does, and leaves no grant behind', async () => {
      const { browser } = await enter(server, person.email);
      const state = await stateFor('/account');
      const page = await browser.open(request({ prompt: 'consent', state }));
      expect(page.url).toBe(`${server.issuer}/account`);
      const rows = await server.services.db.manager.query('SELECT * FROM grants WHERE client_id = $1', [OWN]);
      expect(rows).toEqual([]);
    });

    it('stands in no list and is not to be read or changed', async () => {
      const { browser } = await enter(server, person.email);
      for (const path of ['/clients', `/clients?q=${OWN}`, '/clients?q=Account', '/sessions', '/grants'])
        expect(JSON.stringify((await ask(server, token, 'get', path)).body)).not.toContain(OWN);
      for (const method of ['get', 'patch', 'delete'])
        expect((await ask(server, token, method, `/clients/${OWN}`, method === 'patch' ? {} : undefined)).status).toBe(
          404,
        );
      expect((await ask(server, token, 'post', `/clients/${OWN}/secrets`, {})).status).toBe(404);
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await fetch(`${server.issuer}/register/${OWN}`, {
          method,
          headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
          ...(method === 'PUT'
            ? { body: JSON.stringify({ client_id: OWN, redirect_uris: ['https://evil.example/'] }) }
            : {}),
        });
        expect(answer.status).toBe(401);
      }
      expect(wordsOf(await browser.open(`${server.issuer}/account/applications`))).toContain('not allowed anything');
    });

    it('keeps its name: nobody else is registered under it', async () => {
      const taken = server.inside(({ clients }) =>
        clients.create({ client_name: 'Account', redirect_uris: ['https://evil.example/'] } as never, {
          clientId: OWN,
        }),
      );
      await expect(taken).rejects.toMatchObject({ status: 409, code: 'reserved_client_id' });
    });
  });

  describe('where a sign-in leads back to', () => {
    const elsewhere = [
      '//evil.example',
      'https://evil.example',
      'https:evil.example',
      '/\\evil.example',
      '\\\\evil.example',
      '/account\\..\\evil',
      '/account/../authorize',
      '/account//evil.example',
      '/account@evil.example',
      '/account.evil.example',
      '/t/acme/account',
      'javascript:alert(1)',
      '/account\r\nSet-Cookie: a=b',
      '/account/%2f%2fevil.example',
      '',
    ];

    it.each(elsewhere)('is never elsewhere: %j', async (path) => {
      await asDefaultTenant(server.services, async () => {
        const state = wayBack().state(path);
        expect(wayBack().open(state)).toBe('/account');
      });
      const { browser } = await enter(server, person.email);
      const sent = Buffer.from(path).toString('base64url');
      for (const state of [
        path,
        sent,
        `${sent}.${'A'.repeat(43)}`,
        `${sent}.${(await stateFor('/account')).split('.')[1]}`,
      ]) {
        const page = await browser.open(`${server.issuer}/account/signed-in?${new URLSearchParams({ state })}`);
        expect([page.status, new URL(page.url).pathname]).toEqual([400, '/account/signed-in']);
      }
    });

    it('is signed for one tenant', async () => {
      const { tenants } = server.services;
      const other = at(server, await tenants.create({ name: 'Bolt', slug: 'bolt' }));
      const theirs = await makePerson(other);
      const { browser } = await enter(other, theirs.email);
      const page = await browser.open(`${other.issuer}/account/signed-in?state=${await stateFor('/account/profile')}`);
      expect(page.status).toBe(400);
    });
  });

  describe('a step-up, as the door asks for it', () => {
    const me = async (browser: Browser) => {
      const answer = await browser.request(`${server.issuer}/api/v1/auth/me`);
      return (await answer.json()) as { id: string; session: { id: string; acr: string; auth_time: number } };
    };

    it('has the person sign in anew and brings them back, in the same session with another cookie (RFC 9700 §4.8.2)', async () => {
      const { browser } = await enter(server, person.email);
      const before = await me(browser);
      await server.services.db.manager.query(
        `UPDATE sessions SET login_ts = login_ts - 3600, payload = jsonb_set(payload, '{loginTs}', to_jsonb(login_ts - 3600)) WHERE uid = $1`,
        [before.session.id],
      );
      const cookie = [...browser.cookies.values()].find(({ name }) => name === 'ostiary_default')?.value;
      const state = await stateFor('/account/devices');
      const page = await browser.open(request({ prompt: 'login', max_age: '600', state }));
      expect(nameOf(page)).toBe('identifier');
      const back = await signIn(browser, page.url, person.email);
      expect(back.url).toBe(`${server.issuer}/account/devices`);
      const after = await me(browser);
      expect(after.session.id).toBe(before.session.id);
      expect(after.session.auth_time).toBeGreaterThanOrEqual(before.session.auth_time);
      expect([...browser.cookies.values()].find(({ name }) => name === 'ostiary_default')?.value).not.toBe(cookie);
    });

    it('asks for the second factor alone where the first is fresh', async () => {
      const { browser } = await enter(server, person.email);
      const before = await me(browser);
      const secret = await server.inside(async ({ totp, users }) => {
        const user = await users.find(person.id);
        const offer = totp.offer(user, 'Acme', 'flow');
        await totp.confirm(user, offer, await generate({ secret: offer.secret, epoch: epoch() - 30 }));
        return offer.secret;
      });
      const state = await stateFor('/account/profile');
      const page = await browser.open(request({ acr_values: 'urn:ostiary:acr:mfa', state }));
      expect(page.html).toContain('mfa-submit');
      const back = await browser.submit(page, { code: await generate({ secret, epoch: epoch() }) });
      expect(back.url).toBe(`${server.issuer}/account/profile`);
      const after = await me(browser);
      expect(after.session).toMatchObject({ id: before.session.id, acr: 'urn:ostiary:acr:mfa' });
      expect(after.session.auth_time).toBe(before.session.auth_time);
    });

    it('that is not finished leaves everything as it was', async () => {
      const { browser } = await enter(server, person.email);
      const before = await me(browser);
      await browser.open(request({ prompt: 'login', max_age: '600', state: await stateFor('/account') }));
      expect((await me(browser)).session).toEqual(before.session);
      const refused = new URLSearchParams({ error: 'access_denied', state: await stateFor('/account/profile') });
      expect((await browser.open(`${server.issuer}/account/signed-in?${refused}`)).url).toBe(
        `${server.issuer}/account/profile`,
      );
    });
  });

  const wayBack = () => new WayBack(server.services.config.cookieKeys.map((key) => deriveKey(key, 'account')));
  /** As the server gives it to whoever comes without a session. */
  const stateFor = async (path: string): Promise<string> => {
    const answer = await new Browser().request(server.issuer + path);
    return new URL(answer.headers.get('location') ?? '').searchParams.get('state') ?? '';
  };
});
