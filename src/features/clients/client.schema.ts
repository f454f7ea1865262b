import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import type { Client } from './client.entity.js';
import { ClientMetadata } from './client.metadata.js';
import type { ClientSecret } from './client-secret.entity.js';

const consentPolicy = z
  .enum(['explicit', 'implicit'])
  .optional()
  .meta({ description: '`implicit` is for first-party clients: nobody is asked' });

export const CreateClient = z.strictObject({ ...ClientMetadata.shape, consent_policy: consentPolicy });
export type CreateClient = z.infer<typeof CreateClient>;

export const UpdateClient = patchOf(CreateClient);
export type UpdateClient = z.infer<typeof UpdateClient>;

export const ClientParams = z.strictObject({ client_id: z.string().min(1).max(256) });
export const SecretParams = z.strictObject({ client_id: z.string().min(1).max(256), secret_id: z.uuid() });

export const ClientQuery = z.strictObject({
  ...pageQuery,
  q: z
    .string()
    .trim()
    .min(1)
    .max(120)
    .optional()
    .meta({ description: 'Beginning of the name, or the client_id; sorted by name then' }),
});
export type ClientQuery = z.infer<typeof ClientQuery>;

export const ClientView = z
  .object({
    client_id: z.string(),
    ...ClientMetadata.shape,
    consent_policy: z.enum(['explicit', 'implicit']),
    dynamic: z.boolean(),
    used_at: z.iso.datetime().nullable().meta({ description: 'The first token of a client that registered itself' }),
    document_expires_at: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'Until when the document at the address that is its client_id holds' }),
    disabled_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Client' });

export const present = (client: Client) => ({
  ...client.metadata,
  client_id: client.clientId,
  consent_policy: client.consentPolicy,
  dynamic: client.dynamic,
  used_at: client.usedAt?.toISOString() ?? null,
  document_expires_at: client.documentExpiresAt?.toISOString() ?? null,
  disabled_at: client.disabledAt?.toISOString() ?? null,
  created_at: client.createdAt.toISOString(),
  updated_at: client.updatedAt.toISOString(),
  version: client.version,
});

/** RFC 7591 §3.2.1: the secret is in the answer to its creation and in no other. */
export const CreatedClientView = z
  .object({
    ...ClientView.shape,
    client_secret: z.string().optional(),
    client_secret_expires_at: z.int().optional().meta({ description: '0: it does not expire' }),
  })
  .meta({ id: 'CreatedClient' });

export const AddSecret = z.strictObject({
  previous_expires_in: z
    .int()
    .min(0)
    .max(31_536_000)
    .optional()
    .meta({ description: 'Seconds after which the secret in use ends; absent: until it is deleted' }),
});
export type AddSecret = z.infer<typeof AddSecret>;

export const ClientSecretView = z
  .object({
    id: z.uuid(),
    hint: z.string().meta({ description: 'The last four characters' }),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ClientSecret' });

export const CreatedClientSecretView = z
  .object({ ...ClientSecretView.shape, client_secret: z.string() })
  .meta({ id: 'CreatedClientSecret' });

export const presentSecret = (secret: ClientSecret) => ({
  id: secret.id,
  hint: secret.hint,
  created_at: secret.createdAt.toISOString(),
  expires_at: secret.expiresAt?.toISOString() ?? null,
});
