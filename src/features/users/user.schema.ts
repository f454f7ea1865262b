import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { isPlain, multilineText, plainText } from '../../platform/text.js';
import { EmailAddress } from './identifier.js';
import type { User } from './user.entity.js';

/** An address is read by people, too. */
const webUri = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .refine(isPlain, { message: 'must not hold control characters' });

/** OIDC Core §5.1.1. */
const Address = z.strictObject({
  formatted: multilineText(500).optional(),
  street_address: multilineText(300).optional(),
  locality: plainText(120).optional(),
  region: plainText(120).optional(),
  postal_code: plainText(40).optional(),
  country: plainText(120).optional(),
});

/** OIDC Core §5.1, without sub, email, email_verified and updated_at, which the row itself knows. */
export const StandardClaims = z.strictObject({
  name: plainText(200).optional(),
  given_name: plainText(100).optional(),
  family_name: plainText(100).optional(),
  middle_name: plainText(100).optional(),
  nickname: plainText(100).optional(),
  preferred_username: plainText(100).optional(),
  profile: webUri.optional(),
  picture: webUri.optional(),
  website: webUri.optional(),
  gender: plainText(40).optional(),
  birthdate: z
    .string()
    .regex(/^(\d{4}|\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))$/)
    .optional(),
  zoneinfo: z
    .string()
    .regex(/^[A-Za-z0-9_+/-]{1,64}$/)
    .optional(),
  locale: z
    .string()
    .regex(/^[A-Za-z0-9]{2,8}(-[A-Za-z0-9]{1,8}){0,6}$/)
    .optional(),
  phone_number: z
    .string()
    .regex(/^\+[1-9]\d{1,14}$/, 'must be an E.164 number')
    .optional(),
  phone_number_verified: z.boolean().optional(),
  address: Address.optional(),
});
export type StandardClaims = z.infer<typeof StandardClaims>;

export const CreateUser = z.strictObject({
  email: EmailAddress,
  email_verified: z.boolean().default(false),
  claims: StandardClaims.default({}),
});
export type CreateUser = z.input<typeof CreateUser>;

export const ImportUser = CreateUser.extend({
  password_hash: z.string().max(1024).optional().meta({
    description:
      'The hash of the password the person had elsewhere: argon2id, bcrypt, scrypt, firebase-scrypt, PBKDF2 or SSHA. It is replaced at the next sign-in.',
  }),
});

export const UpdateUser = z.strictObject({
  email: EmailAddress.optional(),
  email_verified: z.boolean().optional(),
  claims: patchOf(StandardClaims).optional(),
});
export type UpdateUser = z.infer<typeof UpdateUser>;

const RoleName = z.string().regex(/^[A-Za-z][A-Za-z0-9_:.-]{0,63}$/);

export const Roles = z.strictObject({ roles: z.array(RoleName).max(50) });

export const UserParams = z.strictObject({ user_id: z.uuid() });

export const UserQuery = z.strictObject({
  ...pageQuery,
  email: z
    .string()
    .max(254)
    .optional()
    .meta({ description: 'Beginning of the e-mail address; sorted by it unless something else is said' }),
  q: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'Beginning of the e-mail address or of the name' }),
  role: RoleName.optional().meta({ description: 'Who has this role' }),
  state: z
    .enum(['active', 'disabled', 'closed'])
    .optional()
    .meta({ description: 'Closed: by its owner, and not deleted yet' }),
  sort: z
    .enum(['created_at', '-created_at', 'email', '-email'])
    .optional()
    .meta({ description: 'With `-` from the end; the newest first where nothing is said' }),
});
export type UserQuery = z.infer<typeof UserQuery>;

export const UserView = z
  .object({
    id: z.uuid(),
    email: z.string(),
    email_verified: z.boolean(),
    claims: z.object(StandardClaims.shape),
    roles: z.array(z.string()),
    disabled_at: z.iso.datetime().nullable(),
    deletion_at: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'When an account that its owner has closed will be deleted' }),
    last_login_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'User' });

export const present = (user: User) => ({
  id: user.id,
  email: user.email,
  email_verified: user.emailVerified,
  claims: user.claims,
  roles: user.roles,
  disabled_at: user.disabledAt?.toISOString() ?? null,
  deletion_at: user.deletionAt?.toISOString() ?? null,
  last_login_at: user.lastLoginAt?.toISOString() ?? null,
  created_at: user.createdAt.toISOString(),
  updated_at: user.updatedAt.toISOString(),
  version: user.version,
});
