import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import { comeBack, identityOf, makeConnection, proveDomain, type TestConnection } from '../support/federated.js';
import { baseOf, csrfOf, giveNameAndPassword, nameOf, send } from '../support/journey.js';
import { makeOrganization, type TestOrganization } from '../support/organizations.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { totpCode } from '../support/totp.js';

const trusted = {
  trust: { email: 'claim', mfa: true },
  oidc: { issuer: 'https://idp.example', client_id: 'ostiary', mfa: { acr: [], amr: ['mfa'] } },
};
const phr = JSON.stringify({ id_token: { acr: { essential: true, values: ['urn:ostiary:acr:phr'] } } });

describe('an identity provider that does not speak for the account, and is trusted with second factors', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let person: { id: string; email: string };
  let secret: string;
  let organization: TestOrganization;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit', scope: 'openid organization' });
    await setPolicy(server, {
      first_factors: ['password', 'passkey'],
      multi_factor: 'optional',
      second_factors: ['totp', 'passkey'],
    });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    person = await makePerson(server);
    secret = await authenticatorOf(person);
    organization = await makeOrganization(server, { policy: { ways_in: ['password'] }, members: [person] });
    const connection = await makeConnection(server, { organization, discovery: 'off', ...trusted });
    await comeIn(connection);
  });

  const authenticatorOf = ({ id }: { id: string }) =>
    server.inside(async ({ totp, users, clock }) => {
      const user = await users.find(id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await totpCode(offer.secret, clock.now()));
      return offer.secret;
    });
  const begin = (more: Record<string, string> = {}) =>
    browser.open(authorizationUrl(server, party, pkce(), { scope: 'openid', ...more }));
  /** A session with two factors, as its identity provider says. */
  async function comeIn(connection: TestConnection): Promise<void> {
    const subject = `s-${connection.key}`;
    await server.inside(({ identities }) => identities.link({ id: person.id }, connection.id, subject));
    const said = identityOf({ subject, email: person.email, amr: ['mfa'] });
    const end = await comeBack(server, browser, await begin({ connection: connection.key }), said);
    expect(end.url).toContain('code=');
  }
  const forOrganization = (more: Record<string, string> = {}) =>
    begin({ scope: 'openid organization', organization: organization.slug, ...more });
  const byPassword = async (page: Page) =>
    browser.submit(await browser.submit(page, { username: person.email }), { password, can_passkey: 'yes' });
  const factors = () => server.inside(({ secondFactors }) => secondFactors.of(person.id));
  const asksForCode = ({ html }: Page) => html.includes('id="mfa-submit"');
  const later = () => totpCode(secret, new Date(Date.now() + 30_000));

  it('adds no passkey beside their authenticator: it is neither offered nor taken', async () => {
    const page = await browser.submit(await forOrganization(), { username: person.email });
    const csrf = csrfOf(page);
    await send(browser, `${baseOf(page)}/login`, { csrf, username: person.email, password, can_passkey: 'yes' });
    const sent = await send(browser, `${baseOf(page)}/add_passkey`, { csrf, passkey: '{}' });
    expect(sent.status).toBe(303);
    expect((await browser.open(baseOf(page))).url).toContain('code=');
    expect((await factors()).passkeys).toEqual([]);
  });

  it('sets none up where the application asks for one: the authenticator comes first', async () => {
    const proved = await byPassword(await forOrganization({ claims: phr }));
    expect([asksForCode(proved), nameOf(proved)]).toEqual([true, 'other']);
    await send(browser, `${baseOf(proved)}/enrolment`, { csrf: csrfOf(proved), passkey: '{}' });
    expect((await factors()).passkeys).toEqual([]);
    expect(nameOf(await browser.submit(proved, { code: await later() }))).toBe('enrolment');
  });

  it('changes no password that somebody else may know: the authenticator comes first', async () => {
    await server.inside(({ db }) =>
      db.manager.query('UPDATE password_credentials SET must_change = true WHERE user_id = $1', [person.id]),
    );
    const proved = await byPassword(await forOrganization());
    expect(asksForCode(proved)).toBe(true);
    const early = await send(browser, `${baseOf(proved)}/change_password`, {
      csrf: csrfOf(proved),
      password: 'another correct horse battery',
    });
    expect(early.status).toBe(303);
    expect(asksForCode(await browser.open(baseOf(proved)))).toBe(true);
    expect(nameOf(await browser.submit(proved, { code: await later() }))).toBe('change_password');
  });

  it('is no second factor in the account: the authenticator is asked for, and nobody goes round in circles', async () => {
    expect((await byPassword(await forOrganization())).url).toContain('code=');
    const page = await browser.open(`${server.issuer}/account/security/password`);
    const proved = await giveNameAndPassword(browser, page, person.email);
    expect(asksForCode(proved)).toBe(true);
    const end = await browser.submit(proved, { code: await later() });
    expect([end.status, end.url]).toEqual([200, `${server.issuer}/account/security/password`]);
  });

  it('is a second factor where its organization has proved the domain of the address', async () => {
    const house = await makeOrganization(server, { policy: { ways_in: ['password'] } });
    const domain = await proveDomain(server, house);
    person = await makePerson(server, `maria@${domain}`);
    secret = await authenticatorOf(person);
    await server.inside(({ memberships }) =>
      memberships.add(house, { user_id: person.id } as never, { kind: 'added' }),
    );
    organization = house;
    browser = new Browser();
    await comeIn(await makeConnection(server, { organization: house, discovery: 'off', ...trusted }));
    expect((await byPassword(await forOrganization())).html).toContain('/add_passkey"');
  });
});
