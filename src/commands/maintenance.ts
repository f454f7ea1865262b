// `ostiary maintenance`: closes tenants and opens them again, also where nobody is left who could come in with a token.
import type { Command } from 'commander';
import { BeginMaintenance, present } from '../features/maintenance/maintenance.schema.js';
import type { Whose } from '../features/maintenance/maintenance.service.js';
import { AppError } from '../platform/errors.js';
import { CommandError, type CommandServices, EXIT, inTenant, json, type Terminal } from './terminal.js';

interface Said {
  tenant: string;
  all?: boolean;
  json?: boolean;
  message?: string;
  until?: string;
}

export function addMaintenance(program: Command, { withServices, print }: Terminal): void {
  const maintenance = program.command('maintenance').summary('close tenants for maintenance, and open them again');

  const command = (
    name: string,
    summary: string,
    work: (services: CommandServices, whose: Whose, said: Said) => unknown,
  ) =>
    maintenance
      .command(name)
      .summary(summary)
      .option('--tenant <slug>', 'which', 'default')
      .option('--all', 'all tenants at once')
      .option('--json', 'print for machines')
      .action(async (said: Said) => {
        const whose = said.all ? 'installation' : 'tenant';
        const view = await withServices((services) =>
          inTenant(services, said.tenant, async () => {
            await work(services, whose, said);
            return present(await services.maintenance.read(whose));
          }),
        );
        print(said.json ? json(view) : line(view, said.all ? 'all tenants' : said.tenant));
      });

  command('begin', 'close a tenant, or say anew why and until when', async (services, whose, { message, until }) => {
    const input = BeginMaintenance.safeParse({ ...(message ? { message } : {}), ...(until ? { until } : {}) });
    if (!input.success) throw new CommandError(input.error.issues.map(problem).join('\n'), EXIT.usage);
    await services.maintenance.begin(whose, input.data).catch(explained);
  })
    .option('--message <words>', 'what people read')
    .option('--until <time>', 'when it will be over, as in 2026-05-01T06:00:00Z')
    .addHelpText(
      'after',
      '\nExample:\n  ostiary maintenance begin --all --message "We are moving." --until 2026-05-01T06:00:00Z',
    );
  command('end', 'open a tenant again', ({ maintenance: service }, whose) => service.end(whose));
  command('show', 'say whether a tenant is closed', () => undefined);
}

const problem = ({ path, message }: { path: PropertyKey[]; message: string }) => `--${path.join('.')} ${message}`;

/** An end that has passed. */
function explained(error: unknown): never {
  if (error instanceof AppError && error.status === 422) throw new CommandError(error.message, EXIT.usage, error);
  throw error;
}

const line = ({ active, since, until, message }: ReturnType<typeof present>, what: string): string =>
  active
    ? `${what}: closed since ${since}${until ? `, until ${until}` : ''}${message ? `: ${message}` : ''}\n`
    : `${what}: open\n`;
