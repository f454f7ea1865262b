// `ostiary tenants`: the issuers of this installation, from their first administrator to their end.
import type { Command } from 'commander';
import type { z } from 'zod';
import type { Tenant } from '../features/tenants/tenant.entity.js';
import { CreateTenant, present, UpdateTenant } from '../features/tenants/tenant.schema.js';
import { CommandError, type CommandServices, EXIT, findTenant, json, type Terminal } from './terminal.js';

interface Said {
  name?: string;
  host?: string | false;
  json?: boolean;
}

export function addTenants(program: Command, { withServices, print }: Terminal): void {
  const tenants = program.command('tenants').summary('list, create, change, suspend and delete tenants');
  /** A command on one tenant that prints it as it then is. */
  const change = (
    command: Command,
    work: (services: CommandServices, tenant: Tenant, options: Said) => Promise<Tenant>,
  ) =>
    command
      .argument('<slug>', 'which')
      .option('--json', 'print for machines')
      .action(async (slug: string, options: Said) => {
        const view = await withServices(async (services) =>
          viewOf(services, await work(services, await findTenant(services, slug), options)),
        );
        print(options.json ? json(view) : `${line(view)}\n`);
      });

  tenants
    .command('list')
    .summary('list all tenants')
    .option('--json', 'print for machines')
    .action(async (options: Said) => {
      const views = await withServices(async (services) =>
        (await services.tenants.list()).map((tenant) => viewOf(services, tenant)),
      );
      print(options.json ? json(views) : views.map((view) => `${line(view)}\n`).join(''));
    });

  tenants
    .command('create')
    .summary('create a tenant, and print the link that appoints its first administrator')
    .argument('<slug>', 'lower case letters, digits and hyphens; it stays')
    .option('--name <name>', 'as people read it; the slug unless said otherwise')
    .option('--host <host>', 'a host of its own')
    .option('--json', 'print for machines')
    .addHelpText('after', '\nExample:\n  ostiary tenants create acme --name "Acme Ltd" --host login.acme.example')
    .action(async (slug: string, options: Said & { host?: string }) => {
      const { name = slug, host } = options;
      const input = valid(CreateTenant, { slug, name, host });
      const { view, link } = await withServices(async (services) => {
        const tenant = await services.tenants.create(input).catch(taken);
        return { view: viewOf(services, tenant), link: await services.setup.issueLinkFor(tenant) };
      });
      print(
        options.json
          ? json({ ...view, setup_link: link })
          : `${line(view)}\nThis link appoints its first administrator, once and within 30 minutes:\n${link}\n`,
      );
    });

  change(
    tenants
      .command('update')
      .summary('change the name or the host of a tenant')
      .description('Another host is another issuer: what the old one has signed is nobody’s any more.')
      .option('--name <name>', 'as people read it')
      .option('--host <host>', 'a host of its own')
      .option('--no-host', 'without a host of its own'),
    ({ tenants: service }, tenant, { name, host }) =>
      service
        .update(
          tenant,
          valid(UpdateTenant, {
            ...(name === undefined ? {} : { name }),
            ...(host === undefined ? {} : { host: host || null }),
          }),
        )
        .catch(taken),
  );
  change(
    tenants.command('suspend').summary('stop answering for a tenant; nothing is lost'),
    ({ tenants: service }, tenant) => service.suspend(tenant),
  );
  change(tenants.command('resume').summary('answer for a tenant again'), ({ tenants: service }, tenant) =>
    service.resume(tenant),
  );

  tenants
    .command('setup-link')
    .summary('print a link that appoints the first administrator of a tenant')
    .argument('<slug>', 'which')
    .action(async (slug: string) => {
      const link = await withServices(async (services) =>
        services.setup.issueLinkFor(await findTenant(services, slug)),
      );
      print(`${link}\n`);
    });

  tenants
    .command('delete')
    .summary('delete a tenant and everything it has')
    .description(
      'Deletes a tenant and everything it has. It stops answering at once; interrupted, a running server goes on with the rest,\nand so does this command.',
    )
    .argument('<slug>', 'which')
    .option('--yes', 'it is meant')
    .action(async (slug: string, { yes = false }: { yes?: boolean }) => {
      if (!yes) throw new CommandError(`Everything of ${slug} would be gone for good; --yes says so`, EXIT.usage);
      await withServices(async (services) => {
        const { id: tenantId } = await services.tenants.delete(await findTenant(services, slug));
        await services.deletion.run({ tenantId });
      });
      print(`${slug} is deleted\n`);
    });
}

type View = ReturnType<typeof present>;

const viewOf = ({ tenants }: CommandServices, tenant: Tenant): View => present(tenant, tenants.issuerOf(tenant));

const line = ({ slug, state, issuer, name }: View): string =>
  `${slug.padEnd(20)} ${state.padEnd(9)} ${issuer}  ${name}`;

/** @throws CommandError that names each option that is wrong. */
function valid<S extends z.ZodType>(schema: S, input: z.input<S>): z.input<S> {
  const { error } = schema.safeParse(input);
  if (!error) return input;
  throw new CommandError(
    error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('\n'),
    EXIT.usage,
  );
}

/** SQLSTATE 23505, unique_violation: the last word on slugs and hosts. */
function taken(error: unknown): never {
  const { code } = ((error as { driverError?: unknown }).driverError ?? {}) as { code?: unknown };
  if (code === '23505') throw new CommandError('The slug or host is taken', EXIT.failed, error);
  throw error;
}
