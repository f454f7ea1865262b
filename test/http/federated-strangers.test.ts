// Of whom an identity provider of an organization may speak: of people below the domains that the organization has proved, and of its members.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { wordsOf } from '../support/account.js';
import { Browser, type Page } from '../support/browser.js';
import { comeBack, identityOf, makeConnection, proveDomain, type TestConnection } from '../support/federated.js';
import { newName } from '../support/invitations.js';
import { isSignedIn, titleOf } from '../support/journey.js';
import { makeOrganization } from '../support/organizations.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('an identity provider speaks of people whom nobody knows', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({
      overrides: {
        limits: {
          federationNewcomers: { points: 3, seconds: 600 },
          federationNewcomer: { points: 2, seconds: 600 },
        } as never,
      },
    });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(() => {
    browser = new Browser();
  });

  const nobody = () => `${newName()}@elsewhere.example`;
  const comeIn = async ({ key }: TestConnection, said: ReturnType<typeof identityOf>): Promise<Page> => {
    browser = new Browser();
    const away = await browser.open(authorizationUrl(server, party, pkce(), { connection: key }));
    return comeBack(server, browser, away, said);
  };
  const find = (email: string) => server.inside(({ users }) => users.findByEmail(email));
  const refusals = async ({ id }: TestConnection): Promise<Record<string, unknown>[]> =>
    (
      await server.services.db.manager.query(
        `SELECT data FROM audit_events WHERE name = 'federation.refused' AND data ->> 'connection_id' = $1 ORDER BY id`,
        [id],
      )
    ).map(({ data }: { data: Record<string, unknown> }) => data);

  it.each(['somebody who is active', 'somebody who is disabled', 'somebody with a role of the tenant'])(
    'of an organization, about an address elsewhere: it tells %s from nobody by nothing',
    async (who) => {
      const organization = await makeOrganization(server);
      const connection = await makeConnection(server, { organization, discovery: 'off' });
      const person = await makePerson(server);
      await server.inside(async ({ users }) => {
        if (who.endsWith('disabled')) await users.disable(person);
        if (who.endsWith('tenant')) await users.setRoles(await users.find(person.id), ['SUPPORT']);
      });
      const seen = [];
      for (const email of [person.email, nobody()]) {
        const page = await comeIn(connection, identityOf({ email }));
        expect(await isSignedIn(server, party, browser)).toBe(false);
        const words = wordsOf(page).replaceAll(/[0-9A-Z]{4}-[0-9A-Z]{4}/g, '');
        seen.push({ status: page.status, title: titleOf(page), words, known: (await find(email)) !== undefined });
      }
      expect(seen.map(({ known }) => known)).toEqual([true, false]);
      expect({ ...seen[0], known: false }).toEqual(seen[1]);
      expect(seen[0]).toMatchObject({ status: 400, title: 'Request could not be completed' });
      const told = (await refusals(connection)).map(({ trace_id, ...data }) => data);
      expect(told).toEqual(Array(2).fill({ connection_id: connection.id, reason: 'foreign_domain' }));
    },
  );

  it('of an organization, about a member of it with an address elsewhere: they prove it, and are known', async () => {
    const person = await makePerson(server);
    const organization = await makeOrganization(server, { members: [person] });
    const connection = await makeConnection(server, { organization, discovery: 'off' });
    expect((await comeIn(connection, identityOf({ email: person.email }))).html).toContain('id="linking"');
  });

  it('of an organization, below its domain: so many in an hour, then nobody for whom it would have to be made', async () => {
    const organization = await makeOrganization(server);
    const domain = await proveDomain(server, organization);
    const connection = await makeConnection(server, { organization, discovery: 'off' });
    const known = identityOf({ email: `p0@${domain}` });
    const statuses = [];
    for (const said of [known, ...[1, 2, 3].map((at) => identityOf({ email: `p${at}@${domain}` })), known])
      statuses.push((await comeIn(connection, said)).url.includes('code='));
    expect(statuses).toEqual([true, true, true, false, true]);
    expect(await find(`p3@${domain}`)).toBeUndefined();
    const another = await makeConnection(server, { organization, discovery: 'off' });
    expect((await comeIn(another, identityOf({ email: `p4@${domain}` }))).url).toContain('code=');
  });

  it('of the tenant, about addresses that nobody has proved: so many, whether or not somebody has them', async () => {
    const connection = await makeConnection(server, {});
    const person = await makePerson(server);
    const claimed = (email: string) => comeIn(connection, identityOf({ email, email_verified: false }));
    expect((await claimed(person.email)).html).toContain('id="linking"');
    expect((await claimed(nobody())).url).toContain('code=');
    expect((await claimed(person.email)).html).toContain('id="linking"');
    expect([(await claimed(person.email)).status, (await claimed(nobody())).status]).toEqual([429, 429]);
    expect((await comeIn(connection, identityOf({ email: nobody() }))).url).toContain('code=');
  });

  it('one and the same person uses up what is theirs, and not that of all others', async () => {
    const connection = await makeConnection(server, {});
    const person = await makePerson(server);
    const claimed = identityOf({ email: person.email, email_verified: false });
    const statuses = [];
    for (let times = 0; times < 4; times += 1) statuses.push((await comeIn(connection, claimed)).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
    expect((await comeIn(connection, identityOf({ email: nobody(), email_verified: false }))).url).toContain('code=');
  });
});
