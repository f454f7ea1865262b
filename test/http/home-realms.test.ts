import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { withContext } from '../../src/platform/context.js';
import { makeConnection, newConnection, oidcSettings } from '../support/connection-settings.js';
import { proveDomain } from '../support/connections.js';
import { makeOrganization, newName } from '../support/invitations.js';
import { startServer, type TestServer } from '../support/server.js';
import { recordStatements } from '../support/statements.js';

describe('who is sent where before anything is known of them', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  const sentTo = async (identifier: string) =>
    server.inside(async ({ homeRealms }) => (await homeRealms.of(identifier))?.id);
  const settings = (more: object) => ({ settings: { ...oidcSettings(), ...more } });
  const ofOrganization = async (more: object = {}) => {
    const [acme, domain] = [await makeOrganization(server), `${newName()}.example`];
    const claim = await proveDomain(server, acme, domain);
    return { acme, domain, claim, connection: await makeConnection(server, acme, more) };
  };

  it('people of a domain that an organization has proved, to its identity provider', async () => {
    const { domain, connection } = await ofOrganization();
    expect(await sentTo(`anybody@${domain}`)).toBe(connection.id);
    for (const other of [`anybody@sub.${domain}`, domain, `@${domain}`, `anybody@x${domain}`, 'anybody', ''])
      expect([other, await sentTo(other)]).toEqual([other, other === `@${domain}` ? connection.id : undefined]);
  });

  it.each([
    [
      'the domain is not proved any more',
      async ({ claim }: Sent) => {
        await server.services.db.pool.query('UPDATE organization_domains SET verified_at = NULL WHERE id = $1', [
          claim.id,
        ]);
      },
    ],
    [
      'the connection is disabled',
      ({ acme, connection }: Sent) => server.inside(({ connections }) => connections.disable(acme, connection)),
    ],
    [
      'it is turned off',
      ({ acme, connection }: Sent) =>
        server.inside(({ connections }) => connections.update(acme, connection, { settings: { discovery: 'off' } })),
    ],
    [
      'the organization is suspended',
      ({ acme }: Sent) => server.inside(({ organizations }) => organizations.suspend(acme, 'unpaid')),
    ],
    [
      'the connection goes',
      ({ acme, connection }: Sent) => server.inside(({ connections }) => connections.delete(acme, connection)),
    ],
  ])('nowhere from the moment in which %s', async (_what, ends) => {
    const sent = await ofOrganization();
    expect(await sentTo(`anybody@${sent.domain}`)).toBe(sent.connection.id);
    await ends(sent);
    expect(await sentTo(`anybody@${sent.domain}`)).toBeUndefined();
    const chosen = await server.inside(({ homeRealms }) => homeRealms.chosen(sent.connection.key));
    const isOff = _what === 'it is turned off' || _what.startsWith('the domain');
    expect(chosen?.id).toBe(isOff ? sent.connection.id : undefined);
  });

  it('by a domain that the tenant has named for its own connection, unless an organization has proved it', async () => {
    const domain = `${newName()}.example`;
    const own = await makeConnection(server, null, settings({ domains: [domain] }));
    expect(await sentTo(`anybody@${domain}`)).toBe(own.id);
    const acme = await makeOrganization(server);
    const theirs = await makeConnection(server, acme);
    expect(await sentTo(`anybody@${domain}`)).toBe(own.id);
    await proveDomain(server, acme, domain);
    expect(await sentTo(`anybody@${domain}`)).toBe(theirs.id);
  });

  it.each([
    ['offered', 'offered', 'theirs'],
    ['offered', 'required', 'theirs'],
    ['required', 'offered', 'tenant'],
    ['required', 'off', 'tenant'],
    ['required', 'required', 'theirs'],
  ])(
    'what the tenant says is %s for a domain, and the organization that has proved it %s: to the one of %s',
    async (tenant, organization, whose) => {
      const { domain, connection } = await ofOrganization(settings({ discovery: organization }));
      const own = await makeConnection(server, null, settings({ domains: [domain], discovery: tenant }));
      const expected = whose === 'tenant' ? own.id : connection.id;
      expect(await sentTo(`anybody@${domain}`)).toBe(expected);
      const required = await server.inside(({ homeRealms }) => homeRealms.requiredOf(`anybody@${domain}`));
      const isRequired = tenant === 'required' || organization === 'required';
      expect(required.map(({ id }) => id)).toEqual(isRequired ? [expected] : []);
    },
  );

  it('of two connections of one organization to the one that is required', async () => {
    const { acme, domain, connection } = await ofOrganization();
    expect(await sentTo(`anybody@${domain}`)).toBe(connection.id);
    const required = await makeConnection(server, acme, settings({ discovery: 'required' }));
    expect(await sentTo(`anybody@${domain}`)).toBe(required.id);
  });

  it('whether anybody serves the domain is not told by the number of statements', async () => {
    const { domain } = await ofOrganization();
    const identifiers = [`a@${domain}`, 'a@nobody-serves-this.example', 'no-address', 'a@localhost', ''];
    await server.inside(({ homeRealms }) => homeRealms.of('a@warm.example'));
    const sent = recordStatements();
    for (const [index, identifier] of identifiers.entries())
      await server.inside(({ homeRealms }) =>
        withContext({ requestId: `look-${index}` }, () => homeRealms.of(identifier)),
      );
    jest.restoreAllMocks();
    const [first, ...others] = identifiers.map((_identifier, index) => sent.get(`look-${index}`));
    expect(first).toHaveLength(1);
    for (const other of others) expect(other).toEqual(first);
  });

  it('buttons are of the tenant, enabled, and there as soon as they are told to be', async () => {
    const shown = async () => server.inside(async ({ homeRealms }) => (await homeRealms.buttons()).map(({ id }) => id));
    const before = await shown();
    const plain = await makeConnection(server, null);
    const button = await makeConnection(server, null, settings({ button: true }));
    const disabled = await server.inside(({ connections }) =>
      connections.create(null, newConnection(settings({ button: true })) as never),
    );
    expect(await shown()).toEqual([...before, button.id]);
    await server.inside(({ connections }) => connections.enable(null, disabled));
    await server.inside(({ connections }) => connections.update(null, plain, { settings: { button: true } }));
    expect(new Set(await shown())).toEqual(new Set([...before, plain.id, button.id, disabled.id]));
    for (const one of [plain, button, disabled])
      await server.inside(({ connections }) => connections.disable(null, one));
    expect(await shown()).toEqual(before);
  });

  it('a name in a request chooses an enabled connection, and nothing else is different for one that nobody has', async () => {
    const { connection } = await ofOrganization();
    const chosen = (key: string) => server.inside(async ({ homeRealms }) => (await homeRealms.chosen(key))?.id);
    expect(await chosen(connection.key)).toBe(connection.id);
    for (const key of [connection.id, connection.key.toUpperCase(), `${connection.key}%`, ''])
      expect(await chosen(key)).toBeUndefined();
  });
});

interface Sent {
  acme: { id: string } & Awaited<ReturnType<typeof makeOrganization>>;
  domain: string;
  claim: { id: string };
  connection: Awaited<ReturnType<typeof makeConnection>>;
}
