import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { organizationOf } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

interface Event {
  kind: string;
  user_id: string;
  occurred_at: string;
}
interface Interval {
  from: string;
  to: string;
  joined: number;
  left: number;
  members: number;
  growth_rate: number | null;
  churn_rate: number | null;
}

/** Mulberry32: the same year for everybody who runs this. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const dayMs = 86_400_000;
const dayOf = (time: number) => new Date(time).toISOString().slice(0, 10);

/** Where the interval that holds a day ends. */
function nextOf(interval: string, day: number): number {
  const date = new Date(day);
  if (interval === 'day') return day + dayMs;
  if (interval === 'week') return day + (7 - ((date.getUTCDay() + 6) % 7)) * dayMs;
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** From what the history says alone, in another language than the server's. */
function recomputed(events: readonly Event[], from: string, to: string, interval: string): Interval[] {
  const within = (begins: number, ends: number, kinds: string[]) =>
    events.filter(({ kind, occurred_at }) => {
      const at = Date.parse(occurred_at);
      return kinds.includes(kind) && at >= begins && at < ends;
    }).length;
  const gone = ['left', 'removed'];
  const spans: Interval[] = [];
  for (let begins = Date.parse(from); begins < Date.parse(to); ) {
    const ends = Math.min(nextOf(interval, begins), Date.parse(to));
    const before = within(0, begins, ['joined']) - within(0, begins, gone);
    const [joined, left] = [within(begins, ends, ['joined']), within(begins, ends, gone)];
    spans.push({
      from: dayOf(begins),
      to: dayOf(ends),
      joined,
      left,
      members: before + joined - left,
      growth_rate: before > 0 ? (joined - left) / before : null,
      churn_rate: before > 0 ? left / before : null,
    });
    begins = ends;
  }
  return spans;
}

describe('what became of members, and how many they are', () => {
  let server: TestServer;
  let token: string;
  const api = (path: string) => ask(server, token, 'get', path);

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'organizations:read organizations:write');
  }, 180_000);
  afterAll(() => server?.close());

  async function everyEvent(slug: string): Promise<Event[]> {
    const events: Event[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await api(`/organizations/${slug}/history?limit=100${cursor}`);
      events.push(...(body.items as Event[]));
      if (!body.next_cursor) return events;
      cursor = `&cursor=${body.next_cursor}`;
    }
  }

  /** A year of coming and going, with suspensions and changes between. */
  async function aYear(): Promise<string> {
    const { id, slug, tenantId } = await organizationOf(server);
    const random = seeded(20_260_101);
    const members: string[] = [];
    const rows: [string, string, string][] = [];
    for (let at = Date.UTC(2025, 0, 1); at < Date.UTC(2026, 0, 1); at += Math.floor(random() * 2 * dayMs * 0.4)) {
      const time = new Date(at).toISOString();
      const dice = random();
      const [user = ''] = members.splice(Math.floor(random() * members.length), 1);
      if (dice < 0.55 || !user) {
        const joined = randomUUID();
        rows.push([joined, 'joined', time]);
        members.push(joined, ...(user ? [user] : []));
      } else if (dice < 0.8) rows.push([user, dice < 0.7 ? 'left' : 'removed', time]);
      else {
        rows.push([user, dice < 0.9 ? 'suspended' : 'changed', time]);
        members.push(user);
      }
    }
    await server.services.db.manager.query(
      `INSERT INTO membership_events (tenant_id, id, organization_id, user_id, kind, occurred_at)
       SELECT $1, gen_random_uuid(), $2, e.user_id, e.kind, e.at
         FROM ROWS FROM (unnest($3::uuid[]), unnest($4::text[]), unnest($5::timestamptz[])) AS e (user_id, kind, at)`,
      [tenantId, id, rows.map(([user]) => user), rows.map(([, kind]) => kind), rows.map(([, , at]) => at)],
    );
    expect(rows.length).toBeGreaterThan(500);
    return slug;
  }

  it('is recomputed from the history: the same for every day, week and month of a year', async () => {
    const slug = await aYear();
    const events = await everyEvent(slug);
    for (const [from, to, interval] of [
      ['2025-01-01', '2026-01-01', 'day'],
      ['2025-01-01', '2026-01-01', 'week'],
      ['2025-01-01', '2026-01-01', 'month'],
      ['2025-03-13', '2025-07-09', 'week'],
      ['2025-03-13', '2025-07-09', 'month'],
      ['2024-12-30', '2025-01-02', 'day'],
    ] as const) {
      const { status, body } = await api(
        `/organizations/${slug}/statistics?from=${from}&to=${to}&interval=${interval}`,
      );
      expect([interval, status, body.intervals]).toEqual([interval, 200, recomputed(events, from, to, interval)]);
    }
  });

  it('counts whoever is suspended as a member, and agrees with who is there', async () => {
    const [one, two, three] = [await makePerson(server), await makePerson(server), await makePerson(server)];
    const organization = await organizationOf(server, { [one.id]: 'owner', [two.id]: 'admin', [three.id]: 'member' });
    await server.inside(async ({ memberships }) => {
      await memberships.suspend(organization, two.id, 'x');
      await memberships.remove(organization, three.id);
    });
    const today = dayOf(Date.now());
    const { body } = await api(
      `/organizations/${organization.slug}/statistics?from=${today}&to=${dayOf(Date.now() + dayMs)}`,
    );
    expect(body.intervals).toEqual([
      expect.objectContaining({ joined: 3, left: 1, members: 2, growth_rate: null, churn_rate: null }),
    ]);
  });

  it('is asked for a time that there is, and not for too much of it', async () => {
    const { slug } = await organizationOf(server);
    for (const query of [
      '',
      'from=2026-01-02&to=2026-01-01',
      'from=2026-01-01&to=2026-01-01',
      'from=2026-02-30&to=2026-03-01',
      'from=0000-01-01&to=0000-12-01',
      'from=1969-12-31&to=1970-02-01',
      'from=2020-01-01&to=2026-01-01',
      'from=1900-01-01&to=2026-01-01&interval=month',
      'from=2026-01-01&to=2026-01-02&interval=hour',
    ])
      expect([query, (await api(`/organizations/${slug}/statistics?${query}`)).status]).toEqual([query, 422]);
  });

  it('tells the history newest first, of one member too, who need not be one any more, by kind and page', async () => {
    const [one, two] = [await makePerson(server), await makePerson(server)];
    const organization = await organizationOf(server, { [one.id]: 'owner', [two.id]: 'member' });
    await server.inside(({ memberships }) => memberships.remove(organization, two.id));
    const kinds = async (path: string) =>
      ((await api(`/organizations/${organization.slug}${path}`)).body.items as Event[]).map(({ kind }) => kind);
    expect(await kinds('/history')).toEqual(['removed', 'joined', 'joined']);
    expect(await kinds('/history?kind=joined')).toEqual(['joined', 'joined']);
    expect(await kinds(`/members/${two.id}/history`)).toEqual(['removed', 'joined']);
    expect(await kinds('/history?limit=1')).toEqual(['removed']);
    const { body } = await api(`/organizations/${organization.slug}/members/${two.id}/history`);
    expect((body.items as object[])[0]).toMatchObject({ actor: { type: 'system', id: 'ostiary' }, data: {} });
    const nobody = await makePerson(server);
    expect((await api(`/organizations/${organization.slug}/members/${nobody.id}/history`)).status).toBe(404);
  });
});
