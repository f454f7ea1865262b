// People signed in to their accounts, each something else in an organization, and organizations furnished alike for them.
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { enter } from './account.js';
import type { Answer } from './api.js';
import type { Browser } from './browser.js';
import { makePerson } from './party.js';
import type { TestServer } from './server.js';

export interface Signed {
  id: string;
  email: string;
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** Asks with the session of an account, as scripts of our own pages do. */
export async function signedIn(server: TestServer): Promise<Signed> {
  const person = await makePerson(server);
  const { browser } = await enter(server, person.email);
  return { ...person, ask: await asking(server, browser) };
}

/** In a browser that is signed in by whatever means. */
export async function asking(server: TestServer, browser: Browser): Promise<Signed['ask']> {
  const me = await askAs(server, browser, {}, 'get', '/auth/me');
  const csrf = { 'x-csrf-token': String(me.body.csrf_token) };
  return (method, path, body, headers = csrf) => askAs(server, browser, headers, method, path, body);
}

async function askAs(
  { issuer }: Pick<TestServer, 'issuer'>,
  browser: Browser,
  more: Record<string, string>,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await browser.request(`${issuer}/api/v1${path}`, {
    method: method.toUpperCase(),
    headers: { accept: 'application/json', origin: new URL(issuer).origin, ...type, ...more },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers };
}

let count = 0;

/** @param roles who is what, by their ids. */
export async function organizationOf(
  server: TestServer,
  roles: Record<string, 'owner' | 'admin' | 'member'> = {},
  more: { slug?: string; settings?: object } = {},
): Promise<Organization> {
  count += 1;
  return server.inside(async ({ organizations, memberships }) => {
    const organization = await organizations.create({ slug: `house-${count}`, name: `House ${count}`, ...more });
    for (const [user_id, role] of Object.entries(roles))
      await memberships.add(organization, { user_id, role }, { kind: 'added' });
    return organization;
  });
}
