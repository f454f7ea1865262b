// examples/identity-provider as its readers run it, and the server that it is connected to over the management API, as the README says.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import { ExampleCompany } from '../support/example-company.js';
import { runExample } from '../support/examples.js';
import { leadsTo } from '../support/federated.js';
import { authorizationUrl, codeOf, pkce } from '../support/party.js';

describe('the example of an identity provider', () => {
  let company: ExampleCompany;
  let saml: string;
  let oidc: string;

  beforeAll(async () => {
    company = await ExampleCompany.open((environment) => runExample('identity-provider', environment));
    saml = await company.connect('saml');
    oidc = await company.connect('oidc');
  }, 180_000);
  afterAll(() => company?.close());

  const person = async (email: string) => {
    const { body } = await company.api('get', `/users?email=${encodeURIComponent(email)}`);
    return (body.items as Record<string, unknown>[])[0];
  };
  const isAsked = (page: Page) => page.html.includes('Who are you?');
  /** From the application to the first page over there. */
  const arrive = async (browser: Browser, more: Record<string, string>) => {
    const url = authorizationUrl(company.server, company.party, pkce(), more);
    const there = await browser.open(String(leadsTo(await browser.open(url))));
    const page = await browser.open(there.url);
    return page.html === '' ? browser.open(page.url) : page;
  };

  it.each([
    ['SAML 2.0', 'company', 'maria@company.example'],
    ['OpenID Connect', 'company-oidc', 'noah@company.example'],
  ])('signs somebody in by %s who was not known before', async (_name, connection, email) => {
    const page = await company.signIn(connection, { email });
    expect(codeOf(page)).toBeTruthy();
    expect(await person(email)).toMatchObject({ email, email_verified: true });
  });

  it('the address alone leads there, as the server knows its domain', async () => {
    const url = authorizationUrl(company.server, company.party, pkce(), { login_hint: 'new@company.example' });
    const browser = new Browser();
    const page = await company.goOn(browser, await browser.open(url), { email: 'new@company.example' });
    expect(codeOf(page)).toBeTruthy();
  });

  it('the assertion is encrypted where the server has a key, and signed without and within', async () => {
    const browser = new Browser();
    const page = await browser.submit(await arrive(browser, { connection: 'company' }), {
      person: 'maria@company.example',
    });
    const xml = Buffer.from(String(/name="SAMLResponse" value="([^"]+)"/.exec(page.html)?.[1]), 'base64').toString();
    expect(xml).toContain('EncryptedAssertion');
    expect(xml).toContain('xmlenc11#aes256-gcm');
    expect(xml).not.toContain('maria');
    expect(codeOf(await company.goOn(browser, page))).toBeTruthy();
  });

  it.each(['company', 'company-oidc'])(
    '%s: whoever is signed in there is not asked again, unless the application says prompt=login',
    async (connection) => {
      const browser = new Browser();
      await company.signIn(connection, { browser });
      for (const name of [...browser.cookies.keys()]) if (!name.startsWith('idp_')) browser.cookies.delete(name);
      expect(isAsked(await arrive(browser, { connection }))).toBe(false);
      expect(isAsked(await arrive(browser, { connection, prompt: 'login' }))).toBe(true);
    },
  );

  it('sends nobody to a service provider that is not the server', async () => {
    const browser = new Browser();
    const xml = `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0" IssueInstant="${new Date().toISOString()}"><saml:Issuer>https://evil.example/metadata</saml:Issuer></samlp:AuthnRequest>`;
    const body = new URLSearchParams({ SAMLRequest: Buffer.from(xml).toString('base64') });
    expect((await browser.open(`${company.origin}/saml/sso`, { method: 'POST', body })).status).toBe(400);
    const unsigned = xml.replace('https://evil.example/metadata', `${company.server.issuer}/saml/${saml}/metadata`);
    const forged = new URLSearchParams({ SAMLRequest: Buffer.from(unsigned).toString('base64') });
    expect((await browser.open(`${company.origin}/saml/sso`, { method: 'POST', body: forged })).status).toBe(400);
  });

  it('signing out over there ends the session here (SAML Profiles §4.4)', async () => {
    const browser = new Browser();
    const url = () => authorizationUrl(company.server, company.party, pkce(), { prompt: 'none' });
    await company.signIn('company', { browser, email: 'leyla@company.example' });
    expect((await browser.open(url())).url).toContain('code=');
    const home = await browser.open(`${company.origin}/`);
    expect(home.html).toContain('Signed in as Leyla Aziz');
    const page = await company.goOn(browser, await browser.submit(home, {}));
    expect(page.html).toContain('You are signed out');
    expect((await browser.open(url())).url).toContain('error=login_required');
  });

  it('signing out here ends the session over there', async () => {
    const browser = new Browser();
    await company.signIn('company', { browser, email: 'leyla@company.example' });
    const asked = await browser.open(`${company.server.issuer}/logout`);
    await company.goOn(browser, await browser.submit(asked, { logout: 'yes' }));
    expect((await browser.open(`${company.origin}/`)).html).toContain('Nobody is signed in');
  });

  it('begins a sign-in itself, which the server takes only where that is allowed (SAML Profiles §4.1.5)', async () => {
    const browser = new Browser();
    await company.signIn('company', { browser });
    const home = await browser.open(`${company.origin}/`);
    const start = new URL(String(/href="(\/saml\/start[^"]+)"/.exec(home.html)?.[1]), company.origin).href;
    const arrive = async () => company.goOn(browser, await browser.open(start));
    const allow = (idp_initiated: boolean) =>
      company.api('patch', `/connections/${saml}`, { settings: { saml: { idp_initiated } } });
    expect((await arrive()).status).toBe(400);
    await allow(true);
    expect(await arrive()).toMatchObject({ status: 200, url: expect.stringContaining(`/saml/${saml}/arrival`) });
    await allow(false);
  });

  it.each([
    ['audience', 'company', 'audience', ['https://other.example/saml'], undefined],
    ['key', 'company', 'response_signature_value', undefined, 'saml.idp.certificates'],
    ['clock', 'company', 'issue_instant', undefined, 'saml.clock_skew_seconds'],
    ['nonce', 'company-oidc', 'id_token_nonce', undefined, undefined],
  ])(
    '%s: the person sees one page, and the trace says which check it was',
    async (fault, connection, check, seen, setting) => {
      const page = await company.signIn(connection, { fault });
      expect(page.status).toBe(400);
      const trace = await company.trace(connection === 'company' ? saml : oidc);
      expect(page.html).toContain(trace.id);
      expect(page.html).not.toContain(check);
      const { checks } = trace.recording as { checks: Record<string, unknown>[] };
      const failed = checks.filter(({ passed }) => passed === false);
      expect(failed).toEqual([expect.objectContaining({ check, ...(seen && { seen }), ...(setting && { setting }) })]);
    },
  );
});

it('ends with 0 when somebody was sent back, and was told to do so once', async () => {
  const company = await ExampleCompany.open((environment) => runExample('identity-provider', environment, '--once'));
  try {
    await company.connect('saml');
    expect(codeOf(await company.signIn('company'))).toBeTruthy();
    expect(await company.example.ended()).toBe(0);
    expect(company.example.lines.join('\n')).not.toMatch(/maria|SAMLResponse|PRIVATE/);
  } finally {
    await company.close();
  }
}, 180_000);
