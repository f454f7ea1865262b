import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { organizationOf, type Signed, signedIn } from '../support/organization-house.js';
import { makeClient, makePerson, post, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const words = ({ status, body: { instance, request_id, trace_id, ...rest } }: Answer) => [status, rest];

describe('X-Organization', () => {
  let server: TestServer;
  let token: string;
  let owner: Signed;
  let mine: { id: string; slug: string };
  let other: { id: string; slug: string };
  const named = (organization: string, method = 'get', path = `/organizations/${mine.slug}`, body?: unknown) =>
    ask(server, token, method, path, body, { 'x-organization': organization });

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'organizations:read organizations:write users:read');
    owner = await signedIn(server);
    mine = await organizationOf(server, { [owner.id]: 'owner' });
    other = await organizationOf(server);
  }, 180_000);
  afterAll(() => server?.close());

  it('is met by the organization it names, by slug and by id, whichever the address has', async () => {
    for (const name of [mine.slug, mine.id])
      for (const address of [mine.slug, mine.id])
        expect((await named(name, 'get', `/organizations/${address}`)).body.id).toBe(mine.id);
  });

  it('makes the address of another one, and a name that nobody has, what is not there', async () => {
    const none = words(await ask(server, token, 'get', `/organizations/${randomUUID()}`));
    for (const name of [other.slug, other.id, 'nobody', randomUUID(), 'x'.repeat(64), `${mine.slug}, ${mine.slug}`])
      expect([name, words(await named(name))]).toEqual([name, none]);
    expect((await named(other.slug, 'delete')).status).toBe(404);
    expect((await named(other.slug, 'patch', `/organizations/${mine.slug}`, { name: 'Other' })).status).toBe(404);
    expect((await named(mine.slug)).body.name).not.toBe('Other');
  });

  it('is refused where nothing is of one organization: it would be thought to narrow what it does not', async () => {
    for (const path of ['/users', '/organizations', '/organization-roles']) {
      const { status, body } = await named(mine.slug, 'get', path);
      expect([path, status, body.code]).toEqual([path, 400, 'not_of_an_organization']);
    }
  });

  it('tells nothing to who is not known: the token comes first', async () => {
    const headers = { 'x-organization': 'nobody' };
    expect((await ask(server, undefined, 'get', `/organizations/${mine.slug}`, undefined, headers)).status).toBe(401);
    expect((await fetch(`${server.issuer}/api/v1/openapi.json`, { headers })).status).toBe(200);
    expect((await fetch(`${server.issuer}/.well-known/openid-configuration`, { headers })).status).toBe(200);
    expect((await fetch(`${server.issuer}/account`, { headers, redirect: 'manual' })).status).toBe(303);
  });

  it('holds for the session of an account too, and tells it of no organization that it does not belong to', async () => {
    const asked = (name: string) =>
      owner.ask('get', `/organizations/${mine.slug}`, undefined, { 'x-organization': name });
    expect((await asked(mine.id)).status).toBe(200);
    const none = words(await asked('nobody'));
    expect(none[0]).toBe(404);
    expect(words(await asked(other.slug))).toEqual(none);
  });
});

describe.each(['true', 'false'])('a token for one organization (ORGANIZATION_HEADER=%s)', (header) => {
  let server: TestServer;
  let mine: { id: string; slug: string };
  let other: { id: string; slug: string };
  let admin: { id: string; email: string };
  const scope = 'organizations:read organizations:write users:read';

  beforeAll(async () => {
    server = await startServer({ environment: { ORGANIZATION_HEADER: header } });
    admin = await makePerson(server);
    await server.inside(async ({ users }) => users.setRoles(await users.find(admin.id), ['ADMIN']));
    mine = await organizationOf(server, { [admin.id]: 'member' });
    other = await organizationOf(server, { [admin.id]: 'owner' });
  }, 180_000);
  afterAll(() => server?.close());

  /** Of a client that acts for itself, and of an administrator. */
  const tokens: Record<string, (organization?: string) => Promise<string>> = {
    client: async (organization) => {
      const grant_types = ['client_credentials'];
      const more = { redirect_uris: [], response_types: [], grant_types, scope, organizations: [mine.id] };
      const named: Record<string, string> = organization ? { organization } : {};
      const form = { grant_type: 'client_credentials', scope, resource: `${server.issuer}/api`, ...named };
      return String((await post(server, '/token', await makeClient(server, more), form)).body.access_token);
    },
    person: async (organization) => {
      const asked = `openid organization ${scope}`;
      const party = await makeClient(server, { scope: asked, consent_policy: 'implicit' });
      const wanted: Record<string, string> = organization
        ? { scope: asked, organization }
        : { scope: `openid ${scope}` };
      const more: Record<string, string> = { resource: `${server.issuer}/api`, ...wanted };
      return String((await tokensFor(server, party, admin.email, more)).access_token);
    },
  };

  it.each(Object.keys(tokens))('of a %s is good for that one and for nothing else', async (whose) => {
    const token = (await tokens[whose]?.(mine.slug)) ?? '';
    for (const name of [mine.slug, mine.id])
      expect((await ask(server, token, 'get', `/organizations/${name}`)).body.id).toBe(mine.id);
    const none = words(await ask(server, token, 'get', `/organizations/${randomUUID()}`));
    expect(none[0]).toBe(404);
    for (const name of [other.slug, other.id])
      expect(words(await ask(server, token, 'get', `/organizations/${name}`))).toEqual(none);
    expect((await ask(server, token, 'patch', `/organizations/${other.slug}`, { name: 'Mine' })).status).toBe(404);
    expect((await ask(server, token, 'delete', `/organizations/${other.slug}`)).status).toBe(404);
    for (const path of ['/users', '/organizations', '/organization-roles']) {
      const { status, body } = await ask(server, token, 'get', path);
      expect([path, status, body.code]).toEqual([path, 403, 'token_of_organization']);
    }
    const made = await ask(server, token, 'post', '/organizations', { slug: 'made', name: 'Made' });
    expect(made.status).toBe(403);
  });

  it.each(Object.keys(tokens))('one for none, of a %s, is good for all of them', async (whose) => {
    const token = (await tokens[whose]?.()) ?? '';
    for (const path of [`/organizations/${other.slug}`, '/users'])
      expect([path, (await ask(server, token, 'get', path)).status]).toEqual([path, 200]);
  });
});

describe('X-Organization where the installation does not read it (ORGANIZATION_HEADER=false)', () => {
  it('means nothing', async () => {
    const server = await startServer({ environment: { ORGANIZATION_HEADER: 'false' } });
    try {
      const token = await tokenWith(server, 'organizations:read users:read');
      const { slug } = await organizationOf(server);
      for (const path of [`/organizations/${slug}`, '/users']) {
        const answer = await ask(server, token, 'get', path, undefined, { 'x-organization': 'nobody' });
        expect([path, answer.status]).toEqual([path, 200]);
      }
    } finally {
      await server.close();
    }
  }, 180_000);
});
