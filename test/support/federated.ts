// Connections, and identity providers that say what a test wants: the doors of the protocols are left out, what they do of a sign-in is not.
import { randomBytes } from 'node:crypto';
import type { Check } from '../../src/features/connections/check.js';
import { Connection } from '../../src/features/connections/connection.entity.js';
import { CONNECTIONS_TOPIC } from '../../src/features/connections/home-realm.js';
import type { UpstreamIdentity } from '../../src/features/connections/upstream-identity.js';
import { OrganizationDomain } from '../../src/features/domains/domain.entity.js';
import { epochSeconds } from '../../src/platform/clock.js';
import { currentTenantId } from '../../src/platform/context.js';
import { newId } from '../../src/platform/crypto.js';
import type { Browser, Page } from './browser.js';
import { csrfOf, send } from './journey.js';
import type { TestOrganization } from './organizations.js';
import type { TestServer } from './server.js';

export interface TestConnection {
  id: string;
  key: string;
  name: string;
}

const protocols = {
  saml: {},
  oidc: { oidc: { issuer: 'https://idp.example', client_id: 'ostiary' } },
  oauth2: {
    oauth2: {
      authorization_endpoint: 'https://as.example/authorize',
      token_endpoint: 'https://as.example/token',
      userinfo_endpoint: 'https://as.example/user',
      client_id: 'ostiary',
      subject: 'id',
      token_endpoint_auth_method: 'none',
    },
  },
};

export const makeConnection = (
  server: TestServer,
  {
    organization,
    enabled = true,
    name = 'Acme Directory',
    kind = 'oidc',
    ...settings
  }: {
    organization?: TestOrganization;
    enabled?: boolean;
    name?: string;
    kind?: Connection['kind'];
    [setting: string]: unknown;
  } = {},
): Promise<TestConnection> =>
  server.inside(async ({ db, caching }) => {
    const now = new Date();
    const made = Object.assign(new Connection(), {
      id: newId(),
      organizationId: organization?.id ?? null,
      key: `c-${randomBytes(5).toString('hex')}`,
      kind,
      displayName: name,
      storedSettings: { ...protocols[kind], ...settings },
      enabledAt: enabled ? now : null,
      createdAt: now,
      updatedAt: now,
    });
    await db.repo(Connection).insert(made);
    await caching.publish(CONNECTIONS_TOPIC, currentTenantId());
    return { id: made.id, key: made.key, name };
  });

export const disable = (server: TestServer, { id }: TestConnection): Promise<unknown> =>
  server.inside(({ db }) => db.repo(Connection).update({ id }, { enabledAt: null }));

/** A domain that nobody else has, proved by the organization. */
export const proveDomain = (server: TestServer, { id: organizationId }: TestOrganization): Promise<string> =>
  server.inside(async ({ db }) => {
    const now = new Date();
    const domain = `d-${randomBytes(5).toString('hex')}.example`;
    await db.repo(OrganizationDomain).insert(
      Object.assign(new OrganizationDomain(), {
        id: newId(),
        organizationId,
        domain,
        challenge: randomBytes(8).toString('hex'),
        verifiedAt: now,
        checkedAt: now,
        createdAt: now,
        updatedAt: now,
      }),
    );
    return domain;
  });

export type Said = Omit<Partial<UpstreamIdentity>, 'attributes'> & {
  email?: string;
  email_verified?: boolean;
  groups?: string[];
  name?: string;
};

/** Of nobody before, unless it is said who. */
export function identityOf({ email, email_verified = true, groups, name, ...more }: Said): UpstreamIdentity {
  const attributes = {
    ...(email === undefined ? {} : { email: [email], email_verified: [String(email_verified)] }),
    ...(groups === undefined ? {} : { groups }),
    ...(name === undefined ? {} : { name: [name] }),
  };
  return { subject: `s-${randomBytes(6).toString('hex')}`, attributes, ...more };
}

/** Whether this page leads on to an identity provider, and to which of its addresses. */
export const leadsTo = ({ html }: Page): string | undefined =>
  /id="federation-next" href="([^"]*)"/.exec(html)?.[1]?.replaceAll('&amp;', '&');

const passed: Check[] = [{ check: 'signature', passed: true }];

/** What the door and the identity provider do. @returns where the browser is sent with the answer. */
export function answered(server: TestServer, location: string, said: UpstreamIdentity): Promise<string> {
  const { pathname, searchParams } = new URL(location);
  const connectionId = pathname.split('/').at(-2) ?? '';
  return server.inside(async ({ federatedSignIns, clock }) => {
    const started = await federatedSignIns.start(connectionId, searchParams.get('handle') ?? '');
    const { state } = await federatedSignIns.sent(started, {});
    const found = await federatedSignIns.answered(connectionId, state);
    if (!found) throw new Error('the door expects no answer');
    // OpenID Connect Core §2, auth_time: asked for a new sign-in, a provider says when it was; one of OAuth 2.0 has no word for it.
    const { connection, asked } = found;
    const says = connection.kind !== 'oauth2' && (asked.max_age !== undefined || asked.prompt === 'login');
    const now = says ? { authenticated_at: epochSeconds(clock.now()) } : {};
    return federatedSignIns.hold(found, { ...now, ...said }, passed);
  });
}

/** What the door has been asked to ask for. */
export function asked(server: TestServer, location: string) {
  const { pathname, searchParams } = new URL(location);
  const connectionId = pathname.split('/').at(-2) ?? '';
  return server.inside(
    async ({ federatedSignIns }) =>
      (await federatedSignIns.start(connectionId, searchParams.get('handle') ?? '')).asked,
  );
}

/** From a page that leads on, to the page after the answer. */
export async function comeBack(
  server: TestServer,
  browser: Browser,
  page: Page,
  said: UpstreamIdentity,
): Promise<Page> {
  const location = leadsTo(page);
  if (!location)
    throw new Error(`no page that leads on: ${page.url} ${page.html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')}`);
  return browser.open(await answered(server, location, said));
}

/** The button of a connection, on the page where it is. */
export async function press(browser: Browser, page: Page, { key }: TestConnection): Promise<Page> {
  const base = /^.*\/interaction\/[^/?]+/.exec(page.url)?.[0] ?? '';
  const sent = await send(browser, `${base}/federation/${key}`, { csrf: csrfOf(page) });
  return browser.open(new URL(sent.headers.get('location') ?? '', base).href);
}
