// `ostiary audit`: whether the audit log is what was recorded.
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import type { JWK } from 'jose';
import { z } from 'zod';
import { type Checkpoint, readCheckpoint } from '../features/audit-proof/checkpoint.js';
import { verifyFile } from '../features/audit-proof/file-verification.js';
import type { Verified } from '../features/audit-proof/tenant-verification.js';
import { CommandError, EXIT, inTenant, json, type Terminal } from './terminal.js';

interface VerifyOptions {
  tenant: string;
  jwks?: string;
  kept?: string;
  part?: boolean;
  filtered?: boolean;
  json?: boolean;
}

export function addAudit(program: Command, { withServices, print }: Terminal): void {
  program
    .command('audit')
    .summary('prove the audit log')
    .command('verify')
    .summary('find what was changed, removed, inserted or reordered in the audit log')
    .description(
      'Finds what was changed, removed, inserted or reordered in the audit log, and names it: where it lies, or in an export\n(JSON lines). Ends with 1 where there is any.',
    )
    .argument('[file]', 'an export; without it, the database')
    .option('--tenant <slug>', 'whose', 'default')
    .option('--jwks <file>', 'the keys of the issuer, for a file; without it, keys and checkpoints of the database')
    .option('--kept <file>', 'checkpoints that were kept elsewhere, one on a line')
    .option('--part', 'the file is a piece, as those of an archive: what is before and behind it is not missed')
    .option(
      '--filtered',
      'the file is of one person, actor or kind: what is there is looked at, and never proved whole',
    )
    .option('--json', 'print for machines')
    .addHelpText(
      'after',
      '\nExamples:\n  ostiary audit verify --tenant acme --kept checkpoints.txt\n  ostiary audit verify audit-2026-11-22.jsonl --jwks jwks.json',
    )
    .action(async (file: string | undefined, { tenant, jwks, kept, part, filtered, json: asJson }: VerifyOptions) => {
      if (filtered && !file) throw new CommandError('--filtered is of a file', EXIT.usage);
      const from = kept ? checkpointsIn(kept) : [];
      const ofFile = (keys: readonly JWK[], others: readonly Checkpoint[] = []) =>
        verifyFile(linesOf(file ?? ''), {
          keys,
          others,
          kept: from,
          isPart: part ?? false,
          isFiltered: filtered ?? false,
        });
      const verify = async (): Promise<Verified> => {
        if (file && jwks) return ofFile(keysIn(jwks));
        return withServices((services) =>
          inTenant(services, tenant, async () => {
            const { auditVerification: here } = services;
            return file ? ofFile(await here.publicKeys(), await here.checkpoints()) : here.run(from);
          }),
        );
      };
      if (file && !existsSync(file)) throw new CommandError(`There is no file ${file}`, EXIT.usage);
      const verified = await verify();
      print(asJson ? json({ ...verified, whole: !filtered && !part }) : told(verified, { file, filtered }));
      if (verified.findings.length > 0) throw new CommandError('The audit log is not what was recorded');
    });
}

function told(
  { findings, events, erased, waiting, checkpoints, proven, linked, late }: Verified,
  { file, filtered }: { file: string | undefined; filtered: boolean | undefined },
): string {
  const lines = findings.map(({ kind, sequence, eventId, says }) =>
    [kind.padEnd(10), sequence === undefined ? '' : `#${sequence}`, eventId ?? '', says].filter(Boolean).join('  '),
  );
  const counts = [
    filtered
      ? `${events} events, ${linked} of them with the one before them`
      : `${events} events, ${proven} of them signed for by ${checkpoints} checkpoints`,
    ...(late > 0 ? [`${late} of them an hour or more after they happened`] : []),
    ...(erased > 0 ? [`${erased} erased`] : []),
    ...(waiting > 0 ? [`${waiting} not sealed yet`] : []),
  ];
  const sound = filtered ? `nothing wrong is seen. ${notWhole}` : 'as recorded';
  const verdict = `${counts.join(', ')}: ${findings.length === 0 ? sound : `${findings.length} findings`}`;
  const isPerhapsFiltered = file && !filtered && checkpoints === 0 && findings.some(({ kind }) => kind === 'removed');
  return `${[...lines, verdict, ...(isPerhapsFiltered ? [hint] : [])].join('\n')}\n`;
}

const notWhole =
  'A filtered file cannot be proved whole: whether events are missing, or were changed whose neighbours are not here, only an export of everything tells';
const hint =
  'It has no checkpoints. If it was exported by person, actor or kind, it cannot be proved whole: --filtered looks at what is there.';

const linesOf = (file: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });

const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

const keysIn = (file: string): JWK[] => KeySet.parse(JSON.parse(readFileSync(file, 'utf8'))).keys as JWK[];

/** One on a line, or as they are published. */
function checkpointsIn(file: string): Checkpoint[] {
  const words = readFileSync(file, 'utf8').match(/[\w-]+\.[\w-]+\.[\w-]+/g) ?? [];
  const found = words.flatMap((word) => readCheckpoint(word) ?? []);
  if (found.length === 0) throw new CommandError(`There is no checkpoint in ${file}`, EXIT.usage);
  return found;
}
