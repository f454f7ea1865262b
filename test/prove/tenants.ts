// npm run prove -- tenants [N …]: N tenants on one process (1000, then 3000): what they cost in memory, how long a cold issuer takes to
// answer, and whether the last one is as fast as the first. Writes docs/reports/tenants.md.
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { SigningKey } from '../../src/features/keys/signing-key.entity.js';
import { TenantService } from '../../src/features/tenants/tenant.service.js';
import { migrations } from '../../src/migrations.js';
import { POOL_SIZE } from '../../src/oidc/provider-pool.js';
import { withContext } from '../../src/platform/context.js';
import { createLogger } from '../../src/platform/logger.js';
import { entities } from '../../src/schema.js';
import { openServices, type Services } from '../../src/services.js';
import { freshDatabase } from '../support/postgres.js';
import { hardware, source, writeReport } from '../support/report.js';
import { freePort, testConfig } from '../support/server.js';

const secret = 'machine-secret-machine-secret-machine-1';
const basic = `Basic ${Buffer.from(`machine:${secret}`).toString('base64')}`;
const warmRequests = 200;
const coldLimitMs = 50;
const ratioLimit = 2;
/** How much more memory three times as many tenants may take, once the pool is full. */
const memoryLimit = 1.25;

interface Usage {
  rss: number;
  used: number;
  /** Of the processor, since the process began. */
  cpuMs: number;
}

interface Measured {
  tenants: number;
  makingMs: number[];
  coldMs: number[];
  together: { one: number; twenty: number };
  warm: { name: string; first: number[]; last: number[] }[];
  memory: { before: Usage; after: Usage; again: Usage };
}

/** @returns true where the limits hold. */
export async function proveTenants(words: string[]): Promise<boolean> {
  const counts = words.length > 0 ? words.map(Number) : [1000, 3000];
  if (counts.some((count) => !Number.isInteger(count) || count < 10)) {
    console.error('npm run prove -- tenants [N …], each at least 10');
    return false;
  }
  const measured: Measured[] = [];
  for (const count of counts) measured.push(await measure(count));
  const verdicts = judge(measured);
  const text = report(measured, verdicts);
  console.log(text);
  if (words.length === 0) {
    writeReport('tenants', text);
  }
  return verdicts.every(({ held }) => held);
}

async function measure(count: number): Promise<Measured> {
  const database = await freshDatabase('postgres', { entities, migrations });
  const settings = {
    ISSUER: `http://localhost:${await freePort()}`,
    DATABASE_URL: String(database.url),
    REDIS_URL: String(process.env.TEST_REDIS_URL),
    PORT: '0',
    COOKIE_KEYS: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'error',
  };
  const quiet = createLogger({ level: 'error', stream: new Writable({ write: (_chunk, _encoding, done) => done() }) });
  const services = await openServices(testConfig(settings), { logger: quiet });
  await services.migrate();
  const makingMs = await makeTenants(services, count);
  const child = fork(fileURLToPath(new URL('./tenant-server.js', import.meta.url)), {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      ENCRYPTION_KEYS: JSON.stringify({ v1: Buffer.alloc(32, 7).toString('base64') }),
      ...settings,
    },
    execArgv: ['--expose-gc'],
  });
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const ask = asker(port, new URL(settings.ISSUER).host);
    // What the process needs once for all is not what a cold tenant takes.
    for (let time = 0; time < 20; time += 1) await ask.token(0);
    const before = await usageOf(child);
    const coldMs: number[] = [];
    for (let index = 3; index < count; index += 1) coldMs.push(await timed(() => ask.token(index)));
    const after = await usageOf(child);
    const together = {
      one: await timed(() => ask.token(1)),
      twenty: await timed(() => Promise.all(Array.from({ length: 20 }, () => ask.token(2)))),
    };
    const warm = await warmTimes(ask, count - 1);
    // Once more past all of them: what is evicted must not stay.
    for (let index = 0; index < count; index += 1) await ask.token(index);
    return {
      tenants: count,
      makingMs,
      coldMs,
      together,
      warm,
      memory: { before, after, again: await usageOf(child) },
    };
  } finally {
    child.kill();
    await services.close();
    await database.close();
  }
}

/** A few by the verb; the others get the keys of the first, sealed for each, since finding RSA keys is not what is measured then. */
async function makeTenants(services: Services, count: number): Promise<number[]> {
  const { db, audit, sealer, caching, clock, config, clients } = services;
  const makingMs: number[] = [];
  const quick = new TenantService(db, audit, sealer, caching, clock, { issuer: config.issuer });
  let keys: { row: SigningKey; privateJwk: string }[] = [];
  for (let index = 0; index < count; index += 1) {
    const input = { slug: `t${index}`, name: `Tenant ${index}` };
    const byVerb = index < 10;
    const started = performance.now();
    const tenant = await (byVerb ? services.tenants : quick).create(input);
    if (byVerb) makingMs.push(performance.now() - started);
    await withContext({ tenantId: tenant.id, actor: { type: 'system', id: 'prove' } }, async () => {
      if (index === 0)
        keys = (await db.repo(SigningKey).find()).map((row) => ({
          row,
          privateJwk: sealer.open(row.privateJwkSealed as string, `signing_keys:${tenant.id}:${row.kid}`),
        }));
      if (!byVerb)
        for (const { row, privateJwk } of keys) {
          const privateJwkSealed = sealer.seal(privateJwk, `signing_keys:${tenant.id}:${row.kid}`);
          await db
            .repo(SigningKey)
            .insert(Object.assign(new SigningKey(), row, { tenantId: tenant.id, privateJwkSealed }));
        }
      await clients.create(
        {
          client_name: 'Machine',
          redirect_uris: ['https://rp.example/cb'],
          grant_types: ['client_credentials', 'authorization_code'],
        } as never,
        { clientId: 'machine', secret },
      );
    });
  }
  return makingMs;
}

function asker(port: number, host: string) {
  const dispatcher = new Agent({ connections: 20 });
  const ask = async (expected: number, target: string, more: { form?: Record<string, string> } = {}) => {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}${target}`, {
      dispatcher,
      method: more.form ? 'POST' : 'GET',
      headers: {
        host,
        ...(more.form ? { authorization: basic, 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      ...(more.form ? { body: new URLSearchParams(more.form).toString() } : {}),
    });
    const text = await body.text();
    if (statusCode !== expected) throw new Error(`${target} answered ${statusCode}: ${text}`);
  };
  const query = new URLSearchParams({
    client_id: 'machine',
    response_type: 'code',
    redirect_uri: 'https://rp.example/cb',
    scope: 'openid',
    code_challenge: 'c'.repeat(43),
    code_challenge_method: 'S256',
  });
  return {
    discovery: (index: number) => ask(200, `/t/t${index}/.well-known/openid-configuration`),
    token: (index: number) => ask(200, `/t/t${index}/token`, { form: { grant_type: 'client_credentials' } }),
    authorize: (index: number) => ask(303, `/t/t${index}/authorize?${query}`),
  };
}

/** In turns, so that whatever else the machine does meets both alike. */
async function warmTimes(ask: ReturnType<typeof asker>, last: number): Promise<Measured['warm']> {
  const warm: Measured['warm'] = [];
  for (const [name, one] of Object.entries(ask)) {
    const times = { name, first: [] as number[], last: [] as number[] };
    for (let time = -10; time < warmRequests; time += 1) {
      const [first, other] = [await timed(() => one(0)), await timed(() => one(last))];
      if (time < 0) continue;
      times.first.push(first);
      times.last.push(other);
    }
    warm.push(times);
  }
  return warm;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function usageOf(child: ChildProcess): Promise<Usage> {
  child.send('memory');
  const [usage] = (await once(child, 'message')) as [Usage];
  return usage;
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function judge(measured: readonly Measured[]): { what: string; held: boolean }[] {
  const verdicts = measured.flatMap(({ tenants, coldMs, warm }) => [
    { what: `${tenants}: a cold issuer answers within ${coldLimitMs} ms at p95`, held: at(coldMs, 0.95) < coldLimitMs },
    ...warm.map(({ name, first, last }) => ({
      what: `${tenants}: ${name} at the last within ${ratioLimit} × of the first at p95`,
      held: at(last, 0.95) <= ratioLimit * at(first, 0.95),
    })),
  ]);
  const [least, most] = [measured[0], measured.at(-1)];
  if (least && most && least.tenants >= POOL_SIZE && most.tenants > least.tenants)
    verdicts.push({
      what: `memory at ${most.tenants} within ${memoryLimit} × of that at ${least.tenants}: bounded by the pool of ${POOL_SIZE}`,
      held: most.memory.again.used <= memoryLimit * least.memory.again.used,
    });
  return verdicts;
}

function report(measured: readonly Measured[], verdicts: readonly { what: string; held: boolean }[]): string {
  const ms = (value: number) => value.toFixed(1);
  const mb = (value: number) => (value / 1024 / 1024).toFixed(0);
  const built = ({ tenants }: Measured) => Math.min(tenants, POOL_SIZE);
  const kb = (one: Measured) => ((one.memory.after.used - one.memory.before.used) / built(one) / 1024).toFixed(0);
  const rows = measured.map(
    (one) =>
      `| ${one.tenants} | ${mb(one.memory.before.used)} | ${mb(one.memory.after.used)} | ${mb(one.memory.again.used)} | ${mb(one.memory.again.rss)} | ${kb(one)} |`,
  );
  const cold = measured.map(
    ({ tenants, coldMs, makingMs, together, memory }) =>
      `| ${tenants} | ${ms((memory.after.cpuMs - memory.before.cpuMs) / coldMs.length)} | ${ms(at(coldMs, 0.5))} | ${ms(at(coldMs, 0.95))} | ${ms(together.one)} | ${ms(together.twenty)} | ${ms(at(makingMs, 0.5))} |`,
  );
  const warm = measured.flatMap(({ tenants, warm: all }) =>
    all.map(
      ({ name, first, last }) =>
        `| ${tenants} | ${name} | ${ms(at(first, 0.95))} | ${ms(at(last, 0.95))} | ${(at(last, 0.95) / at(first, 0.95)).toFixed(2)} |`,
    ),
  );
  return `# Many tenants on one process

Each tenant is an issuer with keys, secrets and a client of its own; one process holds the engines of the ${POOL_SIZE} that were asked last.
Made by \`npm run prove -- tenants\` of ${source()} on ${hardware()}, Node.js ${process.versions.node}, with
PostgreSQL and Redis on the same machine.

## What holds

${verdicts.map(({ what, held }) => `- ${held ? 'yes' : '**no**'}: ${what}`).join('\n')}

## Memory of the process in MB, after garbage collection

Heap and what it holds outside, before any tenant but one was asked, after all were asked once, and after all were asked twice.

| tenants | before | once | twice | resident | KB for one engine in the pool |
|---|---|---|---|---|---|
${rows.join('\n')}

## The first answer of a cold issuer in ms

Client credentials, from the look-up of the tenant over opening its keys and building its engine to the token. Twenty who ask a cold one at once wait
for one engine. Making a tenant includes finding its RSA key, so that nobody waits for that later.

| tenants | processor time | median | p95 | one | twenty at once | making a tenant, median |
|---|---|---|---|---|---|---|
${cold.join('\n')}

## p95 of warm requests in ms, at the first tenant and at the last

| tenants | request | first | last | ratio |
|---|---|---|---|---|
${warm.join('\n')}
`;
}
