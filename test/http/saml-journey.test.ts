import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser, type Page } from '../support/browser.js';
import { leadsTo } from '../support/federated.js';
import { isSignedIn } from '../support/journey.js';
import { authorizationUrl, codeOf, makeClient, type Party, pkce, redeem } from '../support/party.js';
import { SamlParty } from '../support/saml/house.js';
import { logoutRequestXml } from '../support/saml/messages.js';
import { redirected } from '../support/saml/sign.js';
import { startServer, type TestServer } from '../support/server.js';

describe('from the application to a SAML identity provider and back', () => {
  let server: TestServer;
  let client: Party;
  let party: SamlParty;
  let browser: Browser;
  let subject: string;
  const bye = 'https://rp.example/bye';

  beforeAll(async () => {
    server = await startServer();
    client = await makeClient(server, { consent_policy: 'implicit', post_logout_redirect_uris: [bye] });
    party = await SamlParty.open(server, { idp_initiated: true });
    await server.inside(async ({ connections }) => {
      const now = await connections.find(null, party.connection.id);
      await connections.update(null, now, { settings: { trust: { email: 'always' } } });
    });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    party = await party.again();
    browser = new Browser();
    subject = `s-${Math.random().toString(36).slice(2)}`;
  });

  /** From the page that leads there, through the identity provider, as the browser goes. */
  async function through(page: Page): Promise<Page> {
    const sent = await browser.request(String(leadsTo(page)));
    const query = new URL(String(sent.headers.get('location'))).searchParams;
    const xml = inflateRawSync(Buffer.from(query.get('SAMLRequest') ?? '', 'base64')).toString();
    const response = party.response(/\bID="([^"]+)"/.exec(xml)?.[1] ?? '', {
      assertion: { name_id: subject, attributes: { email: [`${subject}@acme.example`], givenName: ['Alice'] } },
    });
    const answer = await party.post(response, query.get('RelayState') ?? '');
    expect(answer.status).toBe(303);
    return browser.open(String(answer.location));
  }

  async function signIn() {
    const proof = pkce();
    const more = { connection: party.connection.key, scope: 'openid email profile' };
    const back = await through(await browser.open(authorizationUrl(server, client, proof, more)));
    return (await redeem(server, client, codeOf(back), proof)).body;
  }

  /** The identity provider says so. */
  const end = () => {
    const { idp, addresses } = party;
    const between = { idp: idp.entityId, sp: addresses.entity_id, acs: addresses.single_logout_service };
    const request = logoutRequestXml({ ...between, request_id: null, now: new Date() }, { name_id: subject });
    const query = redirected('SAMLRequest', request, { key: idp.key });
    return browser.request(`${addresses.single_logout_service}?${query}`);
  };

  it('the application receives who it is; the identity provider ends it, and nothing of it goes on', async () => {
    const tokens = await signIn();
    expect(decodeJwt(String(tokens.id_token))).toMatchObject({ amr: ['fed'], sub: expect.any(String) });
    expect(await party.refusals()).toEqual([]);
    expect(await isSignedIn(server, client, browser)).toBe(true);

    const ended = await end();
    expect(ended.status).toBe(303);
    expect(await isSignedIn(server, client, browser)).toBe(false);
  });

  it('who signs out here is sent to sign out there, too', async () => {
    await signIn();
    const to = new URLSearchParams({ client_id: client.clientId, post_logout_redirect_uri: bye });
    const page = await browser.submit(await browser.open(`${server.issuer}/logout?${to}`), { logout: 'yes' });
    expect(page.headers.get('refresh')).toContain(`${party.idp.locations.slo}?SAMLRequest=`);
    expect(await isSignedIn(server, client, browser)).toBe(false);
  });

  it('where the identity provider begins, whoever goes on is sent to it with a request of ours', async () => {
    const arrival = await browser.open(party.addresses.assertion_consumer_service, {
      method: 'POST',
      body: new URLSearchParams({ SAMLResponse: party.response(null, { assertion: { name_id: subject } }) }),
      headers: { origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
    });
    const page = await browser.submit(arrival, {});
    expect(leadsTo(page)).toContain(`/saml/${party.connection.id}/login?handle=`);
    const end = await through(page);
    expect(end).toMatchObject({ status: 200, url: `${server.issuer}/account` });
    expect(end.html).toContain(`${subject}@acme.example`);
  });

  it('and whoever is signed in already stays who they are, until they have signed in there', async () => {
    await signIn();
    const before = subject;
    subject = `other-${before}`;
    const arrival = await browser.open(party.addresses.assertion_consumer_service, {
      method: 'POST',
      body: new URLSearchParams({ SAMLResponse: party.response(null, { assertion: { name_id: subject } }) }),
      headers: { origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
    });
    expect(arrival.status).toBe(200);
    expect((await browser.open(`${server.issuer}/account`)).html).toContain(`${before}@acme.example`);
  });

  it('a sign-in that was refused leaves nobody signed in', async () => {
    const page = await browser.open(authorizationUrl(server, client, pkce(), { connection: party.connection.key }));
    const sent = await browser.request(String(leadsTo(page)));
    const { searchParams } = new URL(String(sent.headers.get('location')));
    const answer = await party.post(party.response('_other'), searchParams.get('RelayState') ?? '');
    expect(answer).toMatchObject({ status: 400, location: null });
    expect(await isSignedIn(server, client, browser)).toBe(false);
    expect(await party.refusals()).toHaveLength(1);
  });

  it('what it stands on is remembered where somebody is asked for consent, too', async () => {
    const asking = await makeClient(server, { consent_policy: 'explicit' });
    const more = { connection: party.connection.key, prompt: 'consent' };
    const page = await through(await browser.open(authorizationUrl(server, asking, pkce(), more)));
    expect(page.url).toContain('/interaction/');
    await browser.submit(page, { decision: 'allow' });
    expect(await isSignedIn(server, client, browser)).toBe(true);
    await end();
    expect(await isSignedIn(server, client, browser)).toBe(false);
  });
});
