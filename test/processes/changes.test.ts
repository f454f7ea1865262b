import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeOrganization } from '../support/organizations.js';
import {
  administrator,
  cookiesOf,
  isActive,
  type Manage,
  type Pair,
  refreshForm,
  rowsOf,
  send,
  silently,
  startPair,
  until,
} from '../support/pair.js';
import { makeClient, makePerson, type Party, tokensFor } from '../support/party.js';

/** Milliseconds in which the other process must know. */
const atOnce = 1_000;

interface Holder {
  userId: string;
  cookie: string;
  accessToken: string;
  refreshToken: string;
}

describe('a change made at one process is true at the other within a second', () => {
  let house: Pair;
  let manage: Manage;
  /** A resource server that asks about tokens of others. */
  let observer: Party;

  beforeAll(async () => {
    house = await startPair();
    manage = await administrator(house);
    observer = await makeClient(house.server, {
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
    });
  }, 180_000);
  afterAll(() => house?.close());

  const client = () => makeClient(house.server, { consent_policy: 'implicit' });

  async function signedInAt(party: Party): Promise<Holder> {
    const user = await makePerson(house.server);
    const { browser, access_token, refresh_token } = await tokensFor(house.server, party, user.email);
    return {
      userId: user.id,
      cookie: cookiesOf(browser),
      accessToken: String(access_token),
      refreshToken: String(refresh_token),
    };
  }

  /** Everything that stands on a sign-in, at the other process; asked before, so that what it keeps in memory is warm. */
  const worksAt = (party: Party, holder: Holder): Record<string, () => Promise<boolean>> => ({
    'the cookie': async () => (await silently(house, 1, party, holder.cookie)).code !== undefined,
    userinfo: async () =>
      (await house.ask(1, '/userinfo', { headers: { authorization: `Bearer ${holder.accessToken}` } })).status === 200,
    introspection: () => isActive(house, observer, holder.accessToken, 1),
    'introspection of the refresh token': () => isActive(house, observer, holder.refreshToken, 1),
    'the refresh token': async () =>
      (await send(house, 1, '/token', party, refreshForm(holder.refreshToken))).status === 200,
  });

  async function expectEnds(
    works: Record<string, () => Promise<boolean>>,
    change: () => Promise<{ status: number }>,
  ): Promise<void> {
    for (const [what, ask] of Object.entries(works)) expect([what, await ask()]).toEqual([what, true]);
    const { status } = await change();
    expect([200, 201, 204]).toContain(status);
    const changed = performance.now();
    for (const [what, ask] of Object.entries(works))
      await until(what, async () => !(await ask()), Math.max(1, atOnce - (performance.now() - changed)));
    // And it stays so.
    for (const [what, ask] of Object.entries(works)) expect([what, await ask()]).toEqual([what, false]);
  }

  const ofClient = (party: Party) => ({
    'client authentication': async () => (await send(house, 1, '/introspect', party, { token: 'x' })).status === 200,
  });

  it('a membership that is suspended ends what was given for the organization, and nothing else', async () => {
    const scope = 'openid profile email organization';
    const party = await makeClient(house.server, { consent_policy: 'implicit', scope });
    const user = await makePerson(house.server);
    const { id, slug } = await makeOrganization(house.server, { members: [user] });
    const given = async (more: Record<string, string>) => {
      const { browser, access_token, refresh_token } = await tokensFor(house.server, party, user.email, more);
      const tokens = { accessToken: String(access_token), refreshToken: String(refresh_token) };
      return worksAt(party, { userId: user.id, cookie: cookiesOf(browser), ...tokens });
    };
    const { 'the cookie': _cookie, ...works } = await given({ scope: 'openid organization', organization: slug });
    const others = await given({ scope: 'openid' });
    await expectEnds(works, () =>
      manage(0, 'PUT', `/organizations/${id}/members/${user.id}/suspension`, { reason: 'x' }),
    );
    for (const [what, ask] of Object.entries(others)) expect([what, await ask()]).toEqual([what, true]);
  });

  it('a disabled client does not authenticate, and its tokens are good for nothing', async () => {
    const party = await client();
    const works = { ...worksAt(party, await signedInAt(party)), ...ofClient(party) };
    await expectEnds(works, () => manage(0, 'PUT', `/clients/${party.clientId}/suspension`));
  });

  it('a deleted client does not authenticate, and its tokens are good for nothing', async () => {
    const party = await client();
    const works = { ...worksAt(party, await signedInAt(party)), ...ofClient(party) };
    await expectEnds(works, () => manage(0, 'DELETE', `/clients/${party.clientId}`));
  });

  it('a rotated secret authenticates, and the removed one does not (RFC 6749 §2.3.1)', async () => {
    const party = await client();
    const { body } = await manage(0, 'GET', `/clients/${party.clientId}/secrets`);
    const [old] = body.items as unknown as { id: string }[];
    expect(await ofClient(party)['client authentication']()).toBe(true);

    const added = await manage(0, 'POST', `/clients/${party.clientId}/secrets`, {});
    const rotated = { ...party, clientSecret: String(added.body.client_secret) };
    await until('the new secret works', ofClient(rotated)['client authentication'], atOnce);
    await expectEnds(ofClient(party), () => manage(0, 'DELETE', `/clients/${party.clientId}/secrets/${old?.id}`));
    expect(await ofClient(rotated)['client authentication']()).toBe(true);
  });

  it('a disabled user is signed in nowhere, and their tokens are good for nothing', async () => {
    const party = await client();
    const holder = await signedInAt(party);
    await expectEnds(worksAt(party, holder), () => manage(0, 'PUT', `/users/${holder.userId}/suspension`));
  });

  it('a deleted user is signed in nowhere, and their tokens are good for nothing', async () => {
    const party = await client();
    const holder = await signedInAt(party);
    await expectEnds(worksAt(party, holder), () => manage(0, 'DELETE', `/users/${holder.userId}`));
  });

  it('a disabled user is refused where a sign-in that was on its way has left a session and a grant behind', async () => {
    const party = await client();
    const holder = await signedInAt(party);
    await expectEnds(worksAt(party, holder), async () => {
      await rowsOf(house, 'UPDATE users SET disabled_at = now() WHERE id = $1', holder.userId);
      return { status: 204 };
    });
  });

  it('a revoked grant takes its tokens with it, and the person stays signed in (RFC 7009 §2.1)', async () => {
    const party = await client();
    const holder = await signedInAt(party);
    const { body } = await manage(0, 'GET', `/grants?user_id=${holder.userId}`);
    const [grant] = body.items as unknown as { id: string }[];
    const { 'the cookie': signedIn, ...tokens } = worksAt(party, holder);
    await expectEnds(tokens, () => manage(0, 'DELETE', `/grants/${grant?.id}`));
    expect(await signedIn?.()).toBe(true);
  });

  it('an ended session takes the tokens made in it with it', async () => {
    const party = await client();
    const holder = await signedInAt(party);
    const { body } = await manage(0, 'GET', `/sessions?user_id=${holder.userId}`);
    const [session] = body.items as unknown as { id: string }[];
    await expectEnds(worksAt(party, holder), () => manage(0, 'DELETE', `/sessions/${session?.id}`));
  });

  it('changed metadata of a client counts', async () => {
    const party = await client();
    const { cookie } = await signedInAt(party);
    const elsewhere = { ...party, redirectUri: 'https://rp.example/elsewhere' };
    expect((await silently(house, 1, elsewhere, cookie)).code).toBeUndefined();
    const patch = { redirect_uris: [party.redirectUri, elsewhere.redirectUri] };
    const { status } = await manage(0, 'PATCH', `/clients/${party.clientId}`, patch);
    expect(status).toBe(200);
    const works = async () => (await silently(house, 1, elsewhere, cookie)).code !== undefined;
    await until('the new redirect_uri is known', works, atOnce);
  });

  it('a suspended tenant is no issuer any more', async () => {
    const slug = `t-${randomUUID().slice(0, 8)}`;
    const { id } = await house.services.tenants.create({ slug, name: 'Elsewhere' });
    const discovery = async (index: number) =>
      (await house.ask(index, `/t/${slug}/.well-known/openid-configuration`)).status === 200;
    expect([await discovery(0), await discovery(1)]).toEqual([true, true]);
    await expectEnds({ 'at the one': () => discovery(0), 'at the other': () => discovery(1) }, async () => {
      await rowsOf(house, 'UPDATE tenants SET suspended_at = now() WHERE id = $1', id);
      await house.services.caching.publish('tenant', `slug:${slug}`);
      return { status: 204 };
    });
  });
});
