// What a connection says of where its provider is asked: with each answer that comes back from there.
import { Connection } from '../../../src/features/connections/connection.entity.js';
import { OAuth2 } from '../../../src/features/connections/connection-oauth2.settings.js';
import { newId } from '../../../src/platform/crypto.js';
import type { TestServer } from '../../support/server.js';
import type { Place } from './places.js';

type Endpoint = 'token_endpoint' | 'userinfo_endpoint' | 'emails_endpoint';

/** What the server answers that may be called: of anybody. */
export const goodAnswers: Readonly<Record<string, unknown>> = {
  '/token': { access_token: 'of-theirs', token_type: 'Bearer' },
  '/profile': { sub: 'somebody' },
  '/emails': [],
};

/** @param listed where a server is that may be called. */
export function placesOfConnections(server: TestServer, listed: string): Record<string, Place> {
  const good: Record<Endpoint, string> = {
    token_endpoint: '/token',
    userinfo_endpoint: '/profile',
    emails_endpoint: '/emails',
  };

  const signIn = async (endpoint: Endpoint, url: string) => {
    const others = Object.fromEntries(Object.entries(good).map(([name, path]) => [name, `${listed}${path}`]));
    const oauth2 = { ...others, client_id: 'us', authorization_endpoint: `${listed}/authorize`, [endpoint]: url };
    const now = new Date();
    const id = newId();
    const connection = Object.assign(new Connection(), {
      ...{ id, key: `c-${id.slice(-12)}`, kind: 'oauth2', displayName: 'Theirs', storedSettings: { oauth2 } },
      ...{ enabledAt: now, createdAt: now, updatedAt: now },
    });
    if (!OAuth2.safeParse(oauth2).success) return 'said';
    const state = await server.inside(async ({ db, federatedSignIns }) => {
      await db.repo(Connection).insert(connection);
      const binding = { kind: 'interaction', id } as const;
      const asked = { binding, purpose: 'sign_in', back: '/interaction/x/federation' } as const;
      const { handle } = await federatedSignIns.begin(connection, asked);
      const location = `${server.issuer}/federation/${id}/login?handle=${handle}`;
      const answer = await fetch(location, { redirect: 'manual' });
      return new URL(answer.headers.get('location') ?? '').searchParams.get('state') ?? '';
    });
    const query = new URLSearchParams({ code: 'theirs', state });
    const answer = await fetch(`${server.issuer}/federation/${id}/callback?${query}`, { redirect: 'manual' });
    return answer.status === 303 ? undefined : whyOf(server, id);
  };

  return Object.fromEntries(
    (Object.keys(good) as Endpoint[]).map((name) => [
      `${name} of a connection`,
      { path: good[name], call: (url: string) => signIn(name, url) },
    ]),
  );
}

/** What is told of it to whoever administers the tenant. */
const whyOf = (server: TestServer, connection: string) =>
  server.inside(async ({ db, traces }) => {
    const [row] = (await db.manager.query('SELECT id FROM traces WHERE connection_id = $1', [connection])) as {
      id: string;
    }[];
    const recorded = traces.recordedOf(await traces.find(String(row?.id)));
    return String(recorded?.checks.at(-1)?.seen);
  });
