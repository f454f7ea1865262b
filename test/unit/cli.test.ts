import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { DoctorConfig } from '../../src/commands/doctor-check.js';
import { dataDirCheck, mailCheck, nodeCheck, redisCheck, tlsCheck } from '../../src/commands/doctor-surroundings.js';
import { migrations } from '../../src/migrations.js';
import { entities } from '../../src/schema.js';
import { startMailServer } from '../support/mail-server.js';
import { freshDatabase, kinds } from '../support/postgres.js';

const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const module = (name: string): string => new URL(`../../src/${name}.js`, import.meta.url).href;
const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-cli-'));
const dataDir = path.join(folder, 'data');
const running: ChildProcess[] = [];

/** The database in WebAssembly is not compiled at length for a command that ends after a second. */
const flags = ['--disable-warning=ExperimentalWarning', '--liftoff-only'];

function launch(args: string[], environment: Record<string, string> = {}): ChildProcess {
  const env = { PATH: process.env.PATH ?? '', DATA_DIR: dataDir, NODE_ENV: 'test', ...environment };
  const child = spawn(process.execPath, [...flags, cli, ...args], { env });
  running.push(child);
  return child;
}

async function ostiary(args: string[], environment?: Record<string, string>, input = '') {
  const child = launch(args, environment);
  child.stdin?.end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'exit'),
  ]);
  return { code: code as number, out, err };
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
};

it('a command ends when everything it logged has been read, the lines of its last turn included', async () => {
  const ending = `
    const { createLogger } = await import(${JSON.stringify(module('platform/logger'))});
    const { leave } = await import(${JSON.stringify(module('commands/terminal'))});
    const logger = createLogger({ level: 'info' });
    for (let index = 0; index < 1000; index += 1) logger.info('a line', { index, text: 'x'.repeat(500) });
    await leave(3);`;
  // More than a pipe of the shell holds, and nobody reads for a while.
  const { stdout } = spawnSync(
    'sh',
    ['-c', '{ "$0" --input-type=module --eval "$1"; echo "$?"; } | { sleep 1; cat; }', process.execPath, ending],
    {
      maxBuffer: 2 ** 21,
    },
  );
  const lines = String(stdout).trim().split('\n');
  expect([lines.length, lines.at(-1), JSON.parse(lines.at(-2) ?? '').index]).toEqual([1001, '3', 999]);
});

afterEach(() => {
  for (const child of running.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = path.join(folder, 'house.yaml');
writeFileSync(
  file,
  `clients:
  - { client_id: web, redirect_uris: [https://app.example.com/cb], client_secret: 0123456789abcdef0123456789abcdef }
users:
  - { email: ann@example.com, claims: { name: Ann } }
`,
);

describe('the command line', () => {
  it.each([
    [['bogus'], 'unknown command'],
    [['apply'], '--file'],
    [['users', 'create', '--email', 'nobody'], 'must be an e-mail address'],
    [['tenants', 'create', 'default'], 'slug is reserved'],
    [['tenants', 'create', 'acme', '--host', 'https://acme.example'], 'host must be a host name'],
    [
      ['keys', 'rotate', '--alg', 'HS256'],
      'Allowed choices are ES256, RS256, PS256, EdDSA, ECDH-ES+A256KW, RSA-OAEP-256',
    ],
    [['keys', 'rotate', '--compromised', 'x', '--force'], '--compromised says which key it is'],
    [['apply', '-f', '/nowhere/house.yaml'], 'cannot be read (ENOENT)'],
  ])('ends with 2 and a sentence for %j', async (args, sentence) => {
    const { code, out, err } = await ostiary(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(sentence);
  });

  it('ends with 3 and names every variable that is wrong', async () => {
    const { code, out, err } = await ostiary(['export'], { PORT: 'many', ISSUER: 'ftp://x' });
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toMatch(/ISSUER[\s\S]*PORT/);
    expect(err).not.toContain('    at ');
  });

  it('ends with 4 where the database cannot be reached', async () => {
    const port = await freePort();
    const { code, out, err } = await ostiary(['export'], { DATABASE_URL: `postgres://who:secret@127.0.0.1:${port}/x` });
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toBe(
      `The database cannot be reached (ECONNREFUSED 127.0.0.1:${port}): check DATABASE_URL, and that PostgreSQL is running and lets this user in\n`,
    );
  });

  it('tells the mistakes of a file without opening a database', async () => {
    const { code, err } = await ostiary(
      ['apply', '-f', '-'],
      { DATABASE_URL: 'postgres://127.0.0.1:1/x' },
      'user: []\nclients: 3\n',
    );
    expect(code).toBe(1);
    expect(err).toBe('stdin:1:1: user: unknown key; did you mean users?\nstdin:2:10: clients: must be a list\n');
  });
});

describe('the command line on the embedded database', () => {
  it('asks for the migration, migrates, applies once, and exports what applies again', async () => {
    expect(await ostiary(['apply', '-f', file])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('ostiary migrate'),
    });
    expect(await ostiary(['migrate'])).toEqual({ code: 0, out: 'The database is at this version\n', err: '' });
    const lines = '+ tenant default\n+ client web\n+ user ann@example.com\n';
    expect((await ostiary(['apply', '-f', file, '--dry-run'])).out).toBe(`${lines}3 to be created, 0 to be updated\n`);
    expect(await ostiary(['apply', '-f', file])).toEqual({ code: 0, out: `${lines}3 created, 0 updated\n`, err: '' });
    expect((await ostiary(['apply', '-f', file])).out).toBe('nothing to change\n');
    const { out } = await ostiary(['export']);
    expect(out).not.toContain('0123456789abcdef');
    const again = await ostiary(['apply', '-f', '-', '--json'], {}, out);
    expect(JSON.parse(again.out)).toEqual({ dry_run: false, changes: [], secrets: [] });
  }, 180_000);

  it('creates an administrator with a link that works once, and refuses the address a second time', async () => {
    const made = await ostiary(['users', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--admin', '--json']);
    expect(JSON.parse(made.out)).toMatchObject({
      email: 'ada@example.com',
      roles: ['ADMIN'],
      link: expect.stringMatching(/^http:\/\/localhost:3000\/password\?token=[\w-]{43}$/),
    });
    expect(await ostiary(['users', 'create', '--email', 'ADA@example.com'])).toMatchObject({ code: 1, out: '' });
    const reset = await ostiary(['users', 'reset', 'ada@example.com']);
    expect(reset.out).toContain('http://localhost:3000/password?token=');
    expect((await ostiary(['users', 'reset', 'nobody@example.com'])).code).toBe(1);
    expect((await ostiary(['users', 'reset', 'ada@example.com', '--tenant', 'nowhere'])).code).toBe(2);
  }, 180_000);

  it('lists and rotates signing keys, and says what older encryption keys are still needed for', async () => {
    const list = async () =>
      (JSON.parse((await ostiary(['keys', 'list', '--json'])).out) as { items: { kid: string; status: string }[] })
        .items;
    const [current, , next] = await list();
    expect([current?.status, next?.status]).toEqual(['current', 'next']);
    const young = await ostiary(['keys', 'rotate', '--alg', 'ES256']);
    expect(young).toMatchObject({ code: 1, out: '' });
    expect(young.err).toMatch(
      /^Verifiers may not have seen the next ES256 key yet: rotate after [^\n]+, or force it\n$/,
    );
    const forced = await ostiary(['keys', 'rotate', '--alg', 'ES256', '--force']);
    expect(forced.out).toMatch(new RegExp(`^current   ES256  ${next?.kid}  since .*\\n`));
    expect(forced.out).toContain(`previous  ES256  ${current?.kid}`);

    const secrets = JSON.parse(readFileSync(path.join(dataDir, 'secrets.json'), 'utf8')) as { encryption_key: string };
    const made = Buffer.alloc(32, 3).toString('base64');
    const newest = { ENCRYPTION_KEYS: JSON.stringify({ v2: made, dev: secrets.encryption_key }) };
    expect((await ostiary(['doctor'], newest)).out).toMatch(
      /warn {2}encryption +sealed with an older key: 1 of tenants/,
    );
    expect(await ostiary(['keys', 'rewrap'], newest)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^[1-9]\d* sealed anew, 0 do not open, 0 left\n$/),
    });
    // And back, for what comes next.
    const back = { ENCRYPTION_KEYS: JSON.stringify({ dev: secrets.encryption_key, v2: made }) };
    expect((await ostiary(['keys', 'rewrap'], back)).code).toBe(0);
  }, 300_000);

  it('is refused with 4 while the server runs, and the server ends with 0 when it is told to', async () => {
    const port = await freePort();
    const environment = { PORT: String(port), ISSUER: `http://localhost:${port}`, METRICS_PORT: '0', DEMO: 'false' };
    const server = launch(['start'], environment);
    let alive = false;
    while (!alive && server.exitCode === null) {
      await delay(50);
      alive = await fetch(`http://localhost:${port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    }
    expect(alive).toBe(true);

    const { code, out, err } = await ostiary(['apply', '-f', file]);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toMatch(new RegExp(`^The data folder .* is in use by process ${server.pid}\\. .*DATABASE_URL.*\\n$`));
    const doctor = await ostiary(['doctor']);
    expect(doctor.code).toBe(0);
    expect(doctor.out).toContain(`warn  database        embedded, in use by process ${server.pid}`);

    const second = await ostiary(['start'], { ...environment, DATA_DIR: path.join(folder, 'other') });
    expect(second).toMatchObject({ code: 4, err: expect.stringContaining(`Port ${port}`) });

    server.kill('SIGTERM');
    expect((await once(server, 'exit'))[0]).toBe(0);
  }, 180_000);

  it('finds nothing to mend, then keys that do not open', async () => {
    const well = await ostiary(['doctor', '--json']);
    expect(well.code).toBe(0);
    const { checks } = JSON.parse(well.out) as { checks: { status: string; name: string }[] };
    expect(checks.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual([
      'node',
      'configuration',
      'data folder',
      'database',
      'clock',
      'migrations',
      'signing keys',
      'encryption',
      'clients',
      'redis',
      'mail',
      'tls',
    ]);
    const key = Buffer.alloc(32, 1).toString('base64');
    const lost = await ostiary(['doctor'], { ENCRYPTION_KEYS: JSON.stringify({ other: key }) });
    expect(lost.code).toBe(1);
    expect(lost.out).toMatch(/fail {2}signing keys +those of default do not open\n +→ ENCRYPTION_KEYS/);
    expect(lost.out).toMatch(
      /fail {2}encryption +sealed with a key that is not configured: 1 of tenants\.secrets_sealed with dev, [^\n]+\n +→ bring/,
    );
    expect(lost.err).toBe('To be mended: signing keys, encryption\n');
  }, 180_000);

  it('says everything that is wrong around it, and the database last known', async () => {
    const [database, redis, mail] = [await freePort(), await freePort(), await freePort()];
    const { code, out } = await ostiary(['doctor'], {
      DATABASE_URL: `postgres://who:hush@127.0.0.1:${database}/x`,
      REDIS_URL: `redis://:hush@127.0.0.1:${redis}/0`,
      MAIL_URL: `smtp://who:hush@127.0.0.1:${mail}`,
    });
    expect(code).toBe(1);
    for (const name of ['database', 'redis', 'mail'])
      expect(out).toMatch(new RegExp(`^fail  ${name} .*ECONNREFUSED`, 'm'));
    expect(out).not.toContain('hush');
  }, 180_000);

  it('reports a wrong configuration as one of its checks', async () => {
    const { code, out } = await ostiary(['doctor'], { PORT: 'many' });
    expect(code).toBe(1);
    expect(out).toMatch(/^fail {2}configuration {3}PORT: /m);
  });
});

const onServer = kinds.includes('postgres') ? describe : describe.skip;
onServer('the command line on PostgreSQL', () => {
  it('lets two processes apply one file at once: one writes, both end well', async () => {
    const database = await freshDatabase('postgres', { entities, migrations });
    const environment = { DATABASE_URL: database.url ?? '' };
    const both = await Promise.all([
      ostiary(['apply', '-f', file], environment),
      ostiary(['apply', '-f', file], environment),
    ]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.map(({ out }) => out.split('\n').at(-2)).sort()).toEqual(['3 created, 0 updated', 'nothing to change']);
    expect((await ostiary(['doctor'], environment)).code).toBe(0);
    await database.close();
  }, 180_000);

  it('creates a tenant with a link for its administrator, suspends it, and deletes it to its end', async () => {
    const database = await freshDatabase('postgres', { entities, migrations });
    const tenants = (...args: string[]) => ostiary(['tenants', ...args], { DATABASE_URL: database.url ?? '' });
    const made = await tenants('create', 'acme', '--name', 'Acme', '--json');
    expect(JSON.parse(made.out)).toMatchObject({
      slug: 'acme',
      issuer: 'http://localhost:3000/t/acme',
      state: 'active',
      setup_link: expect.stringMatching(/^http:\/\/localhost:3000\/t\/acme\/setup\?token=[\w-]{43}$/),
    });
    const [again, reserved, moved] = await Promise.all([
      tenants('create', 'acme'),
      tenants('create', 'default'),
      tenants('update', 'acme', '--host', 'login.acme.localhost', '--json'),
    ]);
    expect(again).toMatchObject({ code: 1, err: 'The slug or host is taken\n' });
    expect(reserved).toMatchObject({ code: 2, out: '' });
    expect(JSON.parse(moved.out)).toMatchObject({
      host: 'login.acme.localhost',
      issuer: 'http://login.acme.localhost',
    });
    expect((await tenants('suspend', 'acme')).out).toMatch(/^acme +suspended http:\/\/login\.acme\.localhost/);
    const [nobody, unsure, never] = await Promise.all([
      tenants('suspend', 'nobody'),
      tenants('delete', 'acme'),
      tenants('delete', 'default', '--yes'),
    ]);
    expect([nobody.code, unsure.code, never.code]).toEqual([2, 2, 1]);
    expect(await tenants('delete', 'acme', '--yes')).toEqual({ code: 0, out: 'acme is deleted\n', err: '' });
    expect((await tenants('list')).out).toMatch(/^default +active +http:\/\/localhost:3000 {2}Ostiary\n$/);
    await database.close();
  }, 180_000);
});

describe('the checks of the doctor', () => {
  const base: DoctorConfig = {
    environment: 'production',
    issuer: 'https://id.example.com',
    dataDir: folder,
    workers: 1,
    databaseUrl: undefined,
    redisUrl: undefined,
    mailUrl: undefined,
    tls: undefined,
  };
  let greeter: Server;
  beforeAll(async () => {
    greeter = createServer((socket) => socket.end('220 mail.example.com ready\r\n')).listen(0, '127.0.0.1');
    await once(greeter, 'listening');
  });
  afterAll(() => void greeter.close());

  it.each([
    ['20.18.3', 'fail'],
    ['20.19.0', 'ok'],
    ['21.7.0', 'fail'],
    ['22.12.0', 'fail'],
    ['22.13.0', 'ok'],
    ['24.10.0', 'fail'],
    ['24.11.0', 'ok'],
    ['26.0.0', 'ok'],
  ])('judges Node.js %s: %s', (version, status) => {
    expect(nodeCheck(version).status).toBe(status);
  });

  it('warns of a data folder that others can open', () => {
    const open = path.join(folder, 'open');
    mkdirSync(open);
    chmodSync(open, 0o755);
    expect(dataDirCheck({ ...base, dataDir: open })).toMatchObject({
      status: 'warn',
      advice: `run: chmod 700 ${open}`,
    });
    chmodSync(open, 0o700);
    expect(dataDirCheck({ ...base, dataDir: open }).status).toBe('ok');
    expect(dataDirCheck({ ...base, dataDir: file }).status).toBe('fail');
    expect(dataDirCheck({ ...base, dataDir: path.join(folder, 'none') }).status).toBe('ok');
  });

  it('hears the greeting of a mail server, and misses it in production', async () => {
    const { port } = greeter.address() as AddressInfo;
    expect(await mailCheck({ ...base, mailUrl: `smtp://127.0.0.1:${port}` })).toMatchObject({ status: 'ok' });
    const guarded = await startMailServer(0, 'right');
    const as = (password: string) => mailCheck({ ...base, mailUrl: `smtp://me:${password}@127.0.0.1:${guarded.port}` });
    expect(await as('right')).toMatchObject({ status: 'ok' });
    expect(await as('wrong')).toMatchObject({ status: 'fail', detail: expect.stringContaining('(EAUTH 535)') });
    await guarded.close();
    expect((await mailCheck(base)).status).toBe('fail');
    expect((await redisCheck(base)).status).toBe('ok');
  });

  it('reads certificate and key: whether they belong together, whom they name, until when', () => {
    const make = (name: string, days: number) => {
      const files = { cert: path.join(folder, `${name}.crt`), key: path.join(folder, `${name}.key`) };
      const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-days', String(days)];
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.key];
      execFileSync('openssl', ['req', '-x509', ...key, '-out', files.cert, ...subject], { stdio: 'ignore' });
      return files;
    };
    const tls = make('id.example.com', 100);
    const other = make('other.example.com', 100);
    const at = (days: number) => new Date(Date.now() + days * 24 * 3600 * 1000);
    expect(tlsCheck({ ...base, tls })).toMatchObject({ status: 'ok' });
    expect(tlsCheck({ ...base, tls }, at(95))).toMatchObject({ status: 'warn', advice: 'renew it' });
    expect(tlsCheck({ ...base, tls }, at(101))).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('expired'),
    });
    expect(tlsCheck({ ...base, tls: other })).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('does not name'),
    });
    expect(tlsCheck({ ...base, tls: { ...tls, key: other.key } }).detail).toContain('not the key');
    expect(tlsCheck({ ...base, tls: { ...tls, cert: '/nowhere' } }).detail).toContain('ENOENT');
  });
});
