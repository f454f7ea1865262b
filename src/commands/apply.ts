// `ostiary apply` and `ostiary export`: the whole of a server as a file, in and out.
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Applied } from '../features/declarations/apply.service.js';
import { type Change, describeChange } from '../features/declarations/change.js';
import { CommandError, EXIT, json, type Terminal } from './terminal.js';

interface ApplyOptions {
  file: string;
  dryRun?: boolean;
  json?: boolean;
}

export function addApply(program: Command, { withServices, print }: Terminal): void {
  program
    .command('apply')
    .summary('bring the server to what a file says')
    .description(
      'Brings tenants, clients, users, resources and exchange policies to what a YAML or JSON file says. All of it or nothing;\na second time changes nothing; what the file does not name stays.',
    )
    .requiredOption('-f, --file <file>', 'the file; - reads from standard input')
    .option('--dry-run', 'print what would change, and change nothing')
    .option('--json', 'print for machines')
    .addHelpText('after', '\nExamples:\n  ostiary apply -f ostiary.yaml --dry-run\n  ostiary apply -f ostiary.yaml')
    .action(async ({ file, dryRun = false, json: asJson = false }: ApplyOptions) => {
      // Loaded here and not above, as in export: a server that starts needs none of it.
      const { parseDeclarations } = await import('../features/declarations/declaration.parser.js');
      const { Apply } = await import('../features/declarations/apply.service.js');
      // Read and judged before a database is opened: a mistake in the file is told even where there is none.
      const declarations = parseDeclarations(await read(file), file === '-' ? 'stdin' : file);
      const { changes, secrets } = await withServices(async (services): Promise<Applied> => {
        const apply = new Apply(services);
        return dryRun ? { changes: await apply.plan(declarations), secrets: [] } : apply.run(declarations);
      });
      if (asJson) return print(json({ dry_run: dryRun, changes, secrets }));
      const lines = [...changes.map(describeChange), summary(changes, dryRun)];
      for (const { tenant, client_id, client_secret } of secrets)
        lines.push(
          `client_secret of ${tenant === 'default' ? '' : `${tenant}/`}${client_id}, shown this once: ${client_secret}`,
        );
      print(`${lines.join('\n')}\n`);
    });
}

export function addExport(program: Command, { withServices, print }: Terminal): void {
  program
    .command('export')
    .summary('print the server as a file that apply accepts')
    .description(
      'Prints tenants, clients, users, resources and exchange policies as YAML that `ostiary apply` accepts again. Without\nsecrets, and without clients that registered themselves.',
    )
    .option('--with-password-hashes', 'add the hashes of passwords: keep such a file like the passwords themselves')
    .option('--json', 'print JSON instead of YAML; apply accepts it as well')
    .addHelpText(
      'after',
      '\nExamples:\n  ostiary export > ostiary.yaml\n  ostiary export --with-password-hashes > move.yaml',
    )
    .action(async (options: { withPasswordHashes?: boolean; json?: boolean }) => {
      const { exportDeclarations, toYaml } = await import('../features/declarations/export.js');
      const exported = await withServices((services) =>
        exportDeclarations(services, { passwordHashes: options.withPasswordHashes ?? false }),
      );
      print(options.json ? json(exported) : toYaml(exported));
    });
}

async function read(file: string): Promise<string> {
  if (file === '-') return readAll(process.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`The file ${file} cannot be read (${code ?? 'unknown error'})`, EXIT.usage, error);
  }
}

function summary(changes: readonly Change[], dryRun: boolean): string {
  if (changes.length === 0) return 'nothing to change';
  const created = changes.filter(({ action }) => action === 'create').length;
  const verb = dryRun ? 'to be ' : '';
  return `${created} ${verb}created, ${changes.length - created} ${verb}updated`;
}
