// What a command is given: a way to the services, and a way to answer. Results go to stdout, everything else to stderr.
import type { TenantVerification } from '../features/audit-proof/tenant-verification.js';
import type { PasswordLinks } from '../features/credentials/password-links.js';
import type { ApplyServices } from '../features/declarations/apply.service.js';
import type { KeyService } from '../features/keys/key.service.js';
import type { Maintenance } from '../features/maintenance/maintenance.service.js';
import type { SetupService } from '../features/setup/setup.service.js';
import type { Tenant } from '../features/tenants/tenant.entity.js';
import type { TenantDeletion } from '../features/tenants/tenant-deletion.js';
import { withContext } from '../platform/context.js';
import type { Sealer } from '../platform/crypto.js';
import type { Rewrap } from '../platform/rewrap.js';

export interface CommandServices extends ApplyServices {
  auditVerification: TenantVerification;
  keys: KeyService;
  passwordLinks: PasswordLinks;
  rewrap: Rewrap;
  sealer: Sealer;
  setup: SetupService;
  deletion: TenantDeletion;
  maintenance: Maintenance;
  migrate(): Promise<void>;
}

export interface Terminal {
  /** Opens what the configuration names, acts as the system, and closes it again. @param raw the database may be of another version. */
  withServices<T>(work: (services: CommandServices) => Promise<T>, options?: { raw?: boolean }): Promise<T>;
  print(text: string): void;
}

/** The codes that scripts rely on. */
export const EXIT = { done: 0, failed: 1, usage: 2, configuration: 3, unreachable: 4 } as const;

/**
 * Ends the process. What was printed leaves first, the log of this turn included, however slowly it is read; a connection that failed to
 * open does not keep the process.
 */
export async function leave(code: number): Promise<never> {
  await new Promise((resolve) => setImmediate(resolve));
  return new Promise(() => process.stdout.write('', () => process.exit(code)));
}

/** One kind sentence for whoever typed the command. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: number = EXIT.failed,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'CommandError';
  }
}

/** As people name it. Also one that is being deleted. */
export async function findTenant({ tenants }: CommandServices, slug: string): Promise<Tenant> {
  // A command may come before the first start.
  const tenant = slug === 'default' ? await tenants.ensureDefault() : await tenants.findBySlug(slug);
  if (!tenant) throw noTenant(slug);
  return tenant;
}

/** Runs work as one tenant. */
export async function inTenant<T>(services: CommandServices, slug: string, work: () => Promise<T>): Promise<T> {
  const { id: tenantId, deletingAt } = await findTenant(services, slug);
  if (deletingAt) throw noTenant(slug);
  return withContext({ tenantId }, work);
}

const noTenant = (slug: string) => new CommandError(`There is no tenant ${slug}`, EXIT.usage);

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
