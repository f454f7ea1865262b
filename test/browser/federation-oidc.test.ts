// The people of a business come in by its own provider of OpenID Connect, in a real browser; and what happens on the way where an account is there
// already, or the connection is not any more.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { answered, givePassword, launchChromium, type Watched } from '../support/chromium.js';
import { type Business, FederatedHouse, optionsFor } from '../support/federated-house.js';
import { bringAxe, inspect } from '../support/inspector.js';
import { newName } from '../support/invitations.js';
import { makePerson, password } from '../support/party.js';
import type { TestServer } from '../support/server.js';
import { type Certificate, selfSigned } from '../support/tls.js';
import { UpstreamHouse } from '../support/upstream/house.js';

const folder = process.env.SCREENSHOTS;

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
])('by the OpenID provider of a business, on %s', (_, isSecure) => {
  let upstream: UpstreamHouse;
  let server: TestServer;
  let house: FederatedHouse;
  let acme: Business;
  let globex: Business;
  let plain: Connection;
  let form: Connection;

  beforeAll(async () => {
    const own = isSecure ? certificate : undefined;
    upstream = await UpstreamHouse.open(await optionsFor(own));
    server = upstream.server;
    house = await FederatedHouse.open(server, own);
    [acme, globex] = [await house.business(), await house.business()];
    plain = await connect(acme);
    form = await connect(globex, { response_mode: 'form_post' });
  }, 180_000);
  afterAll(async () => {
    await house?.close();
    await upstream?.close();
  });
  beforeEach(() => upstream.provider.behave());

  const ownerOf = (id: string | null): Promise<Organization> =>
    server.inside(({ organizations }) => organizations.find(String(id)));
  /** Of the organization, for everybody of its domain. */
  async function connect({ organization: { id } }: Business, oidc: Record<string, unknown> = {}): Promise<Connection> {
    const organization = await ownerOf(id);
    const connection = await upstream.connect(oidc, { organizationId: id });
    const groups = [{ group: 'admins', role: 'admin' as const }];
    return server.inside(({ connections }) =>
      connections.update(organization, connection, {
        settings: { discovery: 'required', provisioning: { role: 'member', groups } },
      }),
    );
  }

  /** Somebody new over there. */
  function hire({ domain }: Business = acme, more: object = {}): string {
    const name = newName();
    const email = `${name}@${domain}`;
    upstream.provider.person = { sub: `sub-${name}`, email, email_verified: true, name: 'Nora New', ...more };
    return email;
  }
  const visitor = (options = {}): Promise<Watched> => house.visitor(browser, upstream.provider.issuer, options);

  it('are sent there by the domain of their address, come back as members, and the application learns it', async () => {
    const nora = await visitor();
    const email = hire();
    await house.begin(nora, email);
    const claims = await house.arrived(nora);
    expect(claims).toMatchObject({ email, org_id: acme.organization.id, roles: ['member'], amr: ['fed'] });
    expect(await house.silently(nora)).toBe(`Hello ${email}`);
    expect(nora.complaints).toEqual([]);
    await nora.context.close();
  });

  it('come back by a form of another site, to which no cookie comes, with JavaScript off, too', async () => {
    const nora = await visitor({ javaScriptEnabled: false });
    const email = hire(globex, { groups: ['admins'] });
    await house.beginAt(nora, form);
    await nora.page.click('button:has-text("Go on")');
    expect(await house.arrived(nora)).toMatchObject({ email, org_id: globex.organization.id, roles: ['admin'] });
    expect(nora.posts).toContain(`/federation/${form.id}/callback`);
    expect(nora.complaints).toEqual([]);
    await nora.context.close();
  });

  it('a logout token from over there ends their session here, and the application is told', async () => {
    const nora = await visitor();
    await house.begin(nora, hire());
    const { sid, sub } = await house.arrived(nora);
    const answer = await house.fetch(`${server.issuer}/federation/${plain.id}/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: await upstream.provider.logoutToken() }),
    });
    expect(answer.status).toBe(200);
    expect(await house.told(sid)).toMatchObject({ sid, sub });
    expect(await house.silently(nora)).toBe('Not signed in: login_required');
    expect(nora.complaints).toEqual([]);
    await nora.context.close();
  });

  it('nobody is signed in by a connection that was disabled while they were over there', async () => {
    const nora = await visitor();
    hire(globex);
    await house.beginAt(nora, form);
    await nora.page.waitForSelector('button:has-text("Go on")');
    const owner = await ownerOf(form.organizationId);
    await server.inside(({ connections }) => connections.disable(owner, form));
    await nora.page.click('button:has-text("Go on")');
    await nora.page.waitForURL(`${server.issuer}/federation/**`);
    expect(await nora.page.textContent('h1')).toBe('Request could not be completed');
    expect(await nora.page.textContent('main')).not.toMatch(/disabled|upstream/i);
    expect(await house.silently(nora)).toBe('Not signed in: login_required');
    expect(nora.complaints).toEqual([answered(400)]);
    await nora.context.close();
  });

  it('an account that is there already is proved first, and then connected', async () => {
    const mail = await upstream.connect();
    await server.inside(({ connections }) => connections.update(null, mail, { settings: { button: true } }));
    const person = await makePerson(server);
    const nora = await visitor();
    await bringAxe(nora.context);
    const problems: string[] = [];
    const seen = async (name: string) => {
      problems.push(...(await inspect(nora.page, `federation.${name}`, undefined, folder)));
    };
    hire(acme, { email: person.email });
    await nora.page.goto((await house.party.authorizationUrl()).href);
    await nora.page.waitForSelector('input[name=username]');
    await seen('identifier');
    await nora.page.click(`form[action$="/federation/${mail.key}"] button`);
    await nora.page.waitForSelector('#linking');
    await seen('linking');
    if (await nora.page.isVisible('input[name=username]')) await nora.page.click('#login-submit');
    await givePassword(nora.page, password);
    await nora.page.waitForSelector('#link-submit');
    await seen('link');
    await nora.page.click('#link-submit');
    expect(await house.arrived(nora)).toMatchObject({ sub: person.id, email: person.email });
    // From then on they come in by it.
    await nora.context.clearCookies();
    await nora.page.goto((await house.party.authorizationUrl()).href);
    await nora.page.click(`form[action$="/federation/${mail.key}"] button`);
    expect(await house.arrived(nora)).toMatchObject({ sub: person.id, amr: ['fed'] });
    expect(problems).toEqual([]);
    expect(nora.complaints).toEqual([]);
    await nora.context.close();
  }, 120_000);
});
