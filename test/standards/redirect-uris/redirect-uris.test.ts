import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WayBack } from '../../../src/account/way-back.js';
import { withContext } from '../../../src/platform/context.js';
import { ask, tokenWith } from '../../support/api.js';
import { Browser } from '../../support/browser.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, post, signIn } from '../../support/party.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { startServer, type TestServer } from '../../support/server.js';
import { lookalikes, never, notThePort, registered, spellings } from './corpus.js';

describe('nobody is sent where an application has not registered to be sent (RFC 9700 §2.1, §4.1.3)', () => {
  let server: TestServer;
  let web: Party;
  let native: Party;
  let browser: Browser;
  let token: string;

  beforeAll(async () => {
    server = await startServer({ quiet: true });
    web = await makeClient(server, {
      redirect_uris: [registered.web],
      post_logout_redirect_uris: [registered.web],
      consent_policy: 'implicit',
    });
    native = await makeClient(server, {
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: [registered.native, registered.scheme],
      post_logout_redirect_uris: [registered.native, registered.scheme],
    });
    browser = new Browser();
    await signIn(browser, authorizationUrl(server, web, pkce()), (await makePerson(server)).email);
    token = await tokenWith(server, 'clients:write');
  }, 180_000);
  afterAll(() => server?.close());

  const corpora: [string, () => Party, readonly string[]][] = [
    ['a web application', () => web, [...never, ...lookalikes]],
    ['a native application', () => native, [...never, ...lookalikes, ...notThePort, ...spellings]],
  ];

  it('the corpus is large enough to be one', () => {
    expect(new Set([...never, ...lookalikes]).size).toBeGreaterThanOrEqual(110);
    expect(new Set([...never, ...lookalikes, ...notThePort, ...spellings]).size).toBeGreaterThanOrEqual(140);
  });

  describe.each(['web', 'native'])(
    'a %s application registers none of what nobody may register',
    (application_type) => {
      const members = (uri: string) => ({
        client_name: 'Elsewhere',
        application_type,
        token_endpoint_auth_method: application_type === 'native' ? 'none' : 'client_secret_basic',
        redirect_uris: [uri],
      });

      it.each(['redirect_uris', 'post_logout_redirect_uris'])('as %s by the management API (422)', async (member) => {
        const taken: string[] = [];
        for (const uri of never) {
          const body = { ...members(registered.web), [member]: [uri] };
          const { status } = await ask(server, token, 'post', '/clients', body);
          // RFC 8259 §8.2 has no place for NUL: refused before it is looked at.
          if (status !== (uri.includes('\u0000') ? 400 : 422)) taken.push(JSON.stringify([uri, status]));
        }
        expect(taken).toEqual([]);
      });

      it.each(['redirect_uris', 'post_logout_redirect_uris'])('as %s for itself (RFC 7591 §3.2.2)', async (member) => {
        const initial = await initialAccessTokenFor(server);
        const taken: string[] = [];
        for (const uri of never) {
          const response = await fetch(`${server.issuer}/register`, {
            method: 'POST',
            headers: { authorization: `Bearer ${initial}`, 'content-type': 'application/json' },
            body: JSON.stringify({ ...members(registered.web), [member]: [uri] }),
          });
          const { error } = (await response.json()) as { error?: string };
          if (response.status !== 400 || !/^invalid_(redirect_uri|client_metadata)$/.test(error ?? ''))
            taken.push(JSON.stringify(uri));
        }
        expect(taken).toEqual([]);
      });
    },
  );

  describe.each(corpora)('of %s', (_name, party, corpus) => {
    it('/authorize redirects to none of them, signed in or not: a page says so (RFC 6749 §4.1.2.1)', async () => {
      const sent: unknown[] = [];
      for (const redirect_uri of corpus)
        for (const [one, more] of [
          [new Browser(), {}],
          [browser, { prompt: 'none' }],
          [browser, { scope: 'no"scope' }],
        ] as const) {
          const url = authorizationUrl(server, party(), pkce(), { redirect_uri, ...more });
          const response = await one.request(url);
          const html = await response.text();
          if (response.status !== 400 || response.headers.has('location') || !html.startsWith('<!DOCTYPE html>'))
            sent.push(JSON.stringify([redirect_uri, more, response.status, response.headers.get('location')]));
        }
      expect(sent).toEqual([]);
    });

    it('/par takes none of them (RFC 9126 §2.3)', async () => {
      const taken: unknown[] = [];
      for (const redirect_uri of corpus) {
        const form = Object.fromEntries(
          new URL(authorizationUrl(server, party(), pkce(), { redirect_uri })).searchParams,
        );
        const { status, body } = party().clientSecret
          ? await post(server, '/par', party(), form)
          : await publicly('/par', form);
        if (status !== 400 || body.error !== 'invalid_request')
          taken.push(JSON.stringify([redirect_uri, status, body]));
      }
      expect(taken).toEqual([]);
    });

    it('/logout redirects to none of them, and tells no form to (RP-Initiated Logout 1.0 §3)', async () => {
      const sent: unknown[] = [];
      // An empty one is none.
      for (const uri of corpus.filter(Boolean)) {
        const parameters = new URLSearchParams({ client_id: party().clientId, post_logout_redirect_uri: uri });
        const response = await browser.request(`${server.issuer}/logout?${parameters}`);
        const policy = response.headers.get('content-security-policy') ?? '';
        if (response.status !== 400 || response.headers.has('location') || !policy.includes("form-action 'self';"))
          sent.push(JSON.stringify([uri, response.status, policy]));
      }
      expect(sent).toEqual([]);
    });
  });

  describe('the way back to the account is a page of the account (RFC 9700 §4.11)', () => {
    const everything = [
      ...never,
      ...lookalikes,
      '/account/../evil',
      '/account//evil.example',
      '/account/\\evil',
      '/accounts',
    ];
    const base64 = (text: string) => Buffer.from(text).toString('base64url');

    it('what this server signs is one, whatever it is given', async () => {
      const ways = new WayBack([randomBytes(32)]);
      await withContext({ tenantId: crypto.randomUUID() }, async () => {
        for (const path of everything) expect(ways.open(ways.state(path))).toBe('/account');
      });
    });

    it('what it has not signed is no way back: state as text, as an address, with a signature of another', async () => {
      const foreign = new WayBack([randomBytes(32)]);
      const { id } = (await server.services.tenants.findBySlug('default')) as { id: string };
      const signed = await withContext({ tenantId: id }, async () => foreign.state('/account/security'));
      const states = everything.flatMap((text) => [text, base64(text), `${base64(text)}.${signed.split('.')[1]}`]);
      const sent: unknown[] = [];
      for (const state of [...states, signed]) {
        const response = await browser.request(`${server.issuer}/account/signed-in?${new URLSearchParams({ state })}`);
        if (response.status !== 400 || response.headers.has('location'))
          sent.push(JSON.stringify([state, response.status]));
      }
      expect(sent).toEqual([]);
    });

    it('no page goes by what the address says: return_to, next, redirect, url', async () => {
      const sent: unknown[] = [];
      for (const text of everything)
        for (const path of ['/account', '/account/security', '/forgotten-password']) {
          const names = ['return_to', 'next', 'redirect', 'redirect_uri', 'url', 'continue'];
          const query = new URLSearchParams(names.map((name): [string, string] => [name, text]));
          const response = await new Browser().request(`${server.issuer}${path}?${query}`);
          const location = response.headers.get('location');
          if (location && !isOurs(location)) sent.push(JSON.stringify([path, text, location]));
        }
      expect(sent).toEqual([]);
    });

    /** To /authorize of this server with our own redirect URI, or another page of ours. */
    const isOurs = (location: string) => {
      const to = new URL(location, server.issuer);
      const back = to.searchParams.get('redirect_uri');
      return to.origin === server.issuer && (back === null || back === `${server.issuer}/account/signed-in`);
    };
  });

  const publicly = async (path: string, form: Record<string, string>) => {
    const response = await fetch(server.issuer + path, { method: 'POST', body: new URLSearchParams(form) });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
});
