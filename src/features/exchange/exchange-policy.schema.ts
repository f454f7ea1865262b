import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { Identifier, ResourceScope } from '../resources/resource.schema.js';
import type { ExchangePolicy } from './exchange-policy.entity.js';

const clientId = z.string().min(1).max(256);
const identifiers = z.array(Identifier).max(100);

const members = z.strictObject({
  subject_clients: z.array(clientId).max(100).meta({ description: 'To which clients the subject token was given' }),
  subject_audiences: identifiers.meta({ description: 'For which resources the subject token is' }),
  subject_issuers: z
    .array(z.uuid())
    .max(100)
    .meta({ description: 'Of which trusted issuers a subject token may be that is none of this server' }),
  subject_api_keys: z.boolean().meta({ description: 'Whether a subject token may be an API key' }),
  resources: identifiers.min(1).meta({ description: 'For which resources a token is given' }),
  scopes: z
    .array(ResourceScope.shape.name)
    .max(200)
    .optional()
    .meta({ description: 'No other scopes than these; absent: any that the subject token has' }),
  acting: z.enum(['delegation', 'impersonation']).meta({
    description:
      '`delegation`: the token says who acts. `impersonation`: it says so only where there is an actor_token',
  }),
  actors: z
    .array(z.enum(['client', 'person']))
    .max(2)
    .meta({ description: 'For whom an actor_token may speak' }),
});

export const CreateExchangePolicy = z.strictObject({
  client_id: clientId.meta({ description: 'Which client exchanges' }),
  ...members.shape,
  subject_clients: members.shape.subject_clients.optional(),
  subject_audiences: members.shape.subject_audiences.optional(),
  subject_issuers: members.shape.subject_issuers.optional(),
  subject_api_keys: members.shape.subject_api_keys.optional(),
  acting: members.shape.acting.optional(),
  actors: members.shape.actors.optional(),
});
export type CreateExchangePolicy = z.infer<typeof CreateExchangePolicy>;

/** The client stays: another one is another policy. */
export const UpdateExchangePolicy = patchOf(members);
export type UpdateExchangePolicy = z.infer<typeof UpdateExchangePolicy>;

export const ExchangePolicyParams = z.strictObject({ policy_id: z.uuid() });
export const ExchangePolicyQuery = z.strictObject(pageQuery);
export type ExchangePolicyQuery = z.infer<typeof ExchangePolicyQuery>;

export const ExchangePolicyView = z
  .object({
    id: z.uuid(),
    client_id: z.string(),
    ...members.shape,
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'ExchangePolicy' });

export const present = (policy: ExchangePolicy) => ({
  id: policy.id,
  client_id: policy.clientId,
  subject_clients: policy.subjectClients,
  subject_audiences: policy.subjectAudiences,
  subject_issuers: policy.subjectIssuers,
  subject_api_keys: policy.subjectApiKeys,
  resources: policy.resources,
  ...(policy.scopes ? { scopes: policy.scopes } : {}),
  acting: policy.acting,
  actors: policy.actors,
  created_at: policy.createdAt.toISOString(),
  updated_at: policy.updatedAt.toISOString(),
  version: policy.version,
});
