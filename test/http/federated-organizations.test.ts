import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { wordsOf } from '../support/account.js';
import { Browser, type Page } from '../support/browser.js';
import {
  asked,
  comeBack,
  disable,
  identityOf,
  leadsTo,
  makeConnection,
  proveDomain,
  type TestConnection,
} from '../support/federated.js';
import { nameOf } from '../support/journey.js';
import { makeOrganization, type TestOrganization } from '../support/organizations.js';
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
import { startServer, type TestServer } from '../support/server.js';

describe('what an identity provider of an organization proves', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit', scope: 'openid organization' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    person = await makePerson(server);
  });

  /** An organization with a connection by which the person is known. */
  async function house(policy: object = {}, more: object = {}) {
    const organization = await makeOrganization(server, { policy, members: [person] });
    const connection = await makeConnection(server, { organization, discovery: 'off', ...more });
    const subject = `s-${organization.slug}`;
    await server.inside(({ identities }) => identities.link({ id: person.id }, connection.id, subject));
    return { organization, connection, said: identityOf({ subject, email: person.email }) };
  }
  const url = (organization: TestOrganization | undefined, more: Record<string, string> = {}, proof = pkce()) =>
    authorizationUrl(server, party, proof, {
      scope: organization ? 'openid organization' : 'openid',
      ...(organization ? { organization: organization.slug } : {}),
      ...more,
    });
  const enter = async ({ connection, said }: { connection: TestConnection; said: ReturnType<typeof identityOf> }) =>
    comeBack(server, browser, await browser.open(url(undefined, { connection: connection.key })), said);
  const isIn = (page: Page) => page.url.includes('code=');

  it('opens that organization, and says so', async () => {
    const acme = await house();
    await enter(acme);
    const proof = pkce();
    const page = await browser.open(url(acme.organization, {}, proof));
    const { body } = await redeem(server, party, codeOf(page), proof);
    expect(decodeJwt(String(body.id_token))).toMatchObject({ org_id: acme.organization.id, amr: ['fed'] });
  });

  it('opens no other: its members prove something there', async () => {
    const [acme, other] = [await house(), await house()];
    await enter(acme);
    const page = await browser.open(url(other.organization));
    expect([isIn(page), nameOf(page)]).toEqual([false, 'identifier']);
    const silent = await browser.open(url(other.organization, { prompt: 'none' }));
    expect(silent.url).toContain('error=login_required');
  });

  it('opens no other that asks for nothing at all, whatever it asked for itself', async () => {
    const acme = await house({}, { trust: { email: 'claim', mfa: true } });
    const other = await makeOrganization(server, { members: [person] });
    acme.said.amr = ['mfa'];
    await enter(acme);
    expect(isIn(await browser.open(url(other)))).toBe(false);
  });

  it('is what its members are sent to, where it takes nothing else', async () => {
    const acme = await house({ ways_in: ['connection'] });
    const first = await browser.open(url(undefined));
    await browser.submit(await browser.submit(first, { username: person.email }), { password });
    const away = await browser.open(url(acme.organization));
    expect(leadsTo(away)).toContain(acme.connection.id);
    const end = await comeBack(server, browser, away, acme.said);
    expect(isIn(end)).toBe(true);
    expect(isIn(await browser.open(url(acme.organization, { prompt: 'none' })))).toBe(true);
  });

  it('is refused there where it was disabled: nobody is sent round in circles', async () => {
    const acme = await house({ ways_in: ['connection'] });
    const first = await browser.open(url(undefined));
    await browser.submit(await browser.submit(first, { username: person.email }), { password });
    await disable(server, acme.connection);
    const page = await browser.open(url(acme.organization));
    expect(page.html).toContain('id="organization-back"');
  });

  it('is too old there after as long as the organization says, and is asked anew', async () => {
    const acme = await house({ ways_in: ['connection'], session_seconds: 300 });
    acme.said.authenticated_at = Math.floor(Date.now() / 1000) - 1000;
    await enter(acme);
    const away = await browser.open(url(acme.organization));
    expect(leadsTo(away)).toContain(acme.connection.id);
    const back = await comeBack(server, browser, away, acme.said);
    expect([isIn(back), leadsTo(back)]).toEqual([false, undefined]);
    const again = await browser.submit(
      back,
      {},
      back.html.includes(`federation-${acme.connection.key}`) ? formOf(back, acme.connection) : 0,
    );
    expect(await asked(server, leadsTo(again) ?? '')).toMatchObject({ prompt: 'login' });
    const end = await comeBack(
      server,
      browser,
      await browser.open(again.url),
      identityOf({ subject: acme.said.subject, email: person.email }),
    );
    expect(isIn(end)).toBe(true);
  });

  const formOf = ({ html }: Page, { key }: TestConnection): number =>
    [...html.matchAll(/<form[\s\S]*?<\/form>/g)].findIndex(([form]) => form.includes(`federation-${key}`));

  describe('in the account itself', () => {
    const toTotp = () => browser.open(`${server.issuer}/account/security/totp/setup`);

    it('is no proof for an account of another domain: something of their own is asked for', async () => {
      const acme = await house();
      await enter(acme);
      const page = await toTotp();
      expect(page.html).not.toContain('name="offer"');
      expect(nameOf(page)).toBe('identifier');
      const end = await browser.submit(await browser.submit(page, { username: person.email }), { password });
      expect(end.html).toContain('name="offer"');
    });

    it('is not enough either where it is asked anew: the page says so', async () => {
      const acme = await house({}, { discovery: 'offered' });
      const domain = await proveDomain(server, acme.organization);
      await enter(acme);
      const away = await browser.submit(await toTotp(), { username: `anybody@${domain}` });
      const back = await comeBack(server, browser, away, acme.said);
      expect(wordsOf(back)).toContain('does not speak for this account');
      const end = await browser.submit(await browser.submit(back, { username: person.email }), { password });
      expect(end.html).toContain('name="offer"');
    });

    it('is a proof where the organization has proved the domain of the address', async () => {
      const organization = await makeOrganization(server);
      const domain = await proveDomain(server, organization);
      const connection = await makeConnection(server, { organization });
      const said = identityOf({ email: `new@${domain}`, authenticated_at: Math.floor(Date.now() / 1000) });
      await comeBack(server, browser, await browser.open(url(undefined, { connection: connection.key })), said);
      expect((await toTotp()).html).toContain('name="offer"');
    });
  });
});
