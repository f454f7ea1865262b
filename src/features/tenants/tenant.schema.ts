import { z } from 'zod';
import { keyAlgorithms } from '../../../config/protocol.js';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { ApiPolicy } from './api-policy.js';
import { AuthenticationPolicy } from './authentication-policy.js';
import { Branding } from './branding.js';
import { ImpersonationPolicy } from './impersonation-policy.js';
import { ProtocolPolicy } from './protocol-policy/protocol-policy.js';
import type { Tenant } from './tenant.entity.js';

export const LockoutPolicy = z.strictObject({
  /** False: passwords are not locked, and only limits by address hold. The second factor is locked all the same. */
  enabled: z.boolean().default(true),
  max_attempts: z.number().int().min(3).max(100).default(5),
  strategy: z.enum(['fixed', 'exponential', 'permanent']).default('exponential'),
  /** Minutes, for the strategy `fixed`. */
  duration_minutes: z.number().int().min(1).max(1440).default(30),
  second_factor: z
    .strictObject({
      max_attempts: z.number().int().min(3).max(10).default(5),
      duration_minutes: z.number().int().min(5).max(1440).default(5),
    })
    .prefault({}),
  /** Failures of an account or an address after which it is asked whether a person is there; 0: always. Needs TURNSTILE_SITE_KEY. */
  captcha_after: z.number().int().min(0).max(100).default(2),
  /** Of accounts that have a role; always fewer than the others have. */
  administrators: z.strictObject({ max_attempts: z.number().int().min(2).max(100).default(3) }).prefault({}),
});
export type LockoutPolicy = z.infer<typeof LockoutPolicy>;

export const SessionPolicy = z
  .strictObject({
    idle_seconds: z.number().int().min(300).max(31_536_000).default(86_400),
    absolute_seconds: z.number().int().min(300).max(31_536_000).default(1_209_600),
    /** Where a session holds: `subnet`, in the network (IPv4 /24, IPv6 /48) and the browser it was signed in from; `strict`, at that address. */
    binding: z.enum(['off', 'subnet', 'strict']).default('subnet'),
    /** What happens elsewhere: whoever it is signs in again, or the session ends. */
    when_moved: z.enum(['step_up', 'end']).default('step_up'),
  })
  .refine((policy) => policy.idle_seconds <= policy.absolute_seconds, {
    message: 'idle_seconds must not be longer than absolute_seconds',
    path: ['idle_seconds'],
  });
export type SessionPolicy = z.infer<typeof SessionPolicy>;

export const SigningKeyPolicy = z.strictObject({
  /** Days after which another key signs; 0: by hand only. */
  rotation_days: z.number().int().min(0).max(3650).default(90),
  /** Clients may rely on the first two (OpenID Connect Core §15.1 asks for RS256). What is left out signs for another day. */
  algorithms: z
    .array(z.enum(keyAlgorithms.signing))
    .max(keyAlgorithms.signing.length)
    .refine((algs) => algs.includes('ES256') && algs.includes('RS256'), { message: 'must have ES256 and RS256' })
    .refine((algs) => new Set(algs).size === algs.length, { message: 'names must differ' })
    .default(['ES256', 'RS256']),
  /** Of keys that clients encrypt their request objects to (RFC 9101 §6.1). What is left out opens for another day. */
  encryption_algorithms: z
    .array(z.enum(keyAlgorithms.encryption))
    .max(keyAlgorithms.encryption.length)
    .refine((algs) => new Set(algs).size === algs.length, { message: 'names must differ' })
    .default([]),
});

export const AccountPolicy = z.strictObject({
  /** Days for which somebody who has deleted their account can take it back. */
  deletion_grace_days: z.number().int().min(1).max(365).default(30),
  /** Days after which an account goes that was used once, whose address nobody has proved and that nobody uses any more; 0: never. */
  unproved_unused_days: z.number().int().min(0).max(3650).default(365),
});

/** A label of DNS (RFC 1123 §2.1) that is no A-label (RFC 5890 §2.3.1) and that nobody takes for an id. */
export const Slug = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1–63 lower case letters, digits and hyphens, none at an end')
  .refine((slug) => slug.slice(2, 4) !== '--', 'must not have hyphens at its third and fourth place')
  .refine((slug) => !z.uuid().safeParse(slug).success, 'must not look like an id');

const OrganizationsPolicy = z.strictObject({
  /** Whether people may make organizations of their own; they own those. */
  creation: z.enum(['open', 'closed']).default('closed'),
  /** The slug of the one that everybody joins: who is made from now on, and who was there before, unless they have left it. */
  default_organization: Slug.nullable().default(null),
  /** Whether everybody has a workspace of their own, which nobody else is in unless they let them. */
  personal_workspaces: z.boolean().default(false),
});

const FederationPolicy = z.strictObject({
  /** Days for which it can be seen what became of a sign-in at an identity provider. */
  trace_days: z.number().int().min(1).max(365).default(30),
});

const AuditPolicy = z.strictObject({
  /** Days for which the audit log is kept; null: for good. */
  retention_days: z.number().int().min(30).max(3650).nullable().default(null),
});

/** Stored as it was given; what is absent takes its default when it is read. */
export const StoredSettings = z
  .strictObject({
    sign_in_layout: z.enum(['two_pages', 'one_page']),
    branding: Branding,
    lockout: LockoutPolicy,
    sessions: SessionPolicy,
    signing_keys: SigningKeyPolicy,
    authentication: AuthenticationPolicy,
    protocol: ProtocolPolicy,
    accounts: AccountPolicy,
    organizations: OrganizationsPolicy,
    federation: FederationPolicy,
    api: ApiPolicy,
    audit: AuditPolicy,
    impersonation: ImpersonationPolicy,
  })
  .partial();

const defaults = {
  sign_in_layout: 'two_pages',
  branding: {},
  lockout: LockoutPolicy.parse({}),
  sessions: SessionPolicy.parse({}),
  signing_keys: SigningKeyPolicy.parse({}),
  authentication: AuthenticationPolicy.parse({}),
  protocol: ProtocolPolicy.parse({}),
  accounts: AccountPolicy.parse({}),
  organizations: OrganizationsPolicy.parse({}),
  federation: FederationPolicy.parse({}),
  api: ApiPolicy.parse({}),
  audit: AuditPolicy.parse({}),
  impersonation: ImpersonationPolicy.parse({}),
} as const;

export type TenantSettings = Required<z.output<typeof StoredSettings>>;

export const readSettings = (stored: unknown): TenantSettings => ({ ...defaults, ...StoredSettings.parse(stored) });

/** Names that would be taken for the server itself, or that mail clients, browsers and proxies look for below a domain. */
const RESERVED = new Set([
  ...['default', 'admin', 'api', 'app', 'account', 'accounts', 'auth', 'console', 'login', 'oauth', 'oidc', 'sso', 't'],
  ...[
    'assets',
    'cdn',
    'static',
    'status',
    'health',
    'healthz',
    'readyz',
    'metrics',
    'well-known',
    'setup',
    'scim',
    'saml',
  ],
  ...[
    'www',
    'mail',
    'smtp',
    'imap',
    'pop',
    'ftp',
    'ns',
    'mx',
    'localhost',
    'wpad',
    'isatap',
    'autoconfig',
    'autodiscover',
  ],
]);

/** The slug `default` is the installation's own and made by itself. */
const NewSlug = Slug.refine((slug) => !RESERVED.has(slug), 'is reserved');

/** As a Host header says it and a browser compares it: lower case, ASCII (an A-label where it is international), no dot at the end. */
const Host = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9.-]{1,253}(:[0-9]{1,5})?$/, 'must be a host name in ASCII, as xn--bcher-kva.example')
  .refine((host) => {
    const name = host.replace(/:\d+$/, '');
    return URL.canParse(`ws://${host}`) && new URL(`ws://${name}`).host === name && !/^\.|\.\.|\.$/.test(name);
  }, 'must be a host name')
  .meta({ description: 'A host of its own, with a port where it is not the usual one; another issuer than before' });

export const CreateTenant = z.strictObject({
  slug: NewSlug,
  name: z.string().trim().min(1).max(120),
  host: Host.nullish(),
  settings: StoredSettings.optional(),
});
export type CreateTenant = z.input<typeof CreateTenant>;

/** RFC 7396: null takes the host, or a setting, away. */
export const UpdateTenant = z.strictObject({
  name: CreateTenant.shape.name.optional(),
  host: Host.nullish(),
  settings: patchOf(StoredSettings).optional(),
});
export type UpdateTenant = z.input<typeof UpdateTenant>;

export const TenantParams = z.strictObject({
  tenant: z.string().min(1).max(63).meta({ description: 'Slug or id' }),
});
export const TenantQuery = z.strictObject(pageQuery);
export type TenantQuery = z.infer<typeof TenantQuery>;

export const TenantView = z
  .object({
    id: z.uuid(),
    slug: z.string(),
    name: z.string(),
    issuer: z.string(),
    host: z.string().nullable(),
    settings: z.object(StoredSettings.shape),
    state: z.enum(['active', 'suspended', 'deleting']),
    suspended_at: z.iso.datetime().nullable(),
    deleting_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Tenant' });

export const present = (tenant: Tenant, issuer: string) => ({
  id: tenant.id,
  slug: tenant.slug,
  name: tenant.name,
  issuer,
  host: tenant.host,
  settings: tenant.storedSettings,
  state: tenant.state,
  suspended_at: tenant.suspendedAt?.toISOString() ?? null,
  deleting_at: tenant.deletingAt?.toISOString() ?? null,
  created_at: tenant.createdAt.toISOString(),
  updated_at: tenant.updatedAt.toISOString(),
  version: tenant.version,
});

export const SetupLinkView = z
  .object({ link: z.string(), expires_in: z.int().meta({ description: 'Seconds' }) })
  .meta({ id: 'SetupLink' });
