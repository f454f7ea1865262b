// What there is, as a declarative file that can be applied again. Clients that registered themselves (RFC 7591) are no declaration of the
// operator and stay out; secrets are nobody's to read.
import { IsNull } from 'typeorm';
import { stringify } from 'yaml';
import { withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { Client } from '../clients/client.entity.js';
import { PasswordCredential } from '../credentials/password-credential.entity.js';
import { ExchangePolicy } from '../exchange/exchange-policy.entity.js';
import { Resource } from '../resources/resource.entity.js';
import { present } from '../resources/resource.schema.js';
import { Role } from '../roles/role.entity.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { User } from '../users/user.entity.js';
import { membersOf } from './declared-exchange-policy.js';
import { membersOfRole } from './declared-role.js';

type Lists = Partial<Record<'resources' | 'roles' | 'clients' | 'exchange_policies' | 'users', object[]>>;
type ExportedTenant = { slug: string; name: string; host?: string; settings?: object } & Lists;

export type Exported = { tenants: ExportedTenant[] } & Lists;

export interface ExportOptions {
  /** For moving people to another installation: whoever holds the hashes may guess passwords at leisure. */
  passwordHashes?: boolean;
}

/** In an order that does not depend on when things were made. */
export async function exportDeclarations(
  { db, tenants }: { db: Database; tenants: TenantService },
  options: ExportOptions = {},
): Promise<Exported> {
  // One moment for all tables.
  return db.transaction(async () => {
    await db.manager.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const exported: Exported = { tenants: [] };
    for (const tenant of await tenants.list()) {
      const lists = await withContext({ tenantId: tenant.id }, () => listsOf(db, options));
      exported.tenants.push({ ...tenantOf(tenant), ...(tenant.slug === 'default' ? {} : lists) });
      if (tenant.slug === 'default') Object.assign(exported, lists);
    }
    return exported;
  });
}

/** No anchors: each entry is read by itself. */
export const toYaml = (exported: Exported): string =>
  stringify(exported, { aliasDuplicateObjects: false, lineWidth: 0, schema: 'core' });

const tenantOf = ({ slug, name, host, storedSettings }: Tenant): ExportedTenant => ({
  slug,
  name,
  ...(host ? { host } : {}),
  ...(Object.keys(storedSettings).length > 0 ? { settings: storedSettings } : {}),
});

async function listsOf(db: Database, { passwordHashes = false }: ExportOptions): Promise<Lists> {
  const resources = await db.repo(Resource).find({ order: { identifier: 'ASC' } });
  const clients = await db.repo(Client).find({ where: { dynamic: false }, order: { clientId: 'ASC' } });
  const roles = await db.repo(Role).find({ order: { key: 'ASC' } });
  const policies = await db.repo(ExchangePolicy).find({ order: { clientId: 'ASC', createdAt: 'ASC', id: 'ASC' } });
  // Who is leaving is not taken along.
  const users = await db.repo(User).find({ where: { deletionAt: IsNull() }, order: { emailNormalized: 'ASC' } });
  const hashes = new Map<string, string>();
  if (passwordHashes) for (const { userId, hash } of await db.repo(PasswordCredential).find()) hashes.set(userId, hash);
  return filled({
    resources: resources.map(resourceOf),
    roles: roles.map(membersOfRole),
    clients: clients.map(clientOf),
    exchange_policies: policies.map(membersOf),
    users: users.map((user) => userOf(user, hashes.get(user.id))),
  });
}

const filled = (lists: Required<Lists>): Lists =>
  Object.fromEntries(Object.entries(lists).filter(([, entries]) => entries.length > 0));

function resourceOf(resource: Resource): object {
  const { id, created_at, updated_at, version, ...members } = present(resource);
  return members;
}

const clientOf = ({ clientId, metadata, consentPolicy, roles, disabledAt }: Client): object => ({
  client_id: clientId,
  ...metadata,
  consent_policy: consentPolicy,
  ...(roles.length > 0 ? { roles } : {}),
  ...(disabledAt ? { disabled: true } : {}),
});

const userOf = ({ email, emailVerified, claims, roles, disabledAt }: User, hash: string | undefined): object => ({
  email,
  email_verified: emailVerified,
  ...(Object.keys(claims).length > 0 ? { claims } : {}),
  ...(roles.length > 0 ? { roles } : {}),
  ...(disabledAt ? { disabled: true } : {}),
  ...(hash ? { password_hash: hash } : {}),
});
