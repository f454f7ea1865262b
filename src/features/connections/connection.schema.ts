import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { CONNECTION_KEY, type Connection } from './connection.entity.js';
import { CONNECTION_KINDS, GivenSettings } from './connection.settings.js';
import type { ConnectionKey } from './connection-key.entity.js';
import { KEY_STATUSES } from './connection-key.entity.js';
import { factsOf, identityProviderOf, nameOf } from './connection-upstream.js';
import { PRESETS } from './presets/presets.js';

const key = z
  .string()
  .regex(CONNECTION_KEY, 'must be 2 to 63 of a-z, 0-9 and -')
  .meta({ description: 'What requests name it by (`connection`)' });
const displayName = plainText(80).meta({ description: 'What people read' });
const clientSecret = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[\x20-\x7e\r\n]+$/, 'must be ASCII')
  .meta({ description: 'Never told again; with the preset apple the private key (PKCS #8, PEM) it is made from' });
const metadata = z
  .string()
  .min(1)
  .max(200_000)
  .meta({ description: 'SAML metadata (XML), read at once into settings.saml.idp' });

export const CreateConnection = z.strictObject({
  key,
  kind: z.enum(CONNECTION_KINDS),
  preset: z.enum(PRESETS).optional(),
  display_name: displayName,
  settings: GivenSettings.optional(),
  client_secret: clientSecret.optional(),
  metadata: metadata.optional(),
});
export type CreateConnection = z.output<typeof CreateConnection>;

/** RFC 7396, at every depth of the settings. Kind and preset stay. */
export const UpdateConnection = z.strictObject({
  key: key.optional(),
  display_name: displayName.optional(),
  settings: GivenSettings.optional(),
  client_secret: clientSecret.nullable().optional(),
  metadata: metadata.optional(),
});
export type UpdateConnection = z.output<typeof UpdateConnection>;

export const ConnectionQuery = z.strictObject(pageQuery);
export type ConnectionQuery = z.output<typeof ConnectionQuery>;

const certificate = z.object({
  subject: z.string(),
  fingerprint: z.string().meta({ description: 'SHA-256' }),
  not_before: z.iso.datetime(),
  not_after: z.iso.datetime(),
  days_left: z.int(),
});

export const ConnectionView = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid().nullable(),
    key,
    kind: z.enum(CONNECTION_KINDS),
    preset: z.enum(PRESETS).nullable(),
    display_name: z.string(),
    settings: GivenSettings.meta({ description: 'As they were given; the rest is said by preset and kind' }),
    has_secret: z.boolean(),
    identity_provider: z.object({
      name: z.string().nullable().meta({ description: 'Its entity id or issuer, as far as it is known' }),
      certificates: z.array(certificate),
      read_at: z.iso.datetime().nullable().meta({ description: 'When it was last asked what it says of itself' }),
      error: z.string().nullable().meta({ description: 'Why that failed; what was read before goes on' }),
    }),
    enabled_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Connection' });

export const present = (one: Connection, now: Date) => ({
  id: one.id,
  organization_id: one.organizationId,
  key: one.key,
  kind: one.kind,
  preset: one.preset,
  display_name: one.displayName,
  settings: one.storedSettings,
  has_secret: one.secretSealed !== null,
  identity_provider: {
    name: nameOf(one) ?? null,
    certificates: (identityProviderOf(one)?.certificates ?? []).flatMap((pem) => factsOf(pem, now) ?? []),
    read_at: one.upstreamAt?.toISOString() ?? null,
    error: one.upstreamError,
  },
  enabled_at: one.enabledAt?.toISOString() ?? null,
  created_at: one.createdAt.toISOString(),
  updated_at: one.updatedAt.toISOString(),
  version: one.version,
});

const key_ = z.object({ status: z.enum(KEY_STATUSES), pem: z.string(), ...certificate.shape });

export const ConnectionKeysView = z.object({ keys: z.array(key_) }).meta({ id: 'ConnectionKeys' });

export const presentKeys = (keys: readonly ConnectionKey[], now: Date) =>
  keys.flatMap(({ status, certificate: pem }) => {
    const facts = factsOf(pem, now);
    return facts ? [{ status, pem, ...facts }] : [];
  });

export const ServiceProviderView = z
  .object({
    entity_id: z.string().optional(),
    assertion_consumer_service: z.string().optional(),
    single_logout_service: z.string().optional(),
    metadata: z.string().optional(),
    keys: z.array(key_).optional(),
    redirect_uri: z.string().optional(),
    backchannel_logout_uri: z.string().optional(),
    post_logout_redirect_uri: z.string().optional(),
    jwks_uri: z.string().optional(),
  })
  .meta({ id: 'ServiceProvider' });
