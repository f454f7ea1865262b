import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import { Browser, type Page } from '../support/browser.js';
import { leadsTo } from '../support/federated.js';
import { nameOf, silently, titleOf } from '../support/journey.js';
import { makeOrganization, type TestOrganization } from '../support/organizations.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, redeem } from '../support/party.js';
import { UpstreamHouse } from '../support/upstream/house.js';

describe('a sign-in at a provider of OpenID, from the application and back', () => {
  let house: UpstreamHouse;
  let party: Party;
  let browser: Browser;
  let person: { id: string; email: string };

  beforeAll(async () => {
    house = await UpstreamHouse.open();
    party = await makeClient(house.server, { consent_policy: 'implicit', scope: 'openid organization' });
  }, 180_000);
  afterAll(() => house?.close());
  beforeEach(async () => {
    house.provider.behave();
    browser = new Browser();
    person = await makePerson(house.server);
    house.provider.person.sub = `sub-${person.id}`;
    house.provider.person.email = `new-${person.id}@upstream.example`;
  });

  const url = (more: Record<string, string>, proof = pkce()) =>
    authorizationUrl(house.server, party, proof, { scope: 'openid', ...more });
  /** Where the browser is sent with the answer. */
  async function answerTo(page: Page, who = browser): Promise<string> {
    const login = await who.request(leadsTo(page) ?? '');
    return (await house.provider.visit(login.headers.get('location') ?? '')).location;
  }
  const isSignedIn = async () =>
    (await silently(house.server, party, browser, { scope: 'openid' })).get('error') !== 'login_required';
  const around = async (page: Page) => browser.open(await answerTo(page));

  async function organization(
    policy: object = {},
  ): Promise<{ organization: TestOrganization; connection: Connection }> {
    const made = await makeOrganization(house.server, { policy, members: [person] });
    const connection = await house.connect({}, { organizationId: made.id });
    const { sub } = house.provider.person;
    await house.server.inside(({ identities }) => identities.link({ id: person.id }, connection.id, String(sub)));
    return { organization: made, connection };
  }

  it('signs in somebody new, and the token says how', async () => {
    const proof = pkce();
    const end = await around(await browser.open(url({ connection: house.connection.key }, proof)));
    const { body } = await redeem(house.server, party, codeOf(end), proof);
    expect(decodeJwt(String(body.id_token))).toMatchObject({ amr: ['fed'], acr: 'urn:ostiary:acr:1fa' });
  });

  it('asks the provider for what the application asks for, and believes nothing older', async () => {
    house.provider.manners.idToken = (claims) => {
      claims.auth_time = Math.floor(Date.now() / 1000) - 7200;
    };
    const page = await browser.open(url({ connection: house.connection.key, max_age: '600' }));
    const back = await around(page);
    expect([back.status, titleOf(back)]).toEqual([400, 'Request could not be completed']);
    expect(await isSignedIn()).toBe(false);
    house.provider.behave();
    const again = await browser.open(url({ connection: house.connection.key, max_age: '600', prompt: 'login' }));
    const request = new URL((await browser.request(leadsTo(again) ?? '')).headers.get('location') ?? '');
    expect(request.searchParams.get('max_age')).toBe('600');
    expect(request.searchParams.get('prompt')).toBe('login');
  });

  it('is nobody’s sign-in in another browser (login CSRF)', async () => {
    const attacker = new Browser();
    const page = await attacker.open(url({ connection: house.connection.key }));
    const answer = await answerTo(page, attacker);
    // The victim is in the middle of a sign-in of their own.
    await browser.open(url({}));
    const end = await browser.open(answer);
    expect(end.status).toBe(400);
    expect(await isSignedIn()).toBe(false);
  });

  it('by the provider of one organization opens that one, and never another', async () => {
    const [acme, other] = [await organization(), await organization()];
    await around(await browser.open(url({ connection: acme.connection.key })));
    const scope = 'openid organization';
    const proof = pkce();
    const own = await browser.open(url({ scope, organization: acme.organization.slug }, proof));
    const { body } = await redeem(house.server, party, codeOf(own), proof);
    expect(decodeJwt(String(body.id_token))).toMatchObject({ org_id: acme.organization.id });
    const page = await browser.open(url({ scope, organization: other.organization.slug }));
    expect(nameOf(page)).toBe('identifier');
    const silent = await browser.open(url({ scope, organization: other.organization.slug, prompt: 'none' }));
    expect(silent.url).toContain('error=login_required');
    // Its own provider opens it, in the same session.
    const away = await browser.open(
      url({ scope, organization: other.organization.slug, connection: other.connection.key }),
    );
    expect((await around(away)).url).toContain('code=');
  });

  it('ends with the session over there', async () => {
    await around(await browser.open(url({ connection: house.connection.key })));
    expect(await isSignedIn()).toBe(true);
    const told = await fetch(`${house.server.issuer}/federation/${house.connection.id}/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: await house.provider.logoutToken() }),
    });
    expect(told.status).toBe(200);
    expect(await isSignedIn()).toBe(false);
  });
});
