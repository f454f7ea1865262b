// An identity provider says that a session over there has ended (OpenID Connect Back-Channel Logout 1.0, as relying party).
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Connection } from '../../src/features/connections/connection.entity.js';
import { listSessions } from '../../src/features/protocol/session.queries.js';
import type { Browser } from '../support/browser.js';
import { isSignedIn } from '../support/journey.js';
import { makeClient, type Party, password, tokensFor } from '../support/party.js';
import { UpstreamHouse } from '../support/upstream/house.js';
import type { Json } from '../support/upstream/keys.js';

let house: UpstreamHouse;
let party: Party;

beforeAll(async () => {
  house = await UpstreamHouse.open();
  party = await makeClient(house.server);
}, 60_000);
afterAll(() => house?.close());
beforeEach(() => house.provider.behave());

interface Standing {
  browser: Browser;
  sub: string;
  sid: string;
}

/** Somebody whose session here stands on one over there. */
async function standing({
  sub,
  sid = randomBytes(8).toString('hex'),
}: {
  sub?: string;
  sid?: string;
} = {}): Promise<Standing> {
  const { server, provider } = house;
  const mark = sub ?? randomBytes(8).toString('hex');
  const email = `${mark}@upstream.example`;
  provider.person = { sub: mark, email, email_verified: true };
  provider.manners.idToken = (claims) => Object.assign(claims, { sid });
  const held = await house.held(await house.goAround());
  provider.behave();
  const { user } = await server.inside(({ provisioning }) => provisioning.complete(held));
  if (!sub) await server.inside(({ passwords }) => passwords.set(user, password));
  const { browser } = await tokensFor(server, party, email);
  const remembered = await server.inside(async ({ db, clock, upstreamSessions }) => {
    const sessions = await listSessions(db, { limit: 1, user_id: user.id }, clock.now());
    return upstreamSessions.remember(String(sessions.items[0]?.uid), held);
  });
  expect(remembered).toBe(true);
  return { browser, sub: mark, sid };
}

const tell = (body: string | URLSearchParams, connection = house.connection) =>
  fetch(`${house.server.issuer}/federation/${connection.id}/backchannel-logout`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: String(body),
  });
const token = (claims: Json, header: Json = {}) =>
  house.provider.logoutToken((all, head) => {
    Object.assign(all, claims);
    Object.assign(head, header);
  });
const tellOf = async (claims: Json, connection = house.connection) =>
  tell(new URLSearchParams({ logout_token: await token(claims) }), connection);
const signedIn = ({ browser }: Standing) => isSignedIn(house.server, party, browser);

describe('a logout token that is believed (§2.5, §2.8)', () => {
  it('ends the sessions of the person it names', async () => {
    const [maria, jonas] = [await standing(), await standing()];
    const answer = await tellOf({ sub: maria.sub });
    expect([answer.status, answer.headers.get('cache-control'), await answer.text()]).toEqual([200, 'no-store', '']);
    expect([await signedIn(maria), await signedIn(jonas)]).toEqual([false, true]);
  });

  it('ends exactly the session it names', async () => {
    const one = await standing();
    const other = await standing({ sub: one.sub });
    expect((await tellOf({ sub: undefined, sid: one.sid })).status).toBe(200);
    expect([await signedIn(one), await signedIn(other)]).toEqual([false, true]);
    expect((await tellOf({ sub: one.sub, sid: other.sid })).status).toBe(200);
    expect(await signedIn(other)).toBe(false);
  });

  it('is good where nobody is signed in', async () => {
    expect((await tellOf({ sub: 'nobody' })).status).toBe(200);
  });

  it('ends a sign-in of theirs that is on its way', async () => {
    const answer = await house.goAround();
    expect((await tellOf({ sub: 'maria-upstream' })).status).toBe(200);
    await expect(house.held(answer)).rejects.toThrow();
  });
});

describe('a logout token that is not believed ends nothing, and is answered 400 (§2.6, §2.8)', () => {
  let maria: Standing;
  beforeAll(async () => {
    maria = await standing();
  });

  const refusals: [string, () => Promise<string>, string][] = [
    ['none', async () => '', 'logout_token_form'],
    ['text that is none', async () => 'a.b', 'logout_token_form'],
    ['of another issuer', () => token({ sub: maria.sub, iss: 'https://evil.example' }), 'logout_token_issuer'],
    ['for another application', () => token({ sub: maria.sub, aud: 'other' }), 'logout_token_audience'],
    ['that has expired', () => token({ sub: maria.sub, iat: 1_000, exp: 1_120 }), 'logout_token_expiry'],
    ['with a nonce', () => token({ sub: maria.sub, nonce: 'x' }), 'logout_token_nonce'],
    ['without its event', () => token({ sub: maria.sub, events: {} }), 'logout_token_events'],
    ['without jti', () => token({ sub: maria.sub, jti: undefined }), 'logout_token_jti'],
    ['of nobody', () => token({ sub: undefined }), 'logout_token_subject'],
    ['that is another kind of JWT', () => token({ sub: maria.sub }, { typ: 'at+jwt' }), 'logout_token_type'],
    [
      'signed by a stranger',
      () =>
        house.provider.logoutToken(
          (all) => Object.assign(all, { sub: maria.sub }),
          (claims, header, keys) => keys.sign(claims, header, 'stranger'),
        ),
      'logout_token_signature',
    ],
    [
      'signed with our secret',
      () =>
        house.provider.logoutToken(
          (all) => Object.assign(all, { sub: maria.sub }),
          (claims, header, keys) => keys.signWith(claims, { ...header, alg: 'HS256' }, house.provider.client.secret),
        ),
      'logout_token_algorithm',
    ],
  ];
  it.each(refusals)('%s', async (_what, make, check) => {
    const logout_token = await make();
    const { failed } = await house.refused(() => tell(new URLSearchParams({ logout_token })));
    expect(failed).toEqual([check]);
    expect(await signedIn(maria)).toBe(true);
  });

  it('an ID token of the person', async () => {
    let idToken = '';
    house.provider.manners.token = (body) => {
      idToken = String(body.id_token);
    };
    await house.goAround();
    const { reason } = await house.refused(() => tell(new URLSearchParams({ logout_token: idToken })));
    expect(reason).toMatch(/^logout_token_/);
  });

  it('twice (§2.6 no. 7): of many at the same time one counts', async () => {
    const body = new URLSearchParams({ logout_token: await token({ sub: 'nobody' }) });
    const answers = await Promise.all(Array.from({ length: 8 }, () => tell(body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(400)]);
    expect((await house.refused(() => tell(body))).failed).toEqual(['logout_token_replay']);
  });

  it('two in one request', async () => {
    const [one, other] = [await token({ sub: maria.sub }), await token({ sub: maria.sub })];
    await house.refused(() => tell(`logout_token=${one}&logout_token=${other}`));
    expect(await signedIn(maria)).toBe(true);
  });

  it('at a connection that does not take them, or is disabled', async () => {
    const deaf = await house.connect({ logout: { back_channel: false } });
    expect((await house.refused(() => tellOf({}, deaf))).failed).toEqual(['logout_taken']);
    const { id } = await house.connect();
    await house.server.inside(({ db }) => db.repo(Connection).update({ id }, { enabledAt: null }));
    expect((await house.refused(() => tellOf({}, { id } as Connection))).failed).toEqual(['connection_enabled']);
  });

  it('at another connection to the same provider: its people are others', async () => {
    const other = await house.connect();
    expect((await tellOf({ sub: maria.sub }, other)).status).toBe(200);
    expect(await signedIn(maria)).toBe(true);
  });

  it('at no connection, where there is no page', async () => {
    expect((await tellOf({}, { id: '00000000-0000-7000-8000-000000000000' } as Connection)).status).toBe(404);
  });
});
