// The `ostiary` command: reads the configuration, opens the services for a command, and turns what went wrong into a sentence and a code.
// Hands off to: commands/, one file per subject; run.ts for the server itself.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { Command } from 'commander';
import { type Config, ConfigError, loadConfig } from '../config/index.js';
import { version } from '../config/root.js';
import { addApply, addExport } from './commands/apply.js';
import { addAudit } from './commands/audit.js';
import { addDoctor } from './commands/doctor.js';
import { explain } from './commands/failure.js';
import { addKeys } from './commands/keys.js';
import { addMaintenance } from './commands/maintenance.js';
import { addServe } from './commands/serve.js';
import { addTenants } from './commands/tenants.js';
import { CommandError, EXIT, leave, type Terminal } from './commands/terminal.js';
import { addUsers } from './commands/users.js';
import { addWebhooks } from './commands/webhooks.js';
import { withContext } from './platform/context.js';
import { newId } from './platform/crypto.js';
import { createLogger } from './platform/logger.js';
import { letYoungGenerationGrow } from './platform/young-generation.js';

let config: Config | undefined;
const configuration = (): Config => {
  config ??= loadConfig();
  return config;
};

const terminal: Terminal = {
  print: (text) => process.stdout.write(text),

  async withServices(work, { raw = false } = {}) {
    const settings = configuration();
    // Loaded here and not above: --help and a mistake in a file need no database.
    const { openServices } = await import('./services.js');
    const level = settings.logLevel === 'info' ? 'warn' : settings.logLevel;
    const services = await openServices(settings, { logger: createLogger({ level, stream: process.stderr }) });
    try {
      if (!raw && (await services.db.dataSource.showMigrations()))
        throw new CommandError('The database is not at this version yet: run `ostiary migrate` first');
      const context = { requestId: newId(), actor: { type: 'system' as const, id: 'ostiary' } };
      return await withContext(context, () => work(services));
    } finally {
      await services.close();
    }
  },
};

async function serve(): Promise<void> {
  const settings = configuration();
  const { run, keepsWorkers } = await import('./run.js');
  // Alone there is nobody to be replaced one by one: SIGHUP is then the terminal that was closed.
  const signals = keepsWorkers(settings) || cluster.isWorker ? ['SIGTERM', 'SIGINT'] : ['SIGTERM', 'SIGINT', 'SIGHUP'];
  // Listened to from the beginning: asked during the start, it finishes starting and then stops in order.
  const asked = Promise.race(signals.map((signal) => once(process, signal)));
  // Asked twice, it does not wait for requests under way.
  void asked.then(() => {
    for (const signal of signals) process.once(signal, () => process.exit(EXIT.failed));
  });
  const running = await run(settings, (line) => process.stdout.write(`${line}\n`));
  letYoungGenerationGrow();
  await Promise.race([asked, running.over]);
  await running.close();
}

function readConfig(): { config: Config } | { problems: readonly string[] } {
  try {
    return { config: configuration() };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}

const program = new Command('ostiary')
  .description('An authorization server for OAuth 2 and OpenID Connect.')
  .version(version, '-V, --version')
  .exitOverride()
  .showHelpAfterError('(ostiary --help says more)')
  .addHelpText(
    'after',
    `
Examples:
  ostiary start
  ostiary apply -f ostiary.yaml --dry-run
  ostiary users create --email ada@example.com --admin
  ostiary doctor

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong configuration, 4 not reachable or locked.`,
  );
addServe(program, terminal, serve);
addApply(program, terminal);
addExport(program, terminal);
addTenants(program, terminal);
addUsers(program, terminal);
addKeys(program, terminal);
addAudit(program, terminal);
addWebhooks(program, terminal);
addMaintenance(program, terminal);
addDoctor(program, terminal, readConfig);

async function main(): Promise<number> {
  try {
    await program.parseAsync();
    return EXIT.done;
  } catch (error) {
    const { exitCode, sentence } =
      error instanceof ConfigError ? { exitCode: EXIT.configuration, sentence: error.message } : explain(error);
    if (sentence) process.stderr.write(`${sentence}\n`);
    if (config?.logLevel === 'debug' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return exitCode;
  }
}

// A reader that goes away, as in `| head`, is no failure of ours.
process.stdout.on('error', () => process.exit(EXIT.done));
const code = await main();
await leave(code);
