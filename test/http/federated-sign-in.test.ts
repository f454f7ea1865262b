import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser } from '../support/browser.js';
import {
  answered,
  asked,
  comeBack,
  disable,
  identityOf,
  leadsTo,
  makeConnection,
  press,
  proveDomain,
  type TestConnection,
} from '../support/federated.js';
import { baseOf, csrfOf, isSignedIn, nameOf, send, titleOf, withoutNonces } from '../support/journey.js';
import { JsonSignIn } from '../support/json-sign-in.js';
import { makeOrganization } from '../support/organizations.js';
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
import { codeIn, generous } from '../support/sign-in-letters.js';

describe('a sign-in at an identity provider', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let google: TestConnection;

  beforeAll(async () => {
    server = await startServer({ overrides: { letters: generous } });
    party = await makeClient(server, { consent_policy: 'implicit' });
    await setPolicy(server, {
      first_factors: ['password', 'passkey', 'email_code', 'magic_link'],
      registration: 'open',
    });
    google = await makeConnection(server, { name: 'Example Mail', button: true });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(() => {
    browser = new Browser();
  });

  const begin = (more: Record<string, string> = {}, who = browser) =>
    who.open(authorizationUrl(server, party, pkce(), more));
  const typed = async (email: string, more: Record<string, string> = {}) =>
    browser.submit(await begin(), { username: email, ...more });
  const nobody = async () => expect(await isSignedIn(server, party, browser)).toBe(false);
  const letters = () =>
    server.inside(async ({ db }) => (await db.manager.query('SELECT count(*)::int AS n FROM one_time_tokens'))[0]?.n);

  /** A connection that serves a domain of its own. */
  async function serving(discovery: 'required' | 'offered' | 'off', ofOrganization = true) {
    const organization = await makeOrganization(server);
    const domain = await proveDomain(server, organization);
    const connection = ofOrganization
      ? await makeConnection(server, { organization, discovery })
      : await makeConnection(server, { discovery, domains: [domain] });
    return { organization, domain, connection };
  }

  describe('who is sent there', () => {
    it.each([true, false])(
      'people of a domain that it serves, whether they have an account or not (of an organization: %s)',
      async (own) => {
        const { domain, connection } = await serving('offered', own);
        await makePerson(server, `known@${domain}`);
        for (const name of [`known@${domain}`, `nobody@${domain.toUpperCase()}`]) {
          const page = await typed(name);
          expect(leadsTo(page)).toContain(`/federation/${connection.id}/login?handle=`);
          expect(page.headers.get('refresh')).toBe(`0; url=${leadsTo(page)}`);
        }
      },
    );

    it('hears the same of an address whether or not somebody has it', async () => {
      const { domain } = await serving('required');
      await makePerson(server, `known@${domain}`);
      const pages = [];
      for (const name of ['known', 'other']) {
        browser = new Browser();
        const page = await typed(`${name}@${domain}`);
        pages.push(withoutNonces(page).replaceAll(/handle=[\w-]+/g, ''));
      }
      expect(pages[0]).toBe(pages[1]);
    });

    it.each(['off', 'disabled'])('nobody where it is %s', async (how) => {
      const { domain, connection } = await serving(how === 'off' ? 'off' : 'required');
      if (how === 'disabled') await disable(server, connection);
      expect(nameOf(await typed(`somebody@${domain}`))).toBe('password');
    });

    it('nobody by a domain that was claimed and not proved, and nobody by one below it', async () => {
      const { domain } = await serving('required');
      expect(nameOf(await typed(`somebody@below.${domain}`))).toBe('password');
    });

    it.each(['connection', 'idp_hint'])('whomever the application sends there by the parameter %s', async (name) => {
      const { connection } = await serving('off');
      const page = await begin({ [name]: connection.key });
      expect(leadsTo(page)).toContain(connection.id);
      // Whoever comes back by the button of the browser is not sent away again.
      expect(nameOf(await browser.open(baseOf(page)))).toBe('identifier');
    });

    it('whomever the application names by login_hint', async () => {
      const { domain, connection } = await serving('offered');
      const page = await begin({ login_hint: `maria@${domain}` });
      expect(leadsTo(page)).toContain(connection.id);
      expect(await asked(server, leadsTo(page) ?? '')).toMatchObject({
        login_hint: `maria@${domain}`,
        purpose: 'sign_in',
      });
    });

    it('nobody by a name that is no connection', async () => {
      expect(nameOf(await begin({ connection: 'nothing-here' }))).toBe('identifier');
      const page = await begin({ connection: '<script>' });
      expect(page.url).toContain('error=invalid_request');
    });

    it('whoever presses a button, which organizations do not have', async () => {
      const { connection } = await serving('offered');
      const page = await begin();
      expect(page.html).toContain(`id="federation-${google.key}"`);
      expect(page.html).not.toContain(connection.key);
      expect(leadsTo(await press(browser, page, google))).toContain(google.id);
    });

    it('nobody without the token of the form, and nobody who was not asked', async () => {
      const page = await begin();
      const sent = await send(browser, `${baseOf(page)}/federation/${google.key}`, { csrf: 'none' });
      expect(sent.status).toBe(403);
      const uninvited = await browser.open(`${baseOf(page)}/federation/${google.key}`);
      expect([leadsTo(uninvited), nameOf(uninvited)]).toEqual([undefined, 'identifier']);
    });

    it.each(['%00', 'a%00b', '%ED%A0%80', 'x'.repeat(3000), 'Upper'])(
      'nobody by what is no key of anybody: %s',
      async (key) => {
        const page = await begin();
        for (const method of ['GET', 'POST']) {
          const body = method === 'POST' ? { body: new URLSearchParams({ csrf: csrfOf(page) }) } : {};
          const sent = await browser.request(`${baseOf(page)}/federation/${key}`, {
            ...{ method, headers: { origin: new URL(server.issuer).origin } },
            ...body,
          });
          expect(sent.status).toBeLessThan(500);
          expect(sent.headers.get('location') ?? '').not.toContain('/login');
        }
        await nobody();
      },
    );

    it('with what the request asks for: a new sign-in, and no older one', async () => {
      const page = await press(browser, await begin({ prompt: 'login', max_age: '60' }), google);
      expect(await asked(server, leadsTo(page) ?? '')).toMatchObject({ prompt: 'login', max_age: 60 });
    });

    it('lists no identity provider in a policy of its pages', async () => {
      const page = await begin();
      for (const one of [page, await press(browser, page, google)])
        expect(one.headers.get('content-security-policy')).not.toContain('idp.example');
    });
  });

  describe('where the identity provider alone signs people in', () => {
    it('a password is not taken, however it is sent', async () => {
      const { domain, connection } = await serving('required');
      const { email } = await makePerson(server, `maria@${domain}`);
      expect(leadsTo(await typed(email, { password }))).toContain(connection.id);
      const base = baseOf(await begin());
      const csrf = csrfOf(await browser.open(base));
      await send(browser, `${base}/login`, { csrf, username: email, password });
      await nobody();
      const program = new JsonSignIn(server, new Browser());
      await program.begin(party, pkce());
      const said = await program.post('login', { username: email, password });
      expect(said.body).toMatchObject({ step: 'login', connection: connection.key });
      expect(String(said.body.location)).toMatch(new RegExp(`/federation/${connection.key}$`));
      expect(said.body).not.toHaveProperty('requires_2fa', true);
    });

    it.each(['email_code', 'magic_link'])('no letter is sent (%s)', async (letter) => {
      const { domain, connection } = await serving('required');
      const { email } = await makePerson(server, `maria@${domain}`);
      const before = await letters();
      expect(leadsTo(await typed(email, { with: letter }))).toContain(connection.id);
      expect(await letters()).toBe(before);
    });

    it('nobody makes an account with a password', async () => {
      const { domain, connection } = await serving('required');
      const email = `new@${domain}`;
      const page = await browser.open(`${baseOf(await begin())}?with=register`);
      const before = await letters();
      expect(leadsTo(await browser.submit(page, { username: email, password }))).toContain(connection.id);
      expect([await server.inside(({ users }) => users.findByEmail(email)), await letters()]).toEqual([
        undefined,
        before,
      ]);
    });

    it('what was proved before it came to be so is a sign-in no more', async () => {
      const organization = await makeOrganization(server);
      const domain = await proveDomain(server, organization);
      const { email } = await makePerson(server, `maria@${domain}`);
      const page = await typed(email);
      const connection = await makeConnection(server, { organization, discovery: 'required' });
      const next = await browser.submit(page, { username: email, password });
      expect(leadsTo(next)).toContain(connection.id);
      await nobody();
    });

    it('a code that is on its way is not taken either', async () => {
      const organization = await makeOrganization(server);
      const domain = await proveDomain(server, organization);
      const { id, email } = await makePerson(server, `maria@${domain}`);
      const page = await typed(email, { with: 'email_code' });
      await makeConnection(server, { organization, discovery: 'required' });
      const next = await browser.submit(page, { code: await codeIn(server, email) });
      expect([id.length > 0, nameOf(next)]).toEqual([true, 'identifier']);
      await nobody();
    });

    it('of two that a business requires each signs its people in, and no third one', async () => {
      const { organization, domain, connection } = await serving('required');
      const second = await makeConnection(server, { organization, discovery: 'required' });
      const { id, email } = await makePerson(server, `maria@${domain}`);
      for (const one of [connection, second, google]) {
        browser = new Browser();
        const subject = `s-${one.key}`;
        await server.inside(({ identities }) => identities.link({ id }, one.id, subject));
        const page = await begin({ connection: one.key });
        const end = await comeBack(server, browser, page, identityOf({ subject, email }));
        expect([end.url.includes('code='), await isSignedIn(server, party, browser)]).toEqual(
          one === google ? [false, false] : [true, true],
        );
      }
    });

    it('an organization does not shut out who looks after the tenant', async () => {
      const organization = await makeOrganization(server);
      const domain = await proveDomain(server, organization);
      const { id, email } = await makePerson(server, `maria@${domain}`);
      const page = await typed(email, { with: 'email_code' });
      await makeConnection(server, { organization, discovery: 'required' });
      await server.inside(({ db }) => db.manager.query(`UPDATE users SET roles = '{SUPPORT}' WHERE id = $1`, [id]));
      const next = await browser.submit(page, { code: await codeIn(server, email) });
      expect(next.url).toContain('code=');
    });
  });

  describe('the way back', () => {
    const said = (domain: string, more: object = {}) => identityOf({ email: `new@${domain}`, ...more });
    const away = async (connection: TestConnection, more: Record<string, string> = {}) =>
      begin({ connection: connection.key, ...more });

    it('signs in whoever the identity provider has shown, and says so in the token', async () => {
      const { domain, connection } = await serving('required');
      const proof = pkce();
      const page = await browser.open(authorizationUrl(server, party, proof, { connection: connection.key }));
      const end = await comeBack(server, browser, page, said(domain));
      const { body } = await redeem(server, party, codeOf(end), proof);
      expect(decodeJwt(String(body.id_token))).toMatchObject({
        amr: ['fed'],
        acr: 'urn:ostiary:acr:1fa',
      });
    });

    it('is as old as the session over there', async () => {
      const { domain, connection } = await serving('required');
      const proof = pkce();
      const old = Math.floor(Date.now() / 1000) - 3000;
      const page = await browser.open(
        authorizationUrl(server, party, proof, {
          connection: connection.key,
          claims: JSON.stringify({ id_token: { auth_time: { essential: true } } }),
        }),
      );
      const end = await comeBack(server, browser, page, said(domain, { authenticated_at: old }));
      const { body } = await redeem(server, party, codeOf(end), proof);
      expect(decodeJwt(String(body.id_token)).auth_time).toBe(old);
    });

    it('is too old where the request says so: it is asked to show them anew', async () => {
      const { domain, connection } = await serving('required');
      const page = await away(connection, { max_age: '600' });
      const old = Math.floor(Date.now() / 1000) - 3000;
      const back = await comeBack(server, browser, page, said(domain, { authenticated_at: old }));
      expect(nameOf(back)).toBe('identifier');
      await nobody();
      const again = await browser.submit(back, { username: `new@${domain}` });
      expect(await asked(server, leadsTo(again) ?? '')).toMatchObject({ prompt: 'login', max_age: 600 });
    });

    it('is no sign-in where a session here would be over already: it is asked anew, by itself once', async () => {
      const { domain, connection } = await serving('required');
      const old = said(domain, { authenticated_at: Math.floor(Date.now() / 1000) - 1_209_600 });
      const again = await comeBack(server, browser, await away(connection), old);
      expect(leadsTo(again)).toContain(connection.id);
      expect(nameOf(await comeBack(server, browser, again, old))).toBe('identifier');
      await nobody();
    });

    it('works once', async () => {
      const { domain, connection } = await serving('required');
      const page = await away(connection);
      const address = await answered(server, leadsTo(page) ?? '', said(domain));
      expect((await browser.open(address)).url).toContain('code=');
      const again = await browser.open(address);
      expect(again.status).toBe(400);
    });

    it('works in no other browser, and in no other sign-in (login CSRF)', async () => {
      const { domain, connection } = await serving('required');
      const address = await answered(server, leadsTo(await away(connection)) ?? '', said(domain));
      const other = new Browser();
      expect((await other.open(address)).status).toBe(400);
      const elsewhere = await begin({}, other);
      const handle = new URL(address).search;
      const page = await other.open(`${baseOf(elsewhere)}/federation/callback${handle}`);
      expect(page.status).toBe(400);
      expect(await isSignedIn(server, party, other)).toBe(false);
      expect((await browser.open(address)).url).toContain('code=');
    });

    it.each(['', 'nothing', 'a'.repeat(500)])('takes no handle that is none: %s', async (handle) => {
      const page = await begin();
      const answer = await browser.open(`${baseOf(page)}/federation/callback?handle=${handle}`);
      expect(answer.status).toBe(400);
      await nobody();
    });

    it('leads nobody on where the connection was disabled meanwhile', async () => {
      const { domain, connection } = await serving('required');
      const address = await answered(server, leadsTo(await away(connection)) ?? '', said(domain));
      await disable(server, connection);
      expect((await browser.open(address)).status).toBe(400);
      await nobody();
    });

    it('uses nothing up where it is not its turn', async () => {
      const { domain, connection } = await serving('required');
      await setPolicy(server, {
        first_factors: ['password', 'email_code'],
        multi_factor: 'required',
        second_factors: ['totp'],
      });
      try {
        const page = await away(connection);
        const first = await comeBack(server, browser, page, said(domain));
        // A second factor of ours is set up whatever the identity provider has asked for.
        expect(nameOf(first)).toBe('enrolment');
        const out = await browser.open(`${baseOf(page)}/federation/callback?handle=anything`);
        expect([out.status, nameOf(out)]).toEqual([200, 'enrolment']);
        await nobody();
      } finally {
        await setPolicy(server, {
          first_factors: ['password', 'passkey', 'email_code', 'magic_link'],
          registration: 'open',
        });
      }
    });

    it('asks for no second factor where the tenant trusts that one was asked for', async () => {
      await setPolicy(server, { first_factors: ['password'], multi_factor: 'required', second_factors: ['totp'] });
      try {
        const organization = await makeOrganization(server);
        const domain = await proveDomain(server, organization);
        const connection = await makeConnection(server, { organization, trust: { email: 'claim', mfa: true } });
        const proof = pkce();
        const page = await browser.open(authorizationUrl(server, party, proof, { connection: connection.key }));
        const end = await comeBack(server, browser, page, said(domain, { amr: ['pwd', 'mfa'] }));
        const { body } = await redeem(server, party, codeOf(end), proof);
        expect(decodeJwt(String(body.id_token))).toMatchObject({ amr: ['fed', 'mfa'], acr: 'urn:ostiary:acr:mfa' });
      } finally {
        await setPolicy(server, {
          first_factors: ['password', 'passkey', 'email_code', 'magic_link'],
          registration: 'open',
        });
      }
    });

    it('is refused on one page, with a reference and without a reason', async () => {
      const { domain, connection } = await serving('required');
      await server.inside(({ db }) =>
        db.manager.query(
          `UPDATE connections SET settings = settings || '{"provisioning":{"create":false}}' WHERE id = $1`,
          [connection.id],
        ),
      );
      const page = await comeBack(server, browser, await away(connection), said(domain));
      expect([page.status, titleOf(page)]).toEqual([400, 'Request could not be completed']);
      expect(page.html).not.toContain('not_provisioned');
      const [event] = await server.services.db.manager.query(
        `SELECT data FROM audit_events WHERE name = 'federation.refused' AND data ->> 'connection_id' = $1`,
        [connection.id],
      );
      expect(event.data).toMatchObject({ reason: 'not_provisioned' });
      expect(page.html).toContain(event.data.trace_id);
      await nobody();
    });

    it('marks the button that was used last, in this browser', async () => {
      const page = await press(browser, await begin(), google);
      await comeBack(server, browser, page, identityOf({ email: `m-${Date.now()}@example.net` }));
      const shown = await begin({ prompt: 'login' });
      expect(shown.html).toMatch(new RegExp(`id="federation-${google.key}"[^>]*>.*Last used here`));
      expect((await new Browser().open(authorizationUrl(server, party, pkce()))).html).not.toContain('Last used here');
    });

    it('keeps the session with that over there: what ends there ends it', async () => {
      const { domain, connection } = await serving('required');
      const identity = said(domain, { session: { index: 'over-there' } });
      await comeBack(server, browser, await away(connection), identity);
      expect(await isSignedIn(server, party, browser)).toBe(true);
      const ended = await server.inside(({ upstreamSessions }) =>
        upstreamSessions.endedUpstream(connection.id, { session_index: 'over-there' }),
      );
      expect(ended).toBe(1);
      await nobody();
    });
  });
});
