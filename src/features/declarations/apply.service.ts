// Owns the way from a declarative file to the database: what differs, and one transaction that makes all of it true or nothing.
// Hands off to: the service of each feature, which writes and records its own changes.
import { QueryFailedError } from 'typeorm';
import { type RequestContext, withContext } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import { AppError } from '../../platform/errors.js';
import type { ClientService } from '../clients/client.service.js';
import type { ExchangePolicies } from '../exchange/exchange-policies.js';
import type { ResourceService } from '../resources/resource.service.js';
import type { RoleService } from '../roles/role.service.js';
import { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { type Change, type MadeSecret, oneAtATime, type Step } from './change.js';
import type { Declarations } from './declaration.parser.js';
import type { Path } from './declaration.problems.js';
import { segments } from './declaration.rules.js';
import type { DeclaredTenant, DeclaredUser, Entry } from './declaration.schema.js';
import { clientStep } from './declared-client.js';
import { exchangePolicyStep, subjectOf } from './declared-exchange-policy.js';
import { DeclaredPasswords, Outdated, type PasswordServices } from './declared-passwords.js';
import { resourceStep } from './declared-resource.js';
import { roleStep } from './declared-role.js';
import { tenantStep } from './declared-tenant.js';
import { userStep } from './declared-user.js';

export interface ApplyServices extends PasswordServices {
  config: { environment: string };
  tenants: TenantService;
  clients: ClientService;
  resources: ResourceService;
  roles: RoleService;
  exchangePolicies: ExchangePolicies;
}

export interface Applied {
  changes: Change[];
  /** Of clients whose secret the file left to us. */
  secrets: (MadeSecret & { tenant: string })[];
}

/** While a tenant is only planned: nothing can be found in it. */
const NOWHERE = '00000000-0000-0000-0000-000000000000';
const ATTEMPTS = 5;
/** Passwords compared or hashed at a time: below what the queue of the hasher takes. */
const HASHES_AT_A_TIME = 8;

export class Apply {
  constructor(private readonly services: ApplyServices) {}

  /** Writes nothing. @throws DeclarationError for what only the database knows to be wrong. */
  async plan(declarations: Declarations): Promise<Change[]> {
    const passwords = new DeclaredPasswords(this.services);
    await this.eachPassword(declarations, (user) => passwords.compare(user));
    return (await this.walk(declarations, passwords, false)).changes;
  }

  /**
   * All of the file or nothing of it. A second time nothing is written.
   * @throws DeclarationError for what only the database knows to be wrong.
   */
  async run(declarations: Declarations): Promise<Applied> {
    for (let attempt = 1; ; attempt += 1) {
      const passwords = new DeclaredPasswords(this.services);
      await this.eachPassword(declarations, (user) => passwords.compare(user));
      const planned = await this.walk(declarations, passwords, false);
      if (planned.changes.length === 0) return planned;
      await this.eachPassword(declarations, (user) => passwords.prepare(user));
      try {
        return await this.write(declarations, passwords);
      } catch (error) {
        if (!(error instanceof Outdated) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  private async write(declarations: Declarations, passwords: DeclaredPasswords): Promise<Applied> {
    const { db, audit, tenants } = this.services;
    const context: Partial<RequestContext> = { requestId: newId(), actor: { type: 'system', id: 'apply' } };
    return withContext(context, () =>
      db.transaction(async () => {
        await oneAtATime(db);
        const done = await this.walk(declarations, passwords, true);
        if (done.changes.length === 0) return done;
        const created = done.changes.filter(({ action }) => action === 'create').length;
        const { id: tenantId } = await tenants.ensureDefault();
        await withContext({ tenantId }, () =>
          audit.record('apply.completed', { created, updated: done.changes.length - created }),
        );
        return done;
      }),
    );
  }

  /** Resources before the roles that open them and the clients whose scopes they explain, then what these may exchange, then people. */
  private async walk(
    { tenants, source }: Declarations,
    passwords: DeclaredPasswords,
    write: boolean,
  ): Promise<Applied> {
    const { services } = this;
    const applied: Applied = { changes: [], secrets: [] };
    const visit = async (
      { kind, tenant, name }: Pick<Change, 'kind' | 'tenant' | 'name'>,
      path: Path,
      find: () => Promise<Step | undefined>,
    ) => {
      try {
        const step = await find();
        if (!step) return;
        applied.changes.push({ action: step.action, kind, tenant, name, changed: step.changed });
        const made = write && (await step.write());
        if (made) applied.secrets.push({ tenant, ...made });
      } catch (error) {
        this.report(source, path, error);
        // A transaction in which a statement failed takes no other: what else is wrong is told the next time.
        if (write) source.conclude();
      }
    };
    for (const declared of tenants) {
      const { slug: tenant, path, clients, users, resources, roles, exchangePolicies } = declared;
      let known: Tenant | undefined;
      await visit({ kind: 'tenant', tenant, name: tenant }, path, async () => {
        const { tenant: found, step } = await tenantStep(services, declared);
        known = found;
        return step;
      });
      if (write) known = (await services.db.manager.findOneBy(Tenant, { slug: tenant })) ?? undefined;
      await withContext({ tenantId: known?.id ?? NOWHERE }, async () => {
        for (const { path, value } of resources)
          await visit({ kind: 'resource', tenant, name: value.identifier }, path, () =>
            resourceStep(services, value, known !== undefined),
          );
        for (const { path, value } of roles)
          await visit({ kind: 'role', tenant, name: value.key }, path, () => roleStep(services, value));
        for (const { path, value } of clients)
          await visit({ kind: 'client', tenant, name: value.client_id }, path, () => clientStep(services, value));
        for (const { path, value } of exchangePolicies)
          await visit({ kind: 'exchange_policy', tenant, name: subjectOf(value) }, path, () =>
            exchangePolicyStep(services, value, exchangePolicies),
          );
        for (const { path, value } of users)
          await visit({ kind: 'user', tenant, name: value.email }, path, async () => {
            if (write) await passwords.recheck(value);
            return userStep(services, value, passwords.verdict(value));
          });
      });
    }
    source.conclude();
    return applied;
  }

  /** What the caller can mend gets its place in the file; everything else goes on. */
  private report(source: Declarations['source'], path: Path, error: unknown): void {
    if (error instanceof AppError && error.status < 500) {
      const { issues = [] } = error.details;
      if (issues.length === 0) source.report({ path, message: error.message });
      for (const { pointer, message } of issues) source.report({ path: [...path, ...segments(pointer)], message });
    } else if (error instanceof QueryFailedError && (error.driverError as { code?: unknown }).code === '23505')
      source.report({
        path,
        message: `is taken already (${(error.driverError as { constraint?: string }).constraint})`,
      });
    else throw error;
  }

  /** A few at a time: people who sign in meanwhile find room. */
  private async eachPassword({ tenants }: Declarations, work: (user: DeclaredUser) => Promise<void>): Promise<void> {
    for (const declared of tenants) {
      const tenantId = await this.idOf(declared);
      await withContext({ tenantId }, async () => {
        for (const some of inTurns(declared.users)) await Promise.all(some.map(({ value }) => work(value)));
      });
    }
  }

  private async idOf({ slug }: DeclaredTenant): Promise<string> {
    return (await this.services.db.manager.findOneBy(Tenant, { slug }))?.id ?? NOWHERE;
  }
}

function* inTurns<T>(entries: readonly Entry<T>[]): Generator<readonly Entry<T>[]> {
  for (let at = 0; at < entries.length; at += HASHES_AT_A_TIME) yield entries.slice(at, at + HASHES_AT_A_TIME);
}
