// What ends while a first sign-in by an identity provider is under way: after the answer was believed, and before there is a session.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Services } from '../../src/services.js';
import { Browser, type Page } from '../support/browser.js';
import { answered, identityOf, leadsTo, makeConnection, type TestConnection } from '../support/federated.js';
import { isSignedIn } from '../support/journey.js';
import { makeOrganization, type TestOrganization } from '../support/organizations.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

interface Coming {
  person: { id: string };
  organization: TestOrganization;
  connection: TestConnection;
}
type End = (services: Services, coming: Coming) => Promise<unknown>;

const connectionOf = async ({ connections, organizations }: Services, { organization, connection }: Coming) => {
  const owner = await organizations.find(organization.id);
  return [owner, await connections.find(owner, connection.id)] as const;
};

const ends: Record<string, End> = {
  'the identity is unlinked by an administrator': async ({ identities }, { person }) => {
    const [one] = await identities.of(person);
    await identities.unlink(person, one?.id ?? '', 'administrator');
  },
  'the connection is disabled': async (services, coming) =>
    services.connections.disable(...(await connectionOf(services, coming))),
  'the connection is deleted': async (services, coming) =>
    services.connections.delete(...(await connectionOf(services, coming))),
  'the organization is suspended': async ({ organizations }, { organization }) =>
    organizations.suspend(await organizations.find(organization.id), 'unpaid'),
  'the organization is deleted': async ({ organizations }, { organization }) =>
    organizations.delete(await organizations.find(organization.id)),
};

/** What the door of a sign-out over there does, once it has believed it. */
const over =
  (which: { subject?: boolean; session_index?: boolean }): End =>
  ({ upstreamSessions }, { person, connection }) =>
    upstreamSessions.endedUpstream(connection.id, {
      ...(which.subject ? { subject: `s-${person.id}` } : {}),
      ...(which.session_index ? { session_index: `x-${person.id}` } : {}),
    });
Object.assign(ends, {
  'the session over there ends, by who it is of': over({ subject: true }),
  'the session over there ends, by its own name': over({ session_index: true }),
  'the session over there ends, by both': over({ subject: true, session_index: true }),
});

describe('what ends while a sign-in by an identity provider is under way', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let coming: Coming;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    const person = await makePerson(server);
    const organization = await makeOrganization(server, { members: [person] });
    const connection = await makeConnection(server, { organization, discovery: 'off' });
    await server.inside(({ identities }) => identities.link(person, connection.id, `s-${person.id}`));
    coming = { person, organization, connection };
  });

  /** @param before the engine goes on, when the answer has been taken. */
  async function comeIn(before: () => Promise<unknown>): Promise<Page> {
    const { person, connection } = coming;
    const away = await browser.open(authorizationUrl(server, party, pkce(), { connection: connection.key }));
    let address = await answered(
      server,
      leadsTo(away) ?? '',
      identityOf({ subject: `s-${person.id}`, session: { index: `x-${person.id}` } }),
    );
    while (!address.includes('/authorize/')) {
      const response = await browser.request(address);
      const next = response.headers.get('location');
      if (!next) throw new Error(`${response.status} at ${address}`);
      address = new URL(next, address).href;
    }
    await before();
    return browser.open(address);
  }
  /** @param instead the first time that is written down on which session over there one of ours stands. */
  async function comeInRemembered(instead: (remember: () => Promise<boolean>) => Promise<boolean>): Promise<Page> {
    const { upstreamSessions } = server.services;
    const remember = upstreamSessions.remember.bind(upstreamSessions);
    let times = 0;
    upstreamSessions.remember = (...given) => {
      times += 1;
      return times === 1 ? instead(() => remember(...given)) : remember(...given);
    };
    try {
      const page = await comeIn(async () => {});
      expect(times).toBeGreaterThan(0);
      return page;
    } finally {
      upstreamSessions.remember = remember;
    }
  }
  const standing = () =>
    server.services.db.manager.query('SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [
      coming.person.id,
    ]);
  /** Until what ends with an organization has been ended, if it is at all. */
  async function ofJobs(since: Date): Promise<void> {
    const ended = 'SELECT 1 FROM users WHERE id = $1 AND proofs_from >= $2';
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await server.services.db.manager.query(ended, [coming.person.id, since])).length > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const nobody = async () => {
    expect(await isSignedIn(server, party, browser)).toBe(false);
    expect((await browser.open(`${server.issuer}/account/security`)).url).toContain('/interaction/');
    expect(await standing()).toEqual([]);
  };

  it('nothing does, and there is a session', async () => {
    expect((await comeIn(async () => {})).url).toContain('code=');
    expect(await isSignedIn(server, party, browser)).toBe(true);
    expect(await standing()).toHaveLength(1);
  });

  it.each(Object.entries(ends))('%s: no code, and no session', async (_how, end) => {
    const page = await comeIn(() => server.inside((services) => end(services, coming)));
    expect(page.url).not.toContain('code=');
    await nobody();
  });

  it.each(['suspended', 'deleted'] as const)(
    'the organization is %s after that was written down, before there is a session: it ends with it',
    async (how) => {
      await comeInRemembered(async (remember) => {
        const remembered = await remember();
        const since = new Date();
        await server.inside((services) => (ends[`the organization is ${how}`] as End)(services, coming));
        await ofJobs(since);
        return remembered;
      });
      await nobody();
    },
  );

  it('another session over there ends: it begins', async () => {
    const other: End = ({ upstreamSessions }, { connection }) =>
      upstreamSessions.endedUpstream(connection.id, { subject: 's-somebody-else', session_index: 'another' });
    expect((await comeIn(() => server.inside((services) => other(services, coming)))).url).toContain('code=');
    expect(await standing()).toHaveLength(1);
  });

  it('the session over there ends just as ours begins: it ends with it', async () => {
    await comeInRemembered(async (remember) => {
      const [remembered] = await Promise.all([
        remember(),
        server.inside((services) => over({ subject: true })(services, coming)),
      ]);
      return remembered;
    });
    await nobody();
  });

  it('what it stands on cannot be written down: no code, and no session, nor once it can be', async () => {
    const page = await comeInRemembered(() =>
      Promise.reject(new Error('canceling statement due to statement timeout')),
    );
    expect(page.url).not.toContain('code=');
    await nobody();
  });
});
