// The image without an engine: runs the Dockerfile's own lines, each stage in an empty folder that stands for its root, then starts what
// came out as a user who is not root, over a tree nobody may write to. Needs root itself, as a build has it. Read from the Dockerfile, never copied.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '../config/root.js';
import { assignments, contextFilter, type Stage, stagesOf, words } from './dockerfile.js';

interface Image {
  /** The folder that stands for /. */
  root: string;
  workdir: string;
  env: Record<string, string>;
  user: string;
  volumes: string[];
  entrypoint: string[];
  cmd: string[];
  healthcheck: string[];
}

const say = (line: string) => console.log(line);
const read = (file: string) => readFileSync(path.join(projectRoot, file), 'utf8');

/** An absolute path of the Dockerfile is one below the stage's folder. */
const below = (root: string, text: string) => text.replace(/(?<=^|[\s='"])\/(?=\w)/g, `${root}/`);

function build(stage: Stage, folder: string, built: ReadonlyMap<string, Image>): Image {
  const image: Image = {
    root: path.join(folder, stage.name),
    workdir: '/',
    env: {},
    user: '0:0',
    volumes: [],
    entrypoint: [],
    cmd: [],
    healthcheck: [],
  };
  mkdirSync(image.root);
  for (const { name, flags, text } of stage.instructions) {
    if (name === 'WORKDIR') {
      image.workdir = text;
      mkdirSync(path.join(image.root, text), { recursive: true });
    } else if (name === 'COPY') copy(image, words(text), flags.from ? built.get(flags.from) : undefined);
    else if (name === 'RUN') run(image, text);
    else if (name === 'ENV') Object.assign(image.env, assignments(text));
    else if (name === 'USER') image.user = text;
    else if (name === 'VOLUME') image.volumes.push(...words(text));
    else if (name === 'ENTRYPOINT') image.entrypoint = words(text);
    else if (name === 'CMD') image.cmd = words(text);
    else if (name === 'HEALTHCHECK') image.healthcheck = words(text.replace(/^CMD\s+/, ''));
    else if (name !== 'EXPOSE') throw new Error(`${name} is not known here: teach scripts/image.ts to run it`);
  }
  return image;
}

/** From the project as .dockerignore lets the build see it, or from a stage before. */
function copy(image: Image, paths: string[], from: Image | undefined): void {
  const destination = path.resolve(path.join(image.root, image.workdir), below(image.root, paths.pop() ?? '.'));
  const seen = contextFilter(read('.dockerignore'));
  for (const source of paths) {
    const origin = from ? path.join(from.root, source) : path.join(projectRoot, source);
    if (!from && !seen(source)) throw new Error(`COPY ${source}: .dockerignore hides it`);
    const folder = statSync(origin).isDirectory();
    cpSync(origin, folder ? destination : path.join(destination, path.basename(source)), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => Boolean(from) || seen(path.relative(projectRoot, file)),
    });
  }
}

function run(image: Image, command: string): void {
  const began = Date.now();
  const { status } = spawnSync('/bin/sh', ['-ec', below(image.root, command)], {
    cwd: path.join(image.root, image.workdir),
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      // What was fetched before is not asked for again.
      npm_config_prefer_offline: 'true',
      ...mapped(image),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`RUN ${command} ended with ${status}`);
  say(`  ${path.basename(image.root)}: ${command} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
}

const mapped = ({ env, root }: Image) =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, below(root, value)]));

/** What a container is given from outside. */
async function runtime(image: Image): Promise<Record<string, string>> {
  return {
    PATH: `${path.dirname(image.root)}:${process.env.PATH}`,
    HOME: '/nonexistent',
    ...mapped(image),
    PORT: String(await freePort()),
    METRICS_PORT: '0',
    ISSUER: 'https://id.example.com',
    TRUST_PROXY: '127.0.0.0/8',
    MAIL_URL: 'smtp://127.0.0.1:2525',
    ENCRYPTION_KEYS: JSON.stringify({ v1: randomBytes(32).toString('base64') }),
    COOKIE_KEYS: randomBytes(32).toString('hex'),
    // Their password is hashed at the start: what is compiled for one machine only shows that it runs here.
    ADMIN_EMAIL: 'admin@example.com',
    ADMIN_PASSWORD: randomBytes(16).toString('hex'),
  };
}

/** As the image's user. Where the kernel allows it, as process 1, to whom an unhandled signal never arrives. */
function inside(image: Image, env: Record<string, string>, command: string[], first = false): ChildProcess {
  const [user = '', group = user] = image.user.split(':');
  const become = ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--no-new-privs', '--'];
  const [program = '', ...rest] = [...(first ? asProcessOne() : []), ...become, ...command];
  return spawn(program, rest, { cwd: path.join(image.root, image.workdir), env, stdio: ['ignore', 'pipe', 'inherit'] });
}

const asProcessOne = () =>
  spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0 ? ['unshare', '--pid', '--fork', '--kill-child'] : [];

async function output(child: ChildProcess): Promise<{ code: number | null; text: string }> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text };
}

async function check(image: Image): Promise<void> {
  const env = await runtime(image);
  const writable = await output(inside(image, env, ['find', image.root, '-writable', '-not', '-type', 'l']));
  const beyond = writable.text
    .split('\n')
    .filter((file) => file && !image.volumes.some((volume) => file.startsWith(image.root + volume)));
  if (image.user.startsWith('0') || beyond.length > 0) throw new Error(`its user can write to ${beyond.join(', ')}`);
  say(`  user ${image.user} can write to ${image.volumes.join(' ')} and nothing else`);

  const health = async () => (await output(inside(image, env, image.healthcheck))).code;
  if ((await health()) === 0) throw new Error('HEALTHCHECK says healthy although nothing runs');

  const server = inside(image, env, [...image.entrypoint, ...image.cmd], true);
  const log = output(server);
  try {
    const began = Date.now();
    while ((await health()) !== 0) {
      if (server.exitCode !== null || Date.now() - began > 60_000) throw new Error('HEALTHCHECK never said healthy');
      await delay(250);
    }
    say(`  healthy after ${((Date.now() - began) / 1000).toFixed(1)} s`);
    const discovery = await ask(env.PORT ?? '', 'id.example.com', '/.well-known/openid-configuration');
    if (JSON.parse(discovery).issuer !== env.ISSUER) throw new Error(`discovery answered ${discovery}`);
    if (!image.volumes.every((volume) => existsSync(path.join(image.root, volume, 'database'))))
      throw new Error('nothing was written to the volume');
    process.kill(serverPid(server), 'SIGTERM');
    const { code } = await log;
    if (code !== 0) throw new Error(`SIGTERM: ended with ${code}`);
    say('  SIGTERM: ended with 0');
  } catch (error) {
    server.kill('SIGKILL');
    console.error((await log).text);
    throw error;
  }
}

/** unshare stays outside as the parent: process 1 is its child. */
function serverPid({ pid = 0, spawnfile }: ChildProcess): number {
  if (spawnfile !== 'unshare') return pid;
  say('  it runs as process 1');
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
}

async function ask(port: string, host: string, target: string): Promise<string> {
  const [response] = await once(get({ host: '127.0.0.1', port, path: target, headers: { host } }), 'response');
  return Buffer.concat(await response.toArray()).toString();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

const folder = mkdtempSync(path.join(tmpdir(), 'image-'));
try {
  chmodSync(folder, 0o755);
  // Where npx has put it nobody but root may look.
  copyFileSync(process.execPath, path.join(folder, 'node'));
  const built = new Map<string, Image>();
  for (const stage of stagesOf(read('Dockerfile'))) {
    if (stage.from.startsWith('node:') && !stage.from.startsWith(`node:${process.versions.node.split('.')[0]}-`))
      throw new Error(`the image runs on ${stage.from}, this is Node.js ${process.versions.node}`);
    built.set(stage.name, build(stage, folder, built));
  }
  const image = [...built.values()].at(-1);
  if (!image) throw new Error('the Dockerfile has no stage');
  say(`  ${spawnSync('du', ['-sh', image.root], { encoding: 'utf8' }).stdout.split('\t')[0]} over the base image`);
  await check(image);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
