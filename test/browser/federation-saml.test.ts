// The people of a business come in by its own directory (SAML 2.0), in a real browser: an identity provider on another site, whose answers are posted
// across sites, where no SameSite cookie comes along.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import { answered, launchChromium, type Watched } from '../support/chromium.js';
import { type Business, FederatedHouse, optionsFor } from '../support/federated-house.js';
import { newName } from '../support/invitations.js';
import { SamlParty } from '../support/saml/house.js';
import { SamlWebsite } from '../support/saml/website.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Certificate, selfSigned } from '../support/tls.js';

let browser: Browser;
let certificate: Certificate;
beforeAll(async () => {
  certificate = selfSigned();
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  certificate?.remove();
});

describe.each([
  ['http', false],
  ['https', true],
])('by the SAML directory of a business, on %s', (_, isSecure) => {
  let server: TestServer;
  let house: FederatedHouse;
  let website: SamlWebsite;
  let acme: Business;
  let connection: Connection;

  beforeAll(async () => {
    const own = isSecure ? certificate : undefined;
    server = await startServer(await optionsFor(own));
    house = await FederatedHouse.open(server, own);
    website = await SamlWebsite.start(own);
    acme = await house.business();
    ({ connection } = await connect({ idp_initiated: true }));
  }, 180_000);
  afterAll(async () => {
    await website?.close();
    await house?.close();
    await server?.close();
  });

  /** Of the organization, for everybody of its domain. */
  async function connect(saml: Record<string, unknown>): Promise<SamlParty> {
    const organization = await server.inside(({ organizations }) => organizations.find(acme.organization.id));
    const party = await SamlParty.open(server, saml, { organization, idp: website.idp });
    await server.inside(({ connections }) =>
      connections.update(organization, party.connection, {
        settings: {
          discovery: 'required',
          provisioning: { role: 'member', groups: [{ group: 'Ostiary Admins', role: 'admin' }] },
        },
      }),
    );
    website.sp = party.addresses;
    return party;
  }

  /** Somebody new over there. */
  function hire(groups: string[] = []): string {
    const name = newName();
    const email = `${name}@${acme.domain}`;
    website.person = {
      name_id: `nid-${name}`,
      session_index: `_s-${name}`,
      attributes: { email: [email], displayName: ['Nora New'], groups },
    };
    return email;
  }
  const visitor = (options = {}): Promise<Watched> => house.visitor(browser, website.origin, options);

  async function enter(person: Watched, groups: string[] = []): Promise<Record<string, unknown>> {
    await house.begin(person, hire(groups));
    return house.arrived(person);
  }

  it('are sent there by the domain of their address, come back as members, and the application learns it', async () => {
    const nora = await visitor();
    const email = hire();
    await house.begin(nora, email);
    const claims = await house.arrived(nora);
    expect(claims).toMatchObject({ email, org_id: acme.organization.id, roles: ['member'], amr: ['fed'] });
    expect(nora.posts).toContain(`/saml/${connection.id}/acs`);
    const cookies = await nora.context.cookies(server.issuer);
    expect(cookies.length).toBeGreaterThan(0);
    expect(cookies.every(({ name, secure }) => secure === isSecure && name.startsWith('__') === isSecure)).toBe(true);
    expect(await house.silently(nora)).toBe(`Hello ${email}`);
    expect(nora.complaints).toEqual([]);
    await nora.context.close();
  });

  it('are what their groups over there make them, with JavaScript off, too', async () => {
    const nora = await visitor({ javaScriptEnabled: false });
    await house.begin(nora, hire(['Ostiary Admins']));
    await nora.page.click('#idp-next');
    expect(await house.arrived(nora)).toMatchObject({ org_id: acme.organization.id, roles: ['admin'] });
    expect(nora.complaints).toEqual([]);
    await nora.context.close();
  });

  it.each(['redirect', 'post'] as const)(
    'a sign-out over there (%s) ends their session here, and the application is told',
    async (binding) => {
      website.logoutBinding = binding;
      const nora = await visitor();
      const { sid, sub } = await enter(nora);
      await nora.page.goto(`${website.origin}/sign-out`);
      await nora.page.waitForSelector('h1:has-text("Signed out everywhere")');
      expect(await house.told(sid)).toMatchObject({ sid, sub });
      expect(await house.silently(nora)).toBe('Not signed in: login_required');
      expect(nora.complaints).toEqual([]);
      await nora.context.close();
    },
  );

  it.each(['redirect', 'post'] as const)(
    'a sign-out here is told over there, whose answer (%s) leads on to the application',
    async (binding) => {
      website.logoutBinding = binding;
      const nora = await visitor();
      await enter(nora);
      await house.signOut(nora, { isAsked: binding === 'post' });
      expect(website.received.at(-1)).toContain('<samlp:LogoutRequest');
      expect(await house.silently(nora)).toBe('Not signed in: login_required');
      expect(nora.complaints).toEqual([]);
      await nora.context.close();
    },
  );

  it('begin over there, are asked whether they want it, and go there once more before they are signed in', async () => {
    const nora = await visitor();
    const email = hire();
    await nora.page.goto(`${website.origin}/start`);
    await nora.page.waitForSelector('#arrival-submit');
    expect(await house.silently(nora)).toBe('Not signed in: login_required');
    await nora.page.goto(`${website.origin}/start`);
    await nora.page.click('#arrival-submit');
    await nora.page.waitForURL(`${server.issuer}/account**`);
    expect(await nora.page.textContent('body')).toContain(email);
    expect(nora.complaints).toEqual([]);
    await nora.context.close();
  });

  it('what is not believed is a page that says no more than where an administrator finds it, and nobody is signed in', async () => {
    const nora = await visitor();
    const email = hire();
    website.person.audiences = [['https://somebody-else.example']];
    await house.begin(nora, email);
    await nora.page.waitForURL(`${server.issuer}/saml/**`);
    expect(await nora.page.textContent('h1')).toBe('Request could not be completed');
    const [event] = await server.services.db.manager.query(
      `SELECT data FROM audit_events WHERE name = 'federation.refused' ORDER BY id DESC LIMIT 1`,
    );
    expect(event.data).toMatchObject({ reason: 'audience', connection_id: connection.id });
    const shown = String(await nora.page.textContent('main'));
    expect(shown).toContain(event.data.trace_id);
    expect(shown).not.toMatch(/audience|saml|acme/i);
    expect(await house.silently(nora)).toBe('Not signed in: login_required');
    expect(nora.complaints).toEqual([answered(400)]);
    await nora.context.close();
  });
});
