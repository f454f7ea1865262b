// A business and its people in a real browser: invited by mail, registered and joined, given another role, suspended, and what becomes of their tokens.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as client from 'openid-client';
import type { Browser, Page } from 'playwright-core';
import { giveName, givePassword, launchChromium, openContext } from '../support/chromium.js';
import { letterTo, linkIn } from '../support/mailbox.js';
import { organizationOf } from '../support/organization-house.js';
import { makeClient, makePerson, password } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { type Outcome, RelyingParty } from '../support/relying-party.js';
import { startServer, type TestServer } from '../support/server.js';

const invited = 'nora@globex.example';

describe('a business and its people', () => {
  let browser: Browser;
  let server: TestServer;
  let party: RelyingParty;

  beforeAll(async () => {
    browser = await launchChromium();
    server = await startServer();
    party = await RelyingParty.start();
    const scope = 'openid profile email organization';
    const { clientId, clientSecret } = await makeClient(server, {
      ...party.metadata({ scope }),
      consent_policy: 'implicit',
    });
    await party.learn(server.issuer, clientId, clientSecret);
    await setPolicy(server, { registration: 'open' });
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await party?.close();
    await server?.close();
  });

  /** A sign-in of the application for one organization, or for none. */
  async function tokensFor(page: Page, organization?: string): Promise<Outcome> {
    const more: Record<string, string> = organization
      ? { organization, scope: 'openid profile email organization' }
      : {};
    await page.goto((await party.authorizationUrl(more)).href);
    await page.waitForURL(`${party.redirectUri}?**`);
    return party.outcomes.at(-1) as Outcome;
  }
  const active = async ({ tokens }: Outcome) =>
    (await client.tokenIntrospection(party.configuration, tokens.access_token)).active;
  const said = ({ tokens }: Outcome) => tokens.claims() as Record<string, unknown>;

  it('are invited by mail, join with the account that they make, and lose what they had there when they are suspended', async () => {
    const boss = await makePerson(server);
    const globex = await organizationOf(server, { [boss.id]: 'owner' });
    const other = await organizationOf(server);
    const [owner, nora] = [
      await openContext(browser, [server.issuer]),
      await openContext(browser, [server.issuer, party.origin]),
    ];
    const at = `${server.issuer}/account/organizations/${globex.slug}`;

    // The owner asks somebody in who has no account.
    await owner.page.goto(`${at}/invitations`);
    await giveName(owner.page, boss.email);
    await givePassword(owner.page, password);
    await owner.page.fill('#invite-emails', invited);
    await owner.page.click('#invite-submit');
    await owner.page.waitForURL(`${at}/invitations?done=invitations_sent`);
    expect(await owner.page.textContent('#invitations')).toContain(invited);

    // They accept, make an account, prove the address, and are in.
    await nora.page.goto(linkIn(await letterTo(server, invited, /invit/i)));
    await nora.page.click('#invitation-accept');
    await nora.page.fill('input[name=name]', 'Nora New');
    await nora.page.fill('input[name=password]', password);
    await nora.page.click('#register-submit');
    await nora.page.waitForSelector('#registered-next');
    await nora.page.goto(linkIn(await letterTo(server, invited, /verify-email/)));
    await nora.page.click('#verify-submit');
    await nora.page.waitForSelector('#invitation-go');
    await nora.page.goto(`${server.issuer}/account/organizations`);
    expect(await nora.page.textContent('#organizations')).toContain(globex.name);

    // The application learns who they are there.
    const first = await tokensFor(nora.page, globex.slug);
    expect(said(first)).toMatchObject({ org_id: globex.id, org_slug: globex.slug, roles: ['member'] });

    // The owner makes them an administrator.
    await owner.page.goto(`${at}/members?q=nora`);
    await owner.page.click('#members a');
    await owner.page.selectOption('#member-role', 'admin');
    await owner.page.click('#member-save');
    await owner.page.waitForURL('**?done=member_changed');
    const second = await tokensFor(nora.page, globex.slug);
    expect(said(second).roles).toEqual(['admin']);

    // Suspended, they have nothing here any more, and all that they have elsewhere.
    const user = String(said(second).sub);
    await server.inside(({ memberships }) => memberships.add(other, { user_id: user }, { kind: 'added' }));
    const [elsewhere, none] = [await tokensFor(nora.page, other.slug), await tokensFor(nora.page)];
    expect([said(elsewhere).org_id, said(none).org_id]).toEqual([other.id, undefined]);
    await owner.page.fill('#member-reason', 'Left the company');
    await owner.page.click('#member-suspend');
    await owner.page.waitForURL('**?done=member_suspended');
    await sleep(1000);
    const all = await Promise.all([first, second, elsewhere, none].map(active));
    expect(all).toEqual([false, false, true, true]);
    await nora.page.goto(at);
    expect(await nora.page.textContent('h1')).toBe('There is no page here');
    await nora.page.goto(
      (await party.authorizationUrl({ organization: globex.slug, scope: 'openid organization' })).href,
    );
    expect(new URL(nora.page.url()).origin).toBe(server.issuer);
    expect(owner.complaints).toEqual([]);
  }, 120_000);
});
