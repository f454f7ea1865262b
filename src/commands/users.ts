// `ostiary users`: a person and a link to choose a password, for the first minutes and for whoever is locked out.
import { type Command, InvalidArgumentError } from 'commander';
import { EmailAddress } from '../features/users/identifier.js';
import type { User } from '../features/users/user.entity.js';
import { StandardClaims } from '../features/users/user.schema.js';
import { CommandError, inTenant, json, type Terminal } from './terminal.js';

interface CreateOptions {
  email: string;
  name?: string;
  admin?: boolean;
  tenant: string;
  json?: boolean;
}

export function addUsers(program: Command, { withServices, print }: Terminal): void {
  const users = program.command('users').summary('create people, and links to choose a password');
  const answer = (user: User, link: string, asJson = false) =>
    print(
      asJson
        ? json({ user_id: user.id, email: user.email, roles: user.roles, link })
        : `${user.email} (${user.id})\nThis link lets them choose a password, once and within the hour:\n${link}\n`,
    );

  users
    .command('create')
    .summary('create a person, and print a link to choose a password')
    .requiredOption('--email <email>', 'e-mail address', email)
    .option('--name <name>', 'full name', name)
    .option('--admin', 'may administer the tenant')
    .option('--tenant <slug>', 'where', 'default')
    .option('--json', 'print for machines')
    .addHelpText('after', '\nExample:\n  ostiary users create --email ada@example.com --name "Ada Lovelace" --admin')
    .action(async (options: CreateOptions) => {
      const { user, link } = await withServices((services) =>
        inTenant(services, options.tenant, async () => {
          if (await services.users.findByEmail(options.email))
            throw new CommandError(
              `There is a user ${options.email} already; see: ostiary users reset ${options.email}`,
            );
          return services.db.transaction(async () => {
            const claims = options.name === undefined ? {} : { name: options.name };
            const made = await services.users.create({ email: options.email, claims }, options.admin ? ['ADMIN'] : []);
            return { user: made, link: await services.passwordLinks.issue(made) };
          });
        }),
      );
      answer(user, link, options.json);
    });

  users
    .command('reset')
    .summary('print a link to choose another password')
    .description(
      'Prints a link to choose another password. The password in use goes on until then; an older link dies.',
    )
    .argument('<email>', 'e-mail address', email)
    .option('--tenant <slug>', 'where', 'default')
    .option('--json', 'print for machines')
    .addHelpText('after', '\nExample:\n  ostiary users reset ada@example.com')
    .action(async (address: string, options: { tenant: string; json?: boolean }) => {
      const { user, link } = await withServices((services) =>
        inTenant(services, options.tenant, async () => {
          const found = await services.users.findByEmail(address);
          if (!found) throw new CommandError(`There is no user ${address} in the tenant ${options.tenant}`);
          if (!found.active)
            throw new CommandError(`${found.email} is disabled or closed: a link would not let them in`);
          return { user: found, link: await services.passwordLinks.issue(found) };
        }),
      );
      answer(user, link, options.json);
    });
}

function email(value: string): string {
  const result = EmailAddress.safeParse(value);
  if (!result.success) throw new InvalidArgumentError('It must be an e-mail address.');
  return result.data;
}

function name(value: string): string {
  const result = StandardClaims.shape.name.safeParse(value);
  if (!result.success) throw new InvalidArgumentError('It must be 1 to 200 visible characters.');
  return result.data ?? '';
}
