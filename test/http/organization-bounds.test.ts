import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { currentTenantId } from '../../src/platform/context.js';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { organizationOf } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('of what tokens carry nobody has more than they can', () => {
  let server: TestServer;
  let token: string;
  let person: { id: string };
  const api = (method: string, path: string, body?: unknown) => ask(server, token, method, path, body);
  const said = ({ status, body }: Answer) => [status, body.code];
  const tooMany = [409, 'too_many_permissions'];
  const words = (count: number, begins: string) => Array.from({ length: count }, (_one, n) => `${begins}:${n}`);

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'organizations:read organizations:write');
    person = await makePerson(server);
  }, 180_000);
  afterAll(() => server?.close());

  const role = async (slug: string | null, key: string, permissions: string[] = []): Promise<string> => {
    const path = slug ? `/organizations/${slug}/roles` : '/organization-roles';
    const made = await api('post', path, { key, name: key, rank: 10, permissions });
    expect(made.status).toBe(201);
    return String(made.body.id);
  };

  it('permissions: 200, by whatever they come', async () => {
    const { slug } = await organizationOf(server, { [person.id]: 'owner' });
    const at = `/organizations/${slug}/members/${person.id}`;
    const [one, two] = [await role(slug, 'one', words(100, 'one')), await role(slug, 'two', words(99, 'two'))];
    // What two give counts once.
    const most = { roles: [one, two], permissions: ['direct:0', 'one:1'] };
    expect((await api('put', at, most)).status).toBe(200);
    expect(said(await api('put', at, { permissions: ['direct:0', 'direct:1'] }))).toEqual(tooMany);
    const grown = { permissions: words(100, 'two') };
    expect(said(await api('patch', `/organizations/${slug}/roles/${two}`, grown))).toEqual(tooMany);
    expect((await api('get', `/organizations/${slug}/roles/${two}`)).body.permissions).toHaveLength(99);
    const other = await makePerson(server);
    const member = { user_id: other.id, roles: [one, two], permissions: words(2, 'direct') };
    expect(said(await api('post', `/organizations/${slug}/members`, member))).toEqual(tooMany);
    const { body } = await api('post', `/organizations/${slug}/members/bulk`, {
      operations: [
        { op: 'add', ...member },
        { op: 'add', user_id: other.id },
      ],
    });
    expect([body.succeeded, body.failed]).toEqual([1, 1]);
  });

  it('permissions: 16 KB, in roles of every organization too', async () => {
    const { slug } = await organizationOf(server, { [person.id]: 'member' });
    const at = `/organizations/${slug}/members/${person.id}`;
    const long = (count: number, letter: string) => words(count, letter.repeat(124));
    const [own, everywhere] = [await role(slug, 'long', long(100, 'a')), await role(null, 'everywhere', long(20, 'b'))];
    expect((await api('put', at, { roles: [own, everywhere] })).status).toBe(200);
    const grown = { permissions: long(40, 'b') };
    expect(said(await api('patch', `/organization-roles/${everywhere}`, grown))).toEqual(tooMany);
    expect((await api('put', at, { roles: [everywhere] })).status).toBe(200);
    expect((await api('patch', `/organization-roles/${everywhere}`, grown)).status).toBe(200);
    expect(said(await api('put', at, { roles: [own, everywhere] }))).toEqual(tooMany);
  });

  it('roles: 100 in an organization, of several made at once too', async () => {
    const { slug } = await organizationOf(server);
    for (let n = 0; n < 98; n += 1) await role(slug, `r-${n}`);
    const make = (key: string) => api('post', `/organizations/${slug}/roles`, { key, name: key, rank: 10 });
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map(make));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409]);
    expect(said(await make('e'))).toEqual([409, 'too_many_roles']);
  });

  it('teams: 500 in an organization and 50 of a member, of several made and joined at once too', async () => {
    const { id, slug } = await organizationOf(server, { [person.id]: 'member' });
    await server.inside(({ db }) =>
      db.manager.query(
        `INSERT INTO teams (tenant_id, id, organization_id, slug, name, created_at, updated_at)
         SELECT $1, gen_random_uuid(), $2, 'team-' || n, 'Team', now(), now() FROM generate_series(1, 498) n`,
        [currentTenantId(), id],
      ),
    );
    const make = (name: string) => api('post', `/organizations/${slug}/teams`, { slug: name, name });
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map(make));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409]);
    expect(said(await make('e'))).toEqual([409, 'too_many_teams']);

    const { items } = (await api('get', `/organizations/${slug}/teams?limit=100`)).body as { items: { id: string }[] };
    const join = ({ id: team }: { id: string }) =>
      api('put', `/organizations/${slug}/teams/${team}/members/${person.id}`);
    for (const team of items.slice(0, 48)) expect((await join(team)).status).toBe(204);
    const joined = await Promise.all(items.slice(48, 52).map(join));
    expect(joined.map(({ status }) => status).sort()).toEqual([204, 204, 409, 409]);
    for (const team of items.slice(0, 2)) expect((await join(team)).status).toBe(204);
  });
});
