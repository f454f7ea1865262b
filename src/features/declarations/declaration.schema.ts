// What a declarative file may say. Clients, resources, roles and exchange policies are said whole: a member that is absent has its default. Of tenants and people
// only what is said is touched, since they also change elsewhere. Nothing is deleted because it is absent.
import { z } from 'zod';
import { CreateClient } from '../clients/client.schema.js';
import { CreateExchangePolicy } from '../exchange/exchange-policy.schema.js';
import { CreateResource } from '../resources/resource.schema.js';
import { CreateRole } from '../roles/role.schema.js';
import { CreateTenant } from '../tenants/tenant.schema.js';
import { EmailAddress } from '../users/identifier.js';
import { Roles, StandardClaims } from '../users/user.schema.js';
import type { Path } from './declaration.problems.js';

export const DeclaredClient = z.strictObject({
  client_id: z.string().regex(/^[A-Za-z0-9._~-]{1,128}$/, 'must be 1–128 of A–Z a–z 0–9 . _ ~ -'),
  // RFC 6749 appendix A.2: VSCHAR.
  client_secret: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'must be visible ASCII characters')
    .optional(),
  disabled: z.boolean().optional(),
  /** Touched where it is said, as disabled is. */
  roles: Roles.shape.roles.optional(),
  ...CreateClient.shape,
});
export type DeclaredClient = z.infer<typeof DeclaredClient>;

export const DeclaredUser = z.strictObject({
  email: EmailAddress,
  email_verified: z.boolean().optional(),
  claims: StandardClaims.optional(),
  roles: Roles.shape.roles.optional(),
  disabled: z.boolean().optional(),
  password: z.string().optional(),
  password_hash: z.string().optional(),
});
export type DeclaredUser = z.infer<typeof DeclaredUser>;

export const DeclaredResource = CreateResource;
export type DeclaredResource = CreateResource;

export const DeclaredRole = CreateRole;
export type DeclaredRole = CreateRole;

export const DeclaredExchangePolicy = CreateExchangePolicy;
export type DeclaredExchangePolicy = CreateExchangePolicy;

/** Lists are only lists here: each entry is looked at by itself, so that one mistake hides no other. */
const lists = {
  clients: z.array(z.unknown()).nullish(),
  users: z.array(z.unknown()).nullish(),
  resources: z.array(z.unknown()).nullish(),
  roles: z.array(z.unknown()).nullish(),
  exchange_policies: z.array(z.unknown()).nullish(),
};
/** The tenant `default` is there already; its name and settings can be said. */
const slug = z.union([z.literal('default'), CreateTenant.shape.slug]);
export const TenantSection = z.strictObject({ ...CreateTenant.shape, slug, ...lists });
export const Root = z.strictObject({ tenants: z.array(z.unknown()).nullish(), ...lists });

/** One entry and where it stands. */
export interface Entry<T> {
  path: Path;
  value: T;
}

export interface DeclaredTenant {
  slug: string;
  path: Path;
  /** Absent where only entries of the tenant `default` stand in the file. */
  own?: Pick<z.output<typeof CreateTenant>, 'name' | 'host' | 'settings'>;
  clients: Entry<DeclaredClient>[];
  users: Entry<DeclaredUser>[];
  resources: Entry<DeclaredResource>[];
  roles: Entry<DeclaredRole>[];
  exchangePolicies: Entry<DeclaredExchangePolicy>[];
}
