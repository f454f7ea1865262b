// Whose answer it is: of this request, this connection, this tenant, this browser, and once (RFC 9700 §4.4, §4.7).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Connection } from '../../src/features/connections/connection.entity.js';
import { randomToken } from '../../src/platform/crypto.js';
import { MovedClock } from '../support/clock.js';
import { at } from '../support/tenancy.js';
import { UpstreamHouse } from '../support/upstream/house.js';

const clock = new MovedClock();
let house: UpstreamHouse;

beforeAll(async () => {
  house = await UpstreamHouse.open({ overrides: { clock } });
}, 60_000);
afterAll(() => house?.close());
beforeEach(() => {
  clock.reset();
  house.provider.behave();
});

const get = (url: string | URL) => fetch(url, { redirect: 'manual' });
/** Gone there, and about to come back. */
const onTheWay = async (connection = house.connection) => {
  const visit = await house.leave({}, connection);
  return { ...visit, back: new URL((await house.provider.visit(visit.request.href)).location) };
};
const enable = (connection: Connection, enabled: boolean) =>
  house.server.inside(({ db, clock: now }) =>
    db.repo(Connection).update({ id: connection.id }, { enabledAt: enabled ? now.now() : null }),
  );
const tokenCalls = () => house.provider.asked.filter(({ path }) => path === '/token').length;

describe('an answer counts for the request that was made', () => {
  it.each<[string, (back: URL) => void]>([
    ['with another state', (back) => back.searchParams.set('state', randomToken())],
    ['without state', (back) => back.searchParams.delete('state')],
    ['with an empty state', (back) => back.searchParams.set('state', '')],
    ['with state twice', (back) => back.searchParams.append('state', back.searchParams.get('state') ?? '')],
  ])('%s: nobody, and the provider is not asked', async (_what, change) => {
    const { back } = await onTheWay();
    const good = back.href;
    change(back);
    const { reason, failed } = await house.refused(() => get(back));
    expect([reason, failed, tokenCalls()]).toEqual(['state', ['state'], 0]);
    expect((await get(good)).status).toBe(303);
  });

  it('once: of many at the same time one is taken, and it is not taken again', async () => {
    const { back } = await onTheWay();
    const answers = await Promise.all(Array.from({ length: 8 }, () => get(back)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(7).fill(400)]);
    expect(tokenCalls()).toBe(1);
    expect((await house.refused(() => get(back))).reason).toBe('state');
  });

  it('at its own connection: a code is shown to no other provider (mix-up)', async () => {
    const other = await house.connect();
    const { back } = await onTheWay();
    const elsewhere = new URL(back.href.replace(house.connection.id, other.id));
    expect((await house.refused(() => get(elsewhere))).reason).toBe('state');
    expect(tokenCalls()).toBe(0);
    expect((await get(back)).status).toBe(303);
  });

  it('at its own tenant', async () => {
    const tenant = await house.server.inside(({ tenants }) => tenants.create({ slug: 'other', name: 'Other' }));
    const there = at(house.server, tenant);
    const { back } = await onTheWay();
    const elsewhere = new URL(`${there.issuer}${back.pathname}${back.search}`);
    expect((await get(elsewhere)).status).toBe(404);
    const connection = await house.save({ kind: 'oidc', storedSettings: house.connection.storedSettings }, there);
    const theirs = new URL(elsewhere.href.replace(house.connection.id, connection.id));
    expect((await get(theirs)).status).toBe(400);
    expect(tokenCalls()).toBe(0);
    expect((await get(back)).status).toBe(303);
  });

  it('at the tenant it was begun at, the handle too', async () => {
    const tenant = await house.server.inside(({ tenants }) => tenants.create({ slug: 'third', name: 'Third' }));
    const there = at(house.server, tenant);
    const { location } = await begun();
    expect((await get(location.replace(house.server.issuer, there.issuer))).status).toBe(400);
    expect((await get(location)).status).toBe(303);
  });

  it('within a quarter of an hour', async () => {
    const { back } = await onTheWay();
    clock.move(15 * 60 + 1);
    expect((await house.refused(() => get(back))).reason).toBe('state');
  });

  it('as long as the connection is the same: pointed at another provider meanwhile, that one is shown no code', async () => {
    const connection = await house.connect();
    const { back } = await onTheWay(connection);
    const settings = structuredClone(connection.storedSettings) as { oidc: { metadata: Record<string, string> } };
    settings.oidc.metadata.token_endpoint = `${house.provider.issuer}/elsewhere`;
    await house.server.inside(({ db }) =>
      db.repo(Connection).update({ id: connection.id }, { storedSettings: settings as never }),
    );
    expect((await house.refused(() => get(back))).failed).toEqual(['provider_unchanged']);
    expect(house.provider.asked.map(({ path }) => path)).toEqual(['/authorize']);
  });

  it('as long as the connection is enabled: at the start, at the answer and where it is redeemed', async () => {
    const connection = await house.connect();
    const { location } = await begun(connection);
    const { back } = await onTheWay(connection);
    const visit = await house.leave({}, connection);
    const answer = Object.assign(await house.comeBack(visit), { binding: visit.binding });
    await enable(connection, false);
    expect((await get(location)).status).toBe(400);
    const calls = tokenCalls();
    expect((await house.refused(() => get(back))).reason).toBe('state');
    expect(tokenCalls()).toBe(calls);
    await expect(house.held(answer)).rejects.toThrow();
    await enable(connection, true);
    expect((await house.held(answer)).identity.subject).toBe('maria-upstream');
  });
});

describe('a sign-in comes back to the browser that asked for it (login CSRF, RFC 9700 §4.7)', () => {
  it('and to no other, whatever address that is sent to; it is not used up by it', async () => {
    const answer = await house.goAround();
    const binding = { kind: 'interaction', id: 'of-another-browser' } as const;
    await expect(house.held(Object.assign(answer.clone(), { binding }))).rejects.toThrow();
    expect((await house.held(answer)).identity.subject).toBe('maria-upstream');
  });

  it('once', async () => {
    const answer = await house.goAround();
    await house.held(answer);
    await expect(house.held(answer)).rejects.toThrow();
  });
});

describe('the handle that leads there', () => {
  it('leads nowhere where we have nothing to show ourselves with', async () => {
    const connection = await house.connect();
    await house.server.inside(({ db }) => db.repo(Connection).update({ id: connection.id }, { secretSealed: null }));
    const { location } = await begun(connection);
    expect((await house.refused(() => get(location))).failed).toEqual(['client_secret']);
  });

  it('is good once, and of many at the same time for one', async () => {
    const { location } = await begun();
    const answers = await Promise.all(Array.from({ length: 8 }, () => get(location)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(7).fill(400)]);
    expect((await get(location)).status).toBe(400);
  });

  it('is good for its connection, and for a quarter of an hour; whatever it is that is wrong is told alike', async () => {
    const other = await house.connect();
    const [one, late] = [await begun(), await begun()];
    const pages = [
      await get(one.location.replace(house.connection.id, other.id)),
      await get(one.location.replace(/handle=.*/, `handle=${randomToken()}`)),
      await get(one.location.replace(/\?.*/, '')),
    ];
    expect((await get(one.location)).status).toBe(303);
    clock.move(15 * 60 + 1);
    pages.push(await get(late.location));
    const told = await Promise.all(pages.map(async (page) => (await page.text()).replace(/[\w-]{36}/g, '')));
    expect(pages.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(new Set(told).size).toBe(1);
  });

  it('of a connection whose provider is not known yet leads nowhere, and it is told why', async () => {
    const connection = await house.connect({ metadata: {} });
    const { location } = await begun(connection);
    const { failed, checks } = await house.refused(() => get(location));
    expect([failed, checks.at(-1)?.setting]).toEqual([['provider_metadata'], 'oidc.metadata']);
  });
});

it('what is no connection is no page', async () => {
  for (const id of ['x', randomToken(), '00000000-0000-7000-8000-000000000000'])
    expect((await get(`${house.server.issuer}/federation/${id}/callback?state=x`)).status).toBe(404);
});

it('a stranger who makes answers up is slowed down, and fills no log', async () => {
  const few = await UpstreamHouse.open({
    overrides: { limits: { federationFailures: { points: 3, seconds: 60 } } as never },
  });
  try {
    const url = `${few.server.issuer}/federation/${few.connection.id}/callback?state=made-up&code=x`;
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(url)));
    expect(answers.map(({ status }) => status).sort()).toEqual([400, 400, 400, ...Array(7).fill(429)]);
  } finally {
    await few.close();
  }
}, 60_000);

/** Begun, and not gone anywhere yet. */
const begun = (connection = house.connection) =>
  house.server.inside(({ federatedSignIns }) =>
    federatedSignIns.begin(connection, {
      binding: { kind: 'interaction', id: randomToken() },
      purpose: 'sign_in',
      back: '/interaction/x/federation/callback',
    }),
  );
