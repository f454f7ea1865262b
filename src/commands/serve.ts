// `ostiary start` and `ostiary migrate`.
import type { Command } from 'commander';
import type { Terminal } from './terminal.js';

export function addServe(program: Command, { withServices, print }: Terminal, serve: () => Promise<void>): void {
  program
    .command('start')
    .summary('start the server')
    .description('Migrates the database, applies APPLY_FILE where it is set, and serves until it is told to stop.')
    .action(serve);
  program
    .command('migrate')
    .summary('bring the database to this version')
    .description('Brings the database to this version. Safe to run twice, and by several at once.')
    .action(async () => {
      await withServices((services) => services.migrate(), { raw: true });
      print('The database is at this version\n');
    });
}
