// `ostiary webhooks`: what a server tells, brought to an application on this machine that no server can reach.
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { newWebhookSecret } from '../features/webhooks/webhook-signature.js';
import { CommandError, EXIT, type Terminal } from './terminal.js';

interface ListenOptions {
  server: string;
  forward: string;
  clientId: string;
  clientSecretFile: string;
  event?: string[];
  secret?: string;
}

export function addWebhooks(program: Command, { print }: Terminal): void {
  program
    .command('webhooks')
    .summary('receive webhooks on this machine')
    .command('listen')
    .summary('forward what happens to an application on this machine')
    .description(
      'Follows the audit log of a server and posts each event to an address, signed as a webhook is. It needs a client with\nthe scope audit:read, and goes on until it is stopped.',
    )
    .requiredOption('--server <issuer>', 'whose events', address)
    .requiredOption('--forward <url>', 'where they are posted', address)
    .requiredOption('--client-id <id>', 'a client that may ask for audit:read')
    .requiredOption('--client-secret-file <file>', 'a file with its secret')
    .option('--event <name...>', 'events, or user.* for all of a noun; all unless said')
    .option('--secret <secret>', 'what messages are signed with; a new one unless said')
    .addHelpText(
      'after',
      '\nExample:\n  ostiary webhooks listen --server https://id.example.com --forward http://localhost:3000/webhooks \\\n    --client-id 4f5a --client-secret-file secret.txt --event "user.*" membership.added',
    )
    .action(
      async ({ secret = newWebhookSecret(), clientSecretFile, event: events = [], ...options }: ListenOptions) => {
        const clientSecret = (
          await readFile(clientSecretFile, 'utf8').catch((cause: unknown) => {
            throw new CommandError(`${clientSecretFile} cannot be read`, EXIT.usage, cause);
          })
        ).trim();
        const { listen } = await import('./webhooks-listen.js');
        print(`Messages are signed with ${secret}\n`);
        await listen({ ...options, clientSecret, events, secret }, print, new AbortController().signal);
      },
    );
}

function address(value: string): string {
  if (!URL.canParse(value) || !/^https?:/.test(value)) throw new InvalidArgumentError('not an http or https address');
  return value.replace(/\/$/, '');
}
