// `ostiary keys`: the signing keys of a tenant, and what is sealed with an older encryption key.
import { type Command, Option } from 'commander';
import { keyAlgorithms } from '../../config/protocol.js';
import { present } from '../features/keys/key.schema.js';
import type { KeyAlg, SigningKey } from '../features/keys/signing-key.entity.js';
import { CommandError, EXIT, inTenant, json, type Terminal } from './terminal.js';

interface TenantOptions {
  tenant: string;
  json?: boolean;
}

interface RotateOptions extends TenantOptions {
  alg?: KeyAlg;
  force?: boolean;
  compromised?: string;
}

export function addKeys(program: Command, { withServices, print }: Terminal): void {
  const keys = program.command('keys').summary('list and rotate signing keys, and renew what is sealed');
  const answer = (found: readonly SigningKey[], asJson = false) =>
    print(asJson ? json({ items: found.map(present) }) : found.map(line).join(''));

  keys
    .command('list')
    .summary('list the signing keys of a tenant')
    .option('--tenant <slug>', 'where', 'default')
    .option('--json', 'print for machines')
    .action(async (options: TenantOptions) => {
      const found = await withServices((services) => inTenant(services, options.tenant, () => services.keys.list()));
      answer(found, options.json);
    });

  keys
    .command('rotate')
    .summary('sign with the next keys from now on')
    .description(
      'Signs with the next keys from now on, in every process that runs. What was signed before stays good. Refused while a\nnext key is so young that verifiers may not have seen it.',
    )
    .option('--tenant <slug>', 'where', 'default')
    .addOption(
      new Option('--alg <alg>', 'one algorithm only').choices([...keyAlgorithms.signing, ...keyAlgorithms.encryption]),
    )
    .option('--force', 'even where verifiers may not have seen the next key')
    .option('--compromised <kid>', 'this key is in wrong hands: nothing it signed is believed any more')
    .option('--json', 'print for machines')
    .addHelpText('after', '\nExamples:\n  ostiary keys rotate --alg RS256\n  ostiary keys rotate --compromised <kid>')
    .action(async ({ tenant, alg, force, compromised: kid, json: asJson }: RotateOptions) => {
      if (kid && (alg || force))
        throw new CommandError(
          '--compromised says which key it is: neither --alg nor --force goes with it',
          EXIT.usage,
        );
      const found = await withServices((services) =>
        inTenant(services, tenant, () =>
          kid ? services.keys.compromised(kid) : services.keys.rotate({ alg, force: force ?? false }),
        ),
      );
      answer(found, asJson);
    });

  keys
    .command('rewrap')
    .summary('seal with the newest of ENCRYPTION_KEYS what is sealed with an older one')
    .description(
      'Seals with the newest of ENCRYPTION_KEYS what is sealed with an older one. A running server does so by itself; this says\nwhen an older key can be taken out of the list. Ends with 1 while something is left.',
    )
    .option('--json', 'print for machines')
    .action(async (options: { json?: boolean }) => {
      const { done, left } = await withServices(async ({ rewrap }) => {
        const done = await rewrap.run();
        return { done, left: [...rewrap.stale.values()].reduce((sum, count) => sum + count, 0) };
      });
      print(
        options.json
          ? json({ ...done, left })
          : `${done.rewrapped} sealed anew, ${done.unreadable} do not open, ${left} left\n`,
      );
      if (left > 0)
        throw new CommandError('An older key is still needed: run it again, or ask ostiary doctor what does not open');
    });
}

const line = ({ status, alg, kid, statusSince, compromisedAt }: SigningKey): string =>
  `${status.padEnd(8)}  ${alg.padEnd(5)}  ${kid}  since ${statusSince.toISOString()}${compromisedAt ? '  compromised' : ''}\n`;
