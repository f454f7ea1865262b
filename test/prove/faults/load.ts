// Races, a storm of sign-ins, a process that is told to stop, keys that change: what happens while many requests are under way.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createRemoteJWKSet, jwtVerify, SignJWT } from 'jose';
import { projectRoot } from '../../../config/root.js';
import { Browser } from '../../support/browser.js';
import { cookiesOf, crowd, redeemForm, refreshForm, silently } from '../../support/pair.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  redeem,
  signIn,
  tokensFor,
} from '../../support/party.js';
import type { Outside } from '../../support/processes.js';
import { type DpopKey, dpopKey } from '../../support/proofs.js';
import { memoryOf, type Report, type Sight } from './report.js';
import {
  type Answer,
  form,
  type House,
  isAlive,
  openHouse,
  type Stage,
  secondsUntil,
  statuses,
  timed,
  token,
} from './stage.js';

const group = 'Under load';

export async function loadFaults({ outside }: Stage, report: Report): Promise<void> {
  if (
    !report.wants(
      group,
      'the same code, the same refresh token twice, sign-out races, login storm, sigterm, signing key is rotated, clocks differ',
    )
  )
    return;
  const { databaseUrl, redisUrl } = outside;
  // As production has it, only shorter: a balancer needs a moment to notice that a server is leaving.
  const house = await openHouse({ outside: { databaseUrl, redisUrl } }, 2, { DRAIN_DELAY: '1' });
  const pair = { ...house };
  try {
    await report.record(
      group,
      'the same code, the same refresh token 20 times at once at two processes',
      'exactly one wins',
      async (sight) => {
        const { email } = await makePerson(house.server);
        const proof = pkce();
        const code = codeOf(await signIn(new Browser(), authorizationUrl(house.server, house.party, proof), email));
        const redeemed = await crowd(20, (index) =>
          timed(() => house.ask(index % 2, '/token', form(house.party, redeemForm(house.party, code, proof)))),
        );
        sight.must(`a code: ${statuses(redeemed)}`, redeemed.filter(({ status }) => status === 200).length === 1);
        const { refresh_token } = await tokensFor(house.server, house.party, email, {
          scope: 'openid offline_access',
          prompt: 'consent',
        });
        const refreshed = await crowd(20, (index) =>
          timed(() => house.ask(index % 2, '/token', form(house.party, refreshForm(String(refresh_token))))),
        );
        const different = new Set(refreshed.map(({ text }) => text)).size;
        sight.must(`a refresh token: ${statuses(refreshed)}, ${different} different answers`, different === 1);
        sight.note('50 at once, and everything else that works once: `test/processes/{codes,refresh,single-use}`');
      },
    );
    await report.record(group, 'sign-out races 20 silent authorizations', 'the session stays dead', async (sight) => {
      const { email, id } = await makePerson(house.server);
      const { browser } = await tokensFor(house.server, house.party, email);
      const cookie = cookiesOf(browser);
      const racing = crowd(20, (index) => silently(pair, index, house.party, cookie));
      await house.inside(({ protocol }) => protocol.sessions.endAll(id, 'logout'));
      const answers = await racing;
      const after = await silently(pair, 0, house.party, cookie);
      sight.must(
        `${answers.filter(({ code }) => code).length} of 20 came before it; afterwards ${after.error}`,
        after.error === 'login_required',
      );
      sight.note('each order of the two: `test/processes/sign-out`');
    });
    await report.record(
      group,
      'a storm of sign-ins: 200 passwords at once at one process',
      'sign-ins shed with 503 + Retry-After; tokens served meanwhile; memory bounded; recovered 10 s after',
      (sight) => storm(sight, { databaseUrl, redisUrl }),
    );
    await report.record(group, 'clocks differ by two minutes', 'foreign JWTs within tolerance', (sight) =>
      clocks(sight, house),
    );
    await report.record(
      group,
      'a signing key is rotated with `ostiary keys rotate` while ID tokens are issued and verified',
      'no failed verification',
      (sight) => rotation(sight, house),
    );
    await report.record(
      group,
      'SIGTERM to one of two processes while requests come',
      'readiness off, drain ≤ 20 s, no failed request behind a balancer, exit 0',
      (sight) => sigterm(sight, house),
    );
  } finally {
    await house.close();
  }
}

const p95 = (answers: readonly Answer[]): number =>
  answers.map(({ ms }) => ms).sort((a, b) => a - b)[Math.floor(answers.length * 0.95)] ?? 0;

/** One after the other for so many milliseconds. */
async function steadily(house: House, milliseconds: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const started = performance.now(); performance.now() - started < milliseconds; )
    answers.push(await token(house));
  return answers;
}

/** The real cost of a password: of people who do not exist, so that nobody is locked. */
async function storm(sight: Sight, outside: Outside): Promise<void> {
  const house = await openHouse({ outside }, 1, { TEST_REAL: 'hashing' });
  try {
    await stormAt(sight, house);
  } finally {
    await house.close();
  }
}

async function stormAt(sight: Sight, house: House): Promise<void> {
  const visitors = await crowd(200, async () => {
    const browser = new Browser();
    const page = await browser.open(authorizationUrl(house.server, house.party, pkce()));
    const cookie = [...browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');
    return { path: new URL(page.url).pathname, cookie, csrf: /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '' };
  });
  const pid = house.members[0]?.child.pid;
  const [before, alone] = [memoryOf(pid), await steadily(house, 2_000)];
  const meanwhile = steadily(house, 3_000);
  const answers = await Promise.all(
    visitors.map(({ path: address, cookie, csrf }) =>
      timed(() =>
        house.ask(0, `${address}/login`, {
          method: 'POST',
          headers: { cookie, origin: house.issuer, accept: 'text/html' },
          body: new URLSearchParams({ csrf, username: `${randomUUID()}@example.com`, password: 'not the one' }),
        }),
      ),
    ),
  );
  const during = await meanwhile;
  const shed = answers.filter(({ status }) => status === 503);
  sight.must(
    `${statuses(answers)}; each 503 with Retry-After`,
    shed.length > 0 && shed.every(({ retryAfter }) => retryAfter),
  );
  sight.must(
    `tokens meanwhile: ${statuses(during)}`,
    during.every(({ status }) => status === 200),
  );
  sight.note(
    `their p95 is ${p95(alone).toFixed(0)} ms alone, ${p95(during).toFixed(0)} ms in the storm, which on this machine also the storm itself and two databases share (measured with pinned cores by \`npm run bench\`)`,
  );
  sight.must(`${before} MB before, ${memoryOf(pid)} MB after`, memoryOf(pid) < before + 100);
  const seconds = await secondsUntil(
    'sign-ins again',
    async () => {
      const person = await makePerson(house.server);
      return (
        codeOf(await signIn(new Browser(), authorizationUrl(house.server, house.party, pkce()), person.email)) !== ''
      );
    },
    10,
  );
  sight.must(`sign-ins again after ${seconds.toFixed(1)} s`, true);
}

async function clocks(sight: Sight, house: House): Promise<void> {
  const key = await dpopKey();
  const party = await makeClient(house.server, {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...key.jwk, alg: 'ES256', use: 'sig' }] },
  });
  const ask = async (skew: number): Promise<number> => {
    const fields = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertion(key, party, house.issuer, skew),
    };
    return (await timed(() => house.ask(0, '/token', { method: 'POST', body: new URLSearchParams(fields) }))).status;
  };
  const [slow, fast] = [await ask(-110), await ask(110)];
  const [slower, faster] = [await ask(-170), await ask(170)];
  sight.must(
    `a client assertion for the next 10 s of a clock 110 s behind or ahead: ${slow}, ${fast}`,
    slow === 200 && fast === 200,
  );
  sight.must(`170 s: ${slower}, ${faster}`, slower === 401 && faster === 401);
  sight.note(
    'DPoP proofs and request objects: `test/http/lifetimes`; one-time codes of an authenticator do not exist yet',
  );
}

const assertion = ({ privateKey }: DpopKey, { clientId }: Party, issuer: string, skew: number): Promise<string> => {
  const now = Math.floor(Date.now() / 1000) + skew;
  return new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(issuer)
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + 10)
    .sign(privateKey);
};

async function rotation(sight: Sight, house: House): Promise<void> {
  const { email } = await makePerson(house.server);
  const { browser } = await tokensFor(house.server, house.party, email);
  const keys = createRemoteJWKSet(new URL(`${house.issuer}/jwks`), { cooldownDuration: 0 });
  const kids = new Set<string>();
  const issued: string[] = [];
  let [over, failed] = [false, 0];
  const verifying = (async () => {
    for (let index = 0; !over; index += 1) {
      const { code, proof } = await silently({ ...house }, index, house.party, cookiesOf(browser));
      const { body } = await redeem(house.server, house.party, String(code), proof);
      issued.push(String(body.id_token));
      for (const one of [issued.at(-1), issued[0]]) {
        const result = await jwtVerify(String(one), keys, { issuer: house.issuer }).catch(() => undefined);
        if (!result) failed += 1;
        else kids.add(String(result.protectedHeader.kid));
      }
    }
  })();
  const outcome = await ostiary(house, ['keys', 'rotate', '--force']);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  over = true;
  await verifying;
  if (/unknown command/.test(outcome.text)) return sight.notThere('there is no command `keys rotate` yet');
  sight.must(`the command ended with ${outcome.code}`, outcome.code === 0);
  sight.must(
    `${issued.length} ID tokens verified, with the oldest each time: ${failed} failed, ${kids.size} keys seen`,
    failed === 0 && kids.size > 1,
  );
}

function ostiary(house: House, words: string[]): Promise<{ code: number; text: string }> {
  const env = { ...process.env, NODE_ENV: 'test', ...house.settings };
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [path.join(projectRoot, 'dist/src/cli.js'), ...words],
      { env },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, text: stdout + stderr }),
    ),
  );
}

async function sigterm(sight: Sight, house: House): Promise<void> {
  const [first] = house.members;
  const ready = [true, true];
  let over = false;
  // A balancer that asks every 100 ms and sends nothing to whom is not ready.
  const probing = (async () => {
    while (!over) {
      for (const index of [0, 1]) ready[index] = (await timed(() => house.ask(index, '/readyz'))).status === 200;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  const answers: Answer[] = [];
  const loading = crowd(8, async (index) => {
    for (let turn = index; !over; turn += 1)
      answers.push(await token(house, ready[turn % 2] ? turn % 2 : (turn + 1) % 2));
  });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const started = performance.now();
  const exit = new Promise<number | null>((resolve) => first?.child.once('exit', (code) => resolve(code)));
  first?.child.kill('SIGTERM');
  const code = await Promise.race([
    exit,
    new Promise<string>((resolve) => setTimeout(() => resolve('nothing within 25 s'), 25_000)),
  ]);
  const seconds = (performance.now() - started) / 1000;
  await new Promise((resolve) => setTimeout(resolve, 500));
  over = true;
  await Promise.all([probing, loading]);
  sight.must(`exit ${code} after ${seconds.toFixed(1)} s`, code === 0 && seconds <= 20);
  sight.must(
    `${answers.length} requests: ${statuses(answers)} (0 is a connection that was refused or cut)`,
    answers.every(({ status }) => status === 200),
  );
  sight.must('the other process stayed', isAlive(house, 1));
}
