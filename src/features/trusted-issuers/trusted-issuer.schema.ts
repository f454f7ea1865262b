import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { shape as clientKeys } from '../clients/metadata/keys.js';
import { CLIENT_ALGS, httpsUri } from '../clients/metadata/values.js';
import { Identifier, ResourceScope } from '../resources/resource.schema.js';
import type { ExternalSubject } from './external-subject.entity.js';
import type { TrustedIssuer } from './trusted-issuer.entity.js';

export type IssuerAlgorithm = (typeof CLIENT_ALGS)[number];

const members = z.strictObject({
  name: plainText(120),
  jwks: clientKeys.jwks.meta({ description: 'Its public keys; excludes jwks_uri' }),
  jwks_uri: httpsUri.optional(),
  algorithms: z.array(z.enum(CLIENT_ALGS)).min(1).max(CLIENT_ALGS.length).meta({ description: 'What it signs with' }),
  clients: z.array(z.string().min(1).max(256)).max(100).meta({ description: 'Which clients may show its assertions' }),
  resources: z.array(Identifier).min(1).max(100).meta({ description: 'For which resources a token is given' }),
  scopes: z.array(ResourceScope.shape.name).max(200).meta({ description: 'No other scopes than these' }),
});

/** RFC 7519 §4.1.1: a StringOrURI; what publishes keys is a URL mostly, and it need not. */
const issuer = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[\x21-\x7e]+$/, 'must be without spaces');

export const CreateTrustedIssuer = z.strictObject({
  issuer,
  ...members.shape,
  algorithms: members.shape.algorithms.optional(),
});
export type CreateTrustedIssuer = z.infer<typeof CreateTrustedIssuer>;

/** The issuer stays: whom it speaks of is known by it. */
export const UpdateTrustedIssuer = patchOf(members);
export type UpdateTrustedIssuer = z.infer<typeof UpdateTrustedIssuer>;

export const TrustedIssuerParams = z.strictObject({ issuer_id: z.uuid() });
export const TrustedIssuerQuery = z.strictObject(pageQuery);
export type TrustedIssuerQuery = z.infer<typeof TrustedIssuerQuery>;

export const TrustedIssuerView = z
  .object({
    id: z.uuid(),
    issuer: z.string(),
    ...members.shape,
    disabled_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'TrustedIssuer' });

export const present = (one: TrustedIssuer) => ({
  id: one.id,
  issuer: one.issuer,
  name: one.name,
  ...(one.jwks ? { jwks: one.jwks } : {}),
  ...(one.jwksUri ? { jwks_uri: one.jwksUri } : {}),
  algorithms: one.algorithms,
  clients: one.clients,
  resources: one.resources,
  scopes: one.scopes,
  disabled_at: one.disabledAt?.toISOString() ?? null,
  created_at: one.createdAt.toISOString(),
  updated_at: one.updatedAt.toISOString(),
  version: one.version,
});

/** OpenID Connect Core §2: no longer than 255 ASCII characters. */
export const LinkSubject = z.strictObject({
  subject: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[\x20-\x7e]+$/, 'must be ASCII'),
  user_id: z.uuid(),
});
export type LinkSubject = z.infer<typeof LinkSubject>;

export const SubjectParams = z.strictObject({ issuer_id: z.uuid(), subject_id: z.uuid() });

export const ExternalSubjectView = z
  .object({
    id: z.uuid(),
    issuer_id: z.uuid(),
    subject: z.string(),
    user_id: z.uuid(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'ExternalSubject' });

export const presentSubject = (one: ExternalSubject) => ({
  id: one.id,
  issuer_id: one.issuerId,
  subject: one.subject,
  user_id: one.userId,
  created_at: one.createdAt.toISOString(),
});
