// `ostiary doctor`: looks at everything a server stands on, says how it is in a line each, and what to do. Changes nothing.
import type { Command } from 'commander';
import { type Check, type DoctorConfig, fail, ok } from './doctor-check.js';
import { databaseChecks } from './doctor-database.js';
import { dataDirCheck, mailCheck, nodeCheck, redisCheck, tlsCheck } from './doctor-surroundings.js';
import { CommandError, EXIT, json, type Terminal } from './terminal.js';

export function addDoctor(
  program: Command,
  terminal: Terminal,
  readConfig: () => { config: DoctorConfig } | { problems: readonly string[] },
): void {
  program
    .command('doctor')
    .summary('check what the server stands on, and say what to do')
    .description('Checks configuration, database, Redis, keys, mail and certificates. Changes nothing.')
    .option('--json', 'print for machines')
    .action(async ({ json: asJson = false }: { json?: boolean }) => {
      const checks = await examine(terminal, readConfig());
      terminal.print(asJson ? json({ checks }) : checks.map(line).join(''));
      const failed = checks.filter(({ status }) => status === 'fail').map(({ name }) => name);
      if (failed.length > 0) throw new CommandError(`To be mended: ${failed.join(', ')}`, EXIT.failed);
    });
}

async function examine(
  terminal: Terminal,
  read: { config: DoctorConfig } | { problems: readonly string[] },
): Promise<Check[]> {
  if ('problems' in read)
    return [
      nodeCheck(process.versions.node),
      ...read.problems.map((problem) => fail('configuration', problem, 'set it as .env.example describes')),
    ];
  const { config } = read;
  return [
    nodeCheck(process.versions.node),
    ok('configuration', `${config.environment}, issuer ${config.issuer}`),
    dataDirCheck(config),
    ...(await databaseChecks(terminal, config)),
    ...(await Promise.all([redisCheck(config), mailCheck(config), tlsCheck(config)])),
  ];
}

const line = ({ status, name, detail, advice }: Check): string =>
  `${status.padEnd(4)}  ${name.padEnd(14)}  ${detail}${advice ? `\n${' '.repeat(22)}→ ${advice}` : ''}\n`;
