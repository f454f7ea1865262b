// An identity provider says that a session over there has ended (OpenID Connect Back-Channel Logout 1.0, as relying party).
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Connection } from '../../src/features/connections/connection.entity.js';
import type { Binding } from '../../src/features/connections/federated-sign-in.js';
import { listSessions } from '../../src/features/protocol/session.queries.js';
import { Browser } from '../support/browser.js';
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
  sid: string | null;
}

/** Somebody whose session here stands on one over there. */
async function standing({
  sub,
  sid = randomBytes(8).toString('hex'),
  connection = house.connection,
}: {
  sub?: string;
  /** Null: nobody says it. */
  sid?: string | null;
  connection?: Connection;
} = {}): Promise<Standing> {
  const { server, provider } = house;
  const mark = sub ?? randomBytes(8).toString('hex');
  const email = `${mark}@upstream.example`;
  provider.person = { sub: mark, email, email_verified: true };
  provider.manners.idToken = (claims) => Object.assign(claims, { sid: sid ?? undefined });
  const held = await house.held(await house.goAround({}, connection));
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

  it('by both ends a session of the person of which it is not known which one it is: the ID token had no sid (Core §2)', async () => {
    const [maria, jonas] = [await standing({ sid: null }), await standing({ sid: null })];
    expect((await tellOf({ sub: undefined, sid: 'one-of-theirs' })).status).toBe(200);
    expect((await tellOf({ sub: maria.sub, sid: 'one-of-theirs' })).status).toBe(200);
    expect([await signedIn(maria), await signedIn(jonas)]).toEqual([false, true]);
  });

  it('is good where nobody is signed in', async () => {
    expect((await tellOf({ sub: 'nobody' })).status).toBe(200);
  });

  it('ends a sign-in of theirs that is on its way', async () => {
    const answer = await house.goAround();
    expect((await tellOf({ sub: 'maria-upstream' })).status).toBe(200);
    await expect(house.held(answer)).rejects.toThrow();
  });

  it('ends one of the session it names, by sid alone (§2.4), before and after the browser is back', async () => {
    const claims = (sid: string) => (all: Json) => Object.assign(all, { sid });
    house.provider.manners.idToken = claims('sid-of-one');
    const [one, redeemed] = [await house.goAround(), await house.goAround()];
    const { id } = await house.held(redeemed);
    house.provider.manners.idToken = claims('sid-of-another');
    const other = await house.goAround();
    expect((await tellOf({ sub: undefined, sid: 'sid-of-one' })).status).toBe(200);
    await expect(house.held(one)).rejects.toThrow();
    const resumed = (binding: Binding) => house.server.inside((at) => at.federatedSignIns.resume(id, binding));
    expect(await resumed(redeemed.binding)).toBeUndefined();
    expect((await house.held(other)).identity.session?.index).toBe('sid-of-another');
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

describe('who signs out here is signed out over there, too (OpenID Connect RP-Initiated Logout 1.0), where the connection says so', () => {
  const bye = 'https://rp.example/bye';
  let telling: Connection;
  let going: Party;
  beforeAll(async () => {
    const end_session_endpoint = `${house.provider.issuer}/logout`;
    const { metadata } = house.connection.storedSettings.oidc as { metadata: object };
    telling = await house.connect({ logout: { rp_initiated: true }, metadata: { ...metadata, end_session_endpoint } });
    going = await makeClient(house.server, { post_logout_redirect_uris: [bye] });
  });

  /** @returns the page in between, and where it leads. */
  const signOut = async ({ browser }: Standing) => {
    const query = new URLSearchParams({ client_id: going.clientId, post_logout_redirect_uri: bye, state: 's&1' });
    const page = await browser.submit(await browser.open(`${house.server.issuer}/logout?${query}`), { logout: 'yes' });
    return { page, address: page.headers.get('refresh')?.replace('0; url=', '') };
  };
  const door = '/federation/';

  it('after our session has ended, and the browser goes on where it was sent', async () => {
    const maria = await standing({ connection: telling });
    const { page, address } = await signOut(maria);
    expect(await signedIn(maria)).toBe(false);
    const asked = new URL(String(address));
    expect(`${asked.origin}${asked.pathname}`).toBe(`${house.provider.issuer}/logout`);
    const back = `${house.server.issuer}${door}${telling.id}/signed-out`;
    expect([...asked.searchParams.keys()]).toEqual(['id_token_hint', 'client_id', 'post_logout_redirect_uri']);
    expect(asked.searchParams.get('post_logout_redirect_uri')).toBe(back);
    expect(decodeJwt(asked.searchParams.get('id_token_hint') ?? '').sub).toBe(maria.sub);
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self'");
    expect((await maria.browser.open(back)).url).toBe(`${bye}?state=${encodeURIComponent('s&1')}`);
    // Once: the way back is not kept.
    expect((await maria.browser.open(back)).url).toBe(back);
  });

  it('nobody else is led anywhere by it', async () => {
    const maria = await standing({ connection: telling });
    await signOut(maria);
    const back = `${house.server.issuer}${door}${telling.id}/signed-out`;
    const other = await new Browser().open(back);
    expect([other.url, other.status]).toEqual([back, 200]);
    const elsewhere = await house.connect();
    const wrong = back.replace(telling.id, elsewhere.id);
    expect((await maria.browser.open(wrong)).url).toBe(wrong);
  });

  it('by a ticket of this sign-out alone: not edited, not of another connection', async () => {
    const maria = await standing({ connection: telling });
    const seen = await maria.browser.open(`${house.server.issuer}/logout`);
    const { url } = await maria.browser.submit(seen, { logout: 'yes' });
    expect(new URL(url).pathname).toBe(`${door}${telling.id}/logout`);
    const other = await house.connect({}, {});
    for (const wrong of [
      `${url.slice(0, -8)}AAAAAAAA`,
      url.replace(telling.id, other.id),
      url.replace(/ticket=.*/, 'ticket='),
    ])
      expect((await fetch(wrong)).status).toBe(400);
    expect((await fetch(url)).status).toBe(200);
  });

  it('not where the connection does not say so', async () => {
    const maria = await standing();
    const { page, address } = await signOut(maria);
    expect([address, page.url]).toEqual([undefined, `${bye}?state=${encodeURIComponent('s&1')}`]);
  });
});
