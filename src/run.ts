// The server as `ostiary start` runs it: one process, or a primary with workers that each run this again; the demo in development, a greeting
// that says where everything is, and an orderly end. main.ts starts one process, primary.ts keeps several.
import cluster from 'node:cluster';
import type { Config } from '../config/index.js';
import { version } from '../config/root.js';
import type { MadeSecret } from './features/declarations/change.js';
import { asDefaultTenant, type Running, start } from './main.js';
import { answerMetrics } from './platform/cluster-metrics.js';
import { createLogger } from './platform/logger.js';
import { Primary } from './primary.js';
import { openServices, type Services } from './services.js';
import { readLeave, readyMessage } from './worker-messages.js';

export interface Started {
  /** Resolves when somebody other than a signal asks it to end, rejects when it cannot go on. */
  over: Promise<void>;
  close(): Promise<void>;
}

const never = new Promise<never>(() => {});

/** @param print where the greeting goes; logs go elsewhere. */
export async function run(config: Config, print: (line: string) => void): Promise<Started> {
  if (cluster.isWorker) return runWorker(config);
  return keepsWorkers(config) ? runPrimary(config, print) : runAlone(config, print);
}

/** Jobs are one process, whatever WORKERS says. */
export const keepsWorkers = ({ workers, role }: Config): boolean => cluster.isPrimary && workers > 1 && role !== 'jobs';

async function runAlone(config: Config, print: (line: string) => void): Promise<Started> {
  const running = await start(config);
  const prepared = await prepare(running.services);
  const demo = config.demo && config.role !== 'jobs' ? await demoBeside(running) : undefined;
  greet(config, { ...prepared, demo: demo?.url }, print);
  return {
    over: never,
    async close() {
      await demo?.close();
      await running.close();
    },
  };
}

async function runWorker(config: Config): Promise<Started> {
  // Sent to the whole group, as when a terminal is closed; the primary decides what it means.
  process.on('SIGHUP', () => {});
  const running = await start({ ...config, metricsPort: undefined });
  const lastWords = answerMetrics(running.metrics.registry);
  let departure: Parameters<Running['close']>[0] = 'drain';
  const over = new Promise<void>((resolve) => {
    process.on('message', (message) => {
      const asked = readLeave(message);
      if (!asked) return;
      // A second word is for one who retires: hurry.
      if (departure === 'retire') void running.close(asked);
      departure = asked;
      resolve();
    });
  });
  process.send?.(readyMessage);
  return { over, close: () => running.close(departure, lastWords) };
}

/** The primary prepares and watches; it serves nothing itself. */
async function runPrimary(config: Config, print: (line: string) => void): Promise<Started> {
  const services = await openServices(config);
  await services.migrate();
  const prepared = await prepare(services);
  await services.close();

  const primary = new Primary(config, createLogger({ level: config.logLevel }));
  process.on('SIGHUP', () => void primary.replaceAll());
  await primary.start();
  greet(config, prepared, print);
  return { over: primary.failed, close: () => primary.close() };
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
