import { z } from 'zod';

export const LockoutPolicy = z.strictObject({
  max_attempts: z.number().int().min(3).max(100).default(5),
  strategy: z.enum(['fixed', 'exponential', 'permanent']).default('exponential'),
  /** Minutes, for the strategy `fixed`. */
  duration_minutes: z.number().int().min(1).max(1440).default(30),
});
export type LockoutPolicy = z.infer<typeof LockoutPolicy>;

const colour = z.string().regex(/^#[0-9a-fA-F]{6}$/, 'must be a colour such as #1a2b3c');

export const Branding = z.strictObject({
  company_name: z.string().trim().min(1).max(120).optional(),
  logo_uri: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .optional(),
  primary_color: colour.optional(),
  background_color: colour.optional(),
});

export const SessionPolicy = z
  .strictObject({
    idle_seconds: z.number().int().min(300).max(31_536_000).default(86_400),
    absolute_seconds: z.number().int().min(300).max(31_536_000).default(1_209_600),
  })
  .refine((policy) => policy.idle_seconds <= policy.absolute_seconds, {
    message: 'idle_seconds must not be longer than absolute_seconds',
    path: ['idle_seconds'],
  });

export const SigningKeyPolicy = z.strictObject({
  /** Days after which another key signs; 0: by hand only. */
  rotation_days: z.number().int().min(0).max(3650).default(90),
  /** Clients may rely on the first two (OpenID Connect Core §15.1 asks for RS256). What is left out signs for another day. */
  algorithms: z
    .array(z.enum(['ES256', 'RS256', 'EdDSA']))
    .max(3)
    .refine((algs) => algs.includes('ES256') && algs.includes('RS256'), { message: 'must have ES256 and RS256' })
    .refine((algs) => new Set(algs).size === algs.length, { message: 'names must differ' })
    .default(['ES256', 'RS256']),
});

/** Stored as it was given; what is absent takes its default when it is read. */
const StoredSettings = z
  .strictObject({
    sign_in_layout: z.enum(['two_pages', 'one_page']),
    branding: Branding,
    lockout: LockoutPolicy,
    sessions: SessionPolicy,
    signing_keys: SigningKeyPolicy,
  })
  .partial();

const defaults = {
  sign_in_layout: 'two_pages',
  branding: {},
  lockout: LockoutPolicy.parse({}),
  sessions: SessionPolicy.parse({}),
  signing_keys: SigningKeyPolicy.parse({}),
} as const;

export type TenantSettings = Required<z.output<typeof StoredSettings>>;

export const readSettings = (stored: unknown): TenantSettings => ({ ...defaults, ...StoredSettings.parse(stored) });

export const CreateTenant = z.strictObject({
  slug: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens'),
  name: z.string().trim().min(1).max(120),
  /** A host of its own, without a port unless it is not the usual one. */
  host: z
    .string()
    .toLowerCase()
    .regex(/^[a-z0-9.-]{1,253}(:[0-9]{1,5})?$/, 'must be a host name')
    .nullish(),
  settings: StoredSettings.optional(),
});
export type CreateTenant = z.input<typeof CreateTenant>;

export const UpdateTenant = CreateTenant.omit({ slug: true }).partial();
export type UpdateTenant = z.input<typeof UpdateTenant>;
