// Postgres is killed, stopped, cut off, slow, or has no connection left.
import { Browser, type Page } from '../../support/browser.js';
import { administrator } from '../../support/pair.js';
import { authorizationUrl, makePerson, pkce, tokensFor } from '../../support/party.js';
import { memoryOf, type Report, type Sight } from './report.js';
import {
  type Answer,
  basic,
  form,
  type House,
  isAlive,
  openHouse,
  type Stage,
  secondsUntil,
  slowest,
  statuses,
  timed,
  token,
} from './stage.js';

const group = 'PostgreSQL';
const outagePromise =
  'liveness 200, readiness 503 within 5 s; discovery and JWKS answered; everything else 503 + Retry-After; no exit; back within 10 s of its return, without restart';

export async function postgresFaults(stage: Stage, report: Report): Promise<void> {
  if (!report.wants(group, 'is killed is stopped the network to it is cut answers slowly every connection is in use'))
    return;
  const house = await openHouse(stage, 1, { LOG_LEVEL: 'info' });
  try {
    const requests = await everything(house);
    const { postgres, databaseGate } = stage;
    await report.record(group, 'is killed (kill -9) for 15 s and started again', outagePromise, (sight) =>
      outage(
        sight,
        house,
        requests,
        () => postgres.kill(),
        () => postgres.start(),
      ),
    );
    await report.record(group, 'is stopped (SIGSTOP) for 15 s: it hangs and refuses nothing', outagePromise, (sight) =>
      outage(
        sight,
        house,
        requests,
        async () => postgres.pause(),
        async () => postgres.resume(),
      ),
    );
    await report.record(group, 'the network to it is cut for 15 s', outagePromise, (sight) =>
      outage(
        sight,
        house,
        requests,
        async () => databaseGate.cut(),
        async () => databaseGate.mend(),
      ),
    );
    await report.record(
      group,
      'answers slowly: each message takes 300 ms',
      'requests wait and are answered; no exit',
      async (sight) => {
        databaseGate.delayMs = 300;
        const answers = await Promise.all(Array.from({ length: 20 }, () => token(house)));
        databaseGate.delayMs = 0;
        sight.must(
          `20 token requests at once: ${statuses(answers)}, slowest ${slowest(answers)}`,
          answers.every(({ status }) => status === 200),
        );
        sight.must('the process stayed', isAlive(house));
      },
    );
    await report.record(
      group,
      'every connection is in use: a table is locked for 20 s, 400 requests come',
      'statement timeout; pool wait ≤ 5 s, then 503; bounded memory',
      (sight) => exhausted(sight, stage, house),
    );
  } finally {
    stage.databaseGate.mend();
    stage.databaseGate.delayMs = 0;
    await house.close().catch(() => {});
  }
}

type Requests = Record<string, () => Promise<Response>>;

/** One request of each kind that needs the database, made possible while it is there. */
async function everything(house: House): Promise<Requests> {
  const { party, server } = house;
  const { email } = await makePerson(server);
  const tokens = await tokensFor(server, party, email, { scope: 'openid offline_access', prompt: 'consent' });
  const manage = await administrator({ ...house, server });
  const bearer = { authorization: `Bearer ${tokens.access_token}` };
  const browser = new Browser();
  const page = await signInPage(house, browser);
  const { pathname, search } = new URL(authorizationUrl(server, party, pkce()));
  const cookie = [...browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');
  const html = { accept: 'text/html' };
  return {
    'authorization (a browser)': () => house.ask(0, `${pathname}${search}`, { headers: html }),
    'authorization, signed in': () =>
      house.ask(0, `${pathname}${search}`, {
        headers: {
          ...html,
          cookie: [...tokens.browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; '),
        },
      }),
    'sign-in page': () => house.ask(0, new URL(page.url).pathname, { headers: { ...html, cookie } }),
    'sign-in form': () =>
      house.ask(0, `${new URL(page.url).pathname}/login`, {
        method: 'POST',
        headers: { ...html, cookie, origin: house.issuer },
        body: new URLSearchParams({ csrf: csrfOf(page), username: email, password: 'wrong' }),
      }),
    'client credentials': () => house.ask(0, '/token', form(party, { grant_type: 'client_credentials' })),
    refresh: () =>
      house.ask(0, '/token', form(party, { grant_type: 'refresh_token', refresh_token: String(tokens.refresh_token) })),
    introspection: () => house.ask(0, '/introspect', form(party, { token: String(tokens.access_token) })),
    revocation: () => house.ask(0, '/revoke', form(party, { token: 'nobody-knows-it' })),
    userinfo: () => house.ask(0, '/userinfo', { headers: bearer }),
    'pushed request': () => house.ask(0, '/par', form(party, Object.fromEntries(new URLSearchParams(search)))),
    registration: () =>
      house.ask(0, '/register', {
        method: 'POST',
        headers: { ...bearer, 'content-type': 'application/json' },
        body: JSON.stringify({ redirect_uris: ['https://rp.example/cb'] }),
      }),
    'management API': async () => {
      const { status, headers } = await manage(0, 'GET', '/clients');
      return new Response(null, { status, headers });
    },
    'password page': () => house.ask(0, '/password?token=abc', { headers: html }),
    'logout page': () =>
      house.ask(0, '/logout', {
        headers: {
          ...html,
          cookie: [...tokens.browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; '),
          ...basic(party),
        },
      }),
  };
}

const signInPage = ({ server, party }: House, browser: Browser): Promise<Page> =>
  browser.open(authorizationUrl(server, party, pkce()));

const csrfOf = ({ html }: Page): string => /name="csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';

async function outage(
  sight: Sight,
  house: House,
  requests: Requests,
  away: () => Promise<void>,
  back: () => Promise<void>,
): Promise<void> {
  const pid = house.members[0]?.child.pid;
  await secondsUntil('it is ready', async () => (await house.ask(0, '/readyz')).status === 200, 10);
  const began = performance.now();
  await away();
  const unready = await secondsUntil(
    'readiness is off',
    async () => (await house.ask(0, '/readyz')).status === 503,
    10,
  );
  sight.must(`readiness 503 after ${unready.toFixed(1)} s`, unready <= 5);

  const published: Answer[] = [];
  const alive: Answer[] = [];
  const refused: Record<string, Answer[]> = {};
  // What was read within the last second is still true.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  while (performance.now() - began < 15_000 || Object.values(refused).some((answers) => answers.length < 1)) {
    alive.push(await timed(() => house.ask(0, '/healthz')));
    const [metadata] = await Promise.all([
      Promise.all(
        ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'].map((path) =>
          timed(() => house.ask(0, path)),
        ),
      ),
      ...Object.entries(requests).map(async ([name, ask]) => {
        refused[name] = [...(refused[name] ?? []), await timed(ask)];
      }),
    ]);
    published.push(...metadata);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  }
  const all = Object.values(refused).flat();
  const wrong = Object.entries(refused).filter(([, answers]) =>
    answers.some(({ status, retryAfter }) => status !== 503 || !retryAfter),
  );
  sight.must(
    `liveness ${statuses(alive)}`,
    alive.every(({ status }) => status === 200),
  );
  sight.must(
    `discovery and JWKS ${statuses(published)}, slowest ${slowest(published)}`,
    published.every(({ status }) => status === 200),
  );
  sight.must(
    `${Object.keys(requests).length} kinds of other requests: ${statuses(all)}, slowest ${slowest(all)}${
      wrong.length > 0
        ? ` (${wrong.map(([name, answers]) => `${name}: ${statuses(answers)}${answers.some((a) => a.status === 503 && !a.retryAfter) ? ' without Retry-After' : ''}`).join(', ')})`
        : ', each with Retry-After'
    }`,
    wrong.length === 0 && all.every(({ ms }) => ms < 15_000),
  );
  sight.must('the process stayed', isAlive(house));
  sight.note(`${memoryOf(pid)} MB`);

  await back();
  const ready = await secondsUntil(
    'readiness is on again',
    async () => (await house.ask(0, '/readyz')).status === 200,
    20,
  );
  const serves = await secondsUntil('tokens again', async () => (await token(house)).status === 200, 20);
  sight.must(`back after ${(ready + serves).toFixed(1)} s`, ready + serves <= 10);
  await secondsUntil('changes are heard again', async () => house.services.invalidation.live, 10);
}

/** Rows that token requests write are locked by somebody else; each request waits on a connection until none is left. */
async function exhausted(sight: Sight, stage: Stage, house: House): Promise<void> {
  const pid = house.members[0]?.child.pid;
  const before = memoryOf(pid);
  const name = new URL(String(house.database.url)).pathname.slice(1);
  const holder = stage.postgres.query(
    'DO $$ BEGIN LOCK TABLE engine_rows IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep(20); END $$',
    [],
    name,
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  const answers = await Promise.all(Array.from({ length: 400 }, () => token(house)));
  sight.must(
    `400 requests at once: ${statuses(answers)}, each with Retry-After, slowest ${slowest(answers)}`,
    answers.every(({ status, retryAfter, ms }) => status === 503 && retryAfter && ms < 15_000),
  );
  const quick = answers.filter(({ ms }) => ms < 6_500).length;
  sight.note(`${quick} of them within 6.5 s: each statement waits 5 s for a connection and 10 s for its end at most`);
  sight.must('discovery meanwhile 200', (await timed(() => house.ask(0, '/jwks'))).status === 200);
  const after = memoryOf(pid);
  sight.must(`${before} MB before, ${after} MB after`, after < before + 150);
  await holder;
  const serves = await secondsUntil('tokens again', async () => (await token(house)).status === 200, 20);
  sight.must(`tokens again ${serves.toFixed(1)} s after the lock was gone`, serves <= 10);
  sight.must('the process stayed', isAlive(house));
}
