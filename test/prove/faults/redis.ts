// Redis is killed, stopped, emptied, or refuses to write.
import { Browser, type Page } from '../../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  password,
  pkce,
  redeem,
  refresh,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { dpopKey, proofOf } from '../../support/proofs.js';
import type { Report, Sight } from './report.js';
import {
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

const group = 'Redis';
const promise =
  'people in the middle of a sign-in start again with a kind page; limits and replay detection never open; nothing durable lost';

export async function redisFaults(stage: Stage, report: Report): Promise<void> {
  if (!report.wants(group)) return;
  const { redis } = stage;
  // Limits as they are in production: what is counted is part of the promise.
  const house = await openHouse(stage, 1, { TEST_REAL: 'limits' });
  try {
    await report.record(
      group,
      'is killed (kill -9) in the middle of a sign-in, and started again empty',
      promise,
      (sight) =>
        outage(
          sight,
          house,
          () => redis.kill(),
          () => redis.start(),
        ),
    );
    await report.record(
      group,
      'is stopped (SIGSTOP) in the middle of a sign-in: it hangs and refuses nothing',
      promise,
      (sight) =>
        outage(
          sight,
          house,
          async () => redis.pause(),
          async () => redis.resume(),
        ),
    );
    await report.record(group, 'is emptied (FLUSHALL) in the middle of a sign-in', promise, async (sight) => {
      const { email, held, browser, page } = await beforehand(house);
      await redis.command('FLUSHALL');
      await interrupted(sight, house, browser, page, email);
      await stillThere(sight, house, held);
      await replaysStayClosed(sight, house);
    });
    await report.record(
      group,
      'is full: it answers each write with an error',
      'limits never open; no exit; back by itself',
      async (sight) => {
        await secondsUntil('Redis is there', async () => !(await saysSo(house)), 10);
        await redis.command('CONFIG', 'SET', 'maxmemory', '1');
        const browser = new Browser();
        const answers = await Promise.all(
          Array.from({ length: 5 }, () =>
            timed(() => browser.request(authorizationUrl(house.server, house.party, pkce()))),
          ),
        );
        await redis.command('CONFIG', 'SET', 'maxmemory', '0');
        sight.must(
          `authorization requests: ${statuses(answers)}, with Retry-After`,
          answers.every(({ status, retryAfter }) => status === 503 && retryAfter),
        );
        sight.must(
          'then a sign-in works',
          codeOf(
            await signIn(
              new Browser(),
              authorizationUrl(house.server, house.party, pkce()),
              (await makePerson(house.server)).email,
            ),
          ) !== '',
        );
        sight.must('the process stayed', isAlive(house));
      },
    );
  } finally {
    redis.resume();
    if (!redis.running) await redis.start();
    await house.close().catch(() => {});
  }
}

interface Held {
  refresh_token?: string;
  access_token?: string;
  browser: Browser;
}

/** Somebody who is signed in, and somebody at the password page. */
async function beforehand(house: House): Promise<{ email: string; held: Held; browser: Browser; page: Page }> {
  const { email } = await makePerson(house.server);
  const held = await tokensFor(house.server, house.party, email, { scope: 'openid offline_access', prompt: 'consent' });
  const browser = new Browser();
  const first = await browser.open(authorizationUrl(house.server, house.party, pkce()));
  return { email, held, browser, page: await browser.submit(first, { username: email }) };
}

async function outage(sight: Sight, house: House, away: () => Promise<void>, back: () => Promise<void>): Promise<void> {
  const { email, held, browser, page } = await beforehand(house);
  await away();
  // Until the connection is given up, a command that gets no answer is refused: done or not, nobody knows.
  const unsettled = await timed(() =>
    house.ask(0, new URL(page.url).pathname, { headers: { accept: 'text/html', cookie: cookieOf(browser) } }),
  );
  sight.must(
    `in the first moment the page answers ${unsettled.status} in ${(unsettled.ms / 1000).toFixed(1)} s`,
    [400, 503].includes(unsettled.status) && unsettled.ms < 5_000,
  );
  const settled = await secondsUntil(
    'sign-ins begin again',
    async () => {
      const response = await new Browser().request(authorizationUrl(house.server, house.party, pkce()));
      return response.status === 303;
    },
    10,
  );
  sight.note(`sign-ins begin again after ${settled.toFixed(1)} s, without Redis`);
  await interrupted(sight, house, browser, page, email);
  await stillThere(sight, house, held);
  await limitsStayClosed(sight, house);
  await replaysStayClosed(sight, house);
  const during = await beforehand(house);
  sight.must('readiness stays 200 and says that Redis is away', await saysSo(house));
  sight.must('the process stayed', isAlive(house));
  await back();
  await secondsUntil('Redis is back', async () => !(await saysSo(house)), 10);
  const end = await during.browser.submit(during.page, { username: during.email, password });
  sight.must('a sign-in begun without Redis ends with it', codeOf(end) !== '');
}

const cookieOf = (browser: Browser) =>
  [...browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');

const saysSo = async (house: House): Promise<boolean> => {
  const response = await house.ask(0, '/readyz');
  const { checks } = (await response.json()) as { checks: { redis: string } };
  return response.status === 200 && checks.redis === 'unreachable';
};

/** The page that was open sends its form, and the person begins anew. */
async function interrupted(sight: Sight, house: House, browser: Browser, page: Page, email: string): Promise<void> {
  const refused = await browser.submit(page, { username: email, password });
  sight.must(
    `the open form gets a page that says to start again (${refused.status})`,
    refused.status === 400 && refused.html.includes('<h1') && !refused.html.includes('name="password"'),
  );
  const again = await signIn(browser, authorizationUrl(house.server, house.party, pkce()), email);
  sight.must('starting again signs in', again.url.includes('code='));
}

async function stillThere(sight: Sight, house: House, held: Held): Promise<void> {
  const proof = pkce();
  const silent = await held.browser.open(authorizationUrl(house.server, house.party, proof, { prompt: 'none' }));
  const redeemed = await redeem(house.server, house.party, codeOf(silent), proof);
  const refreshed = await refresh(house.server, house.party, String(held.refresh_token));
  const answers = [redeemed.status, refreshed.status, (await token(house)).status];
  sight.must(
    `session, code, refresh token, client credentials: ${answers.join(', ')}`,
    answers.every((status) => status === 200),
  );
}

/** RFC 6749 §10.10: guesses at a client's secret. */
async function limitsStayClosed(sight: Sight, house: House): Promise<void> {
  const machine = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };
  const party = await makeClient(house.server, machine);
  const ask = (clientSecret: string) =>
    timed(() => house.ask(0, '/token', form({ ...party, clientSecret }, { grant_type: 'client_credentials' })));
  const guesses = [];
  for (let index = 0; index < 10; index += 1) guesses.push(await ask('x'.repeat(43)));
  const right = await ask(party.clientSecret);
  sight.must(
    `10 wrong secrets: ${statuses(guesses)}, slowest ${slowest(guesses)}; then the right one: ${right.status}`,
    right.status !== 200 && guesses.every(({ status }) => status !== 200),
  );
}

/** RFC 9449 §11.1, RFC 7523 §3. */
async function replaysStayClosed(sight: Sight, house: House): Promise<void> {
  const key = await dpopKey();
  const proof = await proofOf(key, { htm: 'POST', htu: `${house.issuer}/token` });
  const use = () =>
    timed(() => {
      const init = form(house.party, { grant_type: 'client_credentials' });
      return house.ask(0, '/token', { ...init, headers: { ...(init.headers as Record<string, string>), dpop: proof } });
    });
  const answers = [await use(), await use()];
  sight.must(`a DPoP proof twice: ${statuses(answers)}`, answers[0]?.status === 200 && answers[1]?.status !== 200);
}
