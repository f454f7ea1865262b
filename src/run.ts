// The server as `ostiary start` runs it: workers where there are several, the demo in development, a greeting that says where everything
// is, and an orderly end. main.ts starts one process; this starts the whole.
import cluster from 'node:cluster';
import type { Config } from '../config/index.js';
import { version } from './app.js';
import type { MadeSecret } from './features/declarations/change.js';
import { asDefaultTenant, type Running, start } from './main.js';
import { createLogger } from './platform/logger.js';
import { openServices, type Services } from './services.js';

export interface Started {
  close(): Promise<void>;
}

/** @param print where the greeting goes; logs go elsewhere. */
export async function run(config: Config, print: (line: string) => void): Promise<Started> {
  return config.workers > 1 && cluster.isPrimary ? runPrimary(config, print) : runProcess(config, print);
}

async function runProcess(config: Config, print: (line: string) => void): Promise<Started> {
  const worker = cluster.worker?.id ?? 0;
  const running = await start({
    ...config,
    metricsPort: config.metricsPort && config.metricsPort + Math.max(0, worker - 1),
  });
  const first = !cluster.isWorker;
  const prepared = first ? await prepare(running.services) : { secrets: [] };
  const demo = first && config.demo ? await demoBeside(running) : undefined;
  if (first) greet(config, { ...prepared, demo: demo?.url }, print);
  return {
    async close() {
      await demo?.close();
      await running.close();
      cluster.worker?.disconnect();
    },
  };
}

/** The primary prepares and watches; it serves nothing itself. A worker that dies is replaced. */
async function runPrimary(config: Config, print: (line: string) => void): Promise<Started> {
  const logger = createLogger({ level: config.logLevel });
  const services = await openServices(config);
  await services.migrate();
  const prepared = await prepare(services);
  await services.close();

  let stopping = false;
  const fork = () =>
    new Promise<void>((resolve) => {
      cluster.fork().once('listening', () => resolve());
    });
  cluster.on('exit', (worker, code, signal) => {
    if (stopping) return;
    logger.warn('a worker ended and is replaced', { worker: worker.id, exit_code: code, signal });
    void fork();
  });
  await Promise.all(Array.from({ length: config.workers }, fork));
  greet(config, prepared, print);
  return {
    async close() {
      stopping = true;
      const workers = Object.values(cluster.workers ?? {}).flatMap((worker) => worker ?? []);
      await Promise.all(
        workers.map((worker) => {
          const ended = new Promise((resolve) => worker.once('exit', resolve));
          worker.process.kill('SIGTERM');
          return ended;
        }),
      );
    },
  };
}

interface Prepared {
  /** While nobody can administer. */
  setupLink?: string;
  /** Client secrets made now, because the declarations gave none: shown this once. */
  secrets: readonly MadeSecret[];
}

/** What a first start needs: declarations, and somebody who can administer. */
async function prepare(services: Services): Promise<Prepared> {
  const { config, setup } = services;
  return asDefaultTenant(services, async () => {
    const secrets = config.applyFile ? await apply(services, config.applyFile) : [];
    if (!(await setup.needed())) return { secrets };
    if (!config.admin) return { secrets, setupLink: await setup.issueLink(config.issuer) };
    await setup.createFromEnvironment(config.admin.email, config.admin.password);
    return { secrets };
  });
}

// What not every start needs is loaded by the one that does.
const apply = async (services: Services, file: string): Promise<readonly MadeSecret[]> => {
  const { applyFile } = await import('./features/declarations/apply-file.js');
  return (await applyFile(services, file)).secrets;
};

const demoBeside = async ({ services }: Running) => {
  const { startDemo } = await import('./run-demo.js');
  const { config, clients, logger } = services;
  const { issuer, host, demoPort: port, cookieKeys } = config;
  return asDefaultTenant(services, () =>
    startDemo(clients, { issuer, host, port, cookieKey: cookieKeys[0] ?? '', logger }),
  );
};

function greet(
  { issuer, mailUrl, environment }: Config,
  { setupLink, secrets, demo }: Prepared & { demo?: string | undefined },
  print: (line: string) => void,
): void {
  const lines: [string, string | undefined][] = [
    ['Issuer', issuer],
    ['Discovery', `${issuer}/.well-known/openid-configuration`],
    ['Demo application', demo],
    ['Mailbox', mailUrl || environment === 'production' ? undefined : `${issuer}/dev/mailbox`],
    ['Setup link', setupLink && `${setupLink}  (once, 30 minutes)`],
    ...secrets.map(({ client_id, client_secret }): [string, string] => [
      'Client secret',
      `${client_secret}  of ${client_id}, shown this once`,
    ]),
  ];
  print(`\nOstiary ${version} is ready.\n`);
  for (const [name, value] of lines) if (value) print(`  ${name.padEnd(17)} ${value}`);
  print('');
}
