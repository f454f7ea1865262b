// A proof of one organization's identity provider counts for no other organization: neither on the pages of that one, nor at its API.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { endpointsOf } from '../../src/endpoints.js';
import type { Services } from '../../src/services.js';
import { bodyFor } from '../support/bodies.js';
import { Browser } from '../support/browser.js';
import { comeBack, identityOf, makeConnection, type TestConnection } from '../support/federated.js';
import { nameOf, send } from '../support/journey.js';
import { asking, organizationOf, type Signed } from '../support/organization-house.js';
import { changePolicy, type TestOrganization } from '../support/organizations.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const endpoints = endpointsOf({} as Services)
  .filter(({ path, member }) => path.startsWith('/organizations/:organization') && member)
  .map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const);

const pages = [
  '',
  '/leave',
  '/members',
  '/invitations',
  '/teams',
  '/roles',
  '/domains',
  '/policy',
  '/settings',
  '/delete',
];

describe('whoever has come in by the identity provider of one organization', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;
  let house: TestOrganization;
  let other: TestOrganization;
  let connection: TestConnection;
  let ask: Signed['ask'];

  const enter = async (by: TestConnection, window: Browser) => {
    const away = await window.open(authorizationUrl(server, party, pkce(), { connection: by.key }));
    const said = identityOf({ subject: `s-${by.id}`, email: person.email });
    expect((await comeBack(server, window, away, said)).url).toContain('code=');
  };
  const connected = async (organization: TestOrganization) => {
    const made = await makeConnection(server, { organization, discovery: 'off' });
    await server.inside(({ identities }) => identities.link(person, made.id, `s-${made.id}`));
    return made;
  };

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    person = await makePerson(server);
    house = await organizationOf(server, { [person.id]: 'owner' });
    connection = await connected(house);
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    other = await organizationOf(server, { [person.id]: 'owner' });
    browser = new Browser();
    await enter(connection, browser);
    ask = await asking(server, browser);
  });

  const pageOf = ({ slug }: { slug: string }, page = '') => `${server.issuer}/account/organizations/${slug}${page}`;
  const fill = (path: string, ids: Record<string, string>) =>
    path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(ids[name] ?? randomUUID())) +
    (path.endsWith('/statistics') ? '?from=2026-01-01&to=2026-02-01' : '');

  it.each(endpoints)('%s: of another one it is asked for a proof that counts there', async (_name, endpoint) => {
    const { method, path, body } = endpoint;
    const ids = { organization: other.slug, user_id: person.id };
    const answer = await ask(method, fill(path, ids), body && bodyFor(body, ids));
    expect([answer.status, answer.body.code]).toEqual([401, 'step_up_required']);
  });

  it('of its own it is asked for nothing', async () => {
    expect((await ask('get', `/organizations/${house.slug}/members`)).status).toBe(200);
    expect((await browser.open(pageOf(house, '/members'))).url).toBe(pageOf(house, '/members'));
  });

  it.each(pages)('the page “%s” of another one is not shown', async (page) => {
    const shown = await browser.open(pageOf(other, page));
    expect([nameOf(shown), shown.url.includes('/interaction/')]).toEqual(['identifier', true]);
  });

  it('nothing is changed there, with the token of the form, too', async () => {
    const { body } = await ask('get', '/auth/me');
    const form = { csrf: String(body.csrf_token), email: 'mallory@there.example', role: 'admin' };
    const sent = await send(browser, pageOf(other, '/invitations'), form);
    expect([sent.status, sent.headers.get('location')]).toEqual([
      303,
      expect.stringContaining(`organization=${other.id}`),
    ]);
    const invited = await server.services.db.manager.query(
      'SELECT 1 FROM organization_invitations WHERE organization_id = $1',
      [other.id],
    );
    expect(invited).toEqual([]);
  });

  it('a password of theirs opens it, and they are on the page they came for', async () => {
    const first = await browser.open(pageOf(other, '/members'));
    const end = await browser.submit(await browser.submit(first, { username: person.email }), { password });
    expect([end.status, end.url]).toEqual([200, pageOf(other, '/members')]);
    expect((await ask('get', `/organizations/${other.slug}/members`)).status).toBe(200);
  });

  it('its own identity provider opens it, where it takes nothing else', async () => {
    const theirs = await connected(other);
    await changePolicy(server, other, { ways_in: ['connection'] });
    const away = await browser.open(pageOf(other, '/members'));
    const end = await comeBack(server, browser, away, identityOf({ subject: `s-${theirs.id}`, email: person.email }));
    expect([end.status, end.url]).toEqual([200, pageOf(other, '/members')]);
  });

  it('to whoever does not belong to it, it is not there', async () => {
    const strange = await organizationOf(server);
    expect((await browser.open(pageOf(strange))).status).toBe(404);
    expect((await ask('get', `/organizations/${strange.slug}`)).status).toBe(404);
  });
});
