// SAML 2.0: what is said of an identity provider, and what we want of it.
import { z } from 'zod';
import { acrValues } from '../../../config/protocol.js';
import { certificateOf, location, unique } from './connection-values.js';

const entityId = z
  .string()
  .min(1)
  // SAML Core §8.3.6.
  .max(1024)
  .regex(/^[\x21-\x7e]+$/, 'must be without spaces');

const endpoint = z.strictObject({ binding: z.enum(['redirect', 'post']), location });

export const IdentityProvider = z.strictObject({
  entity_id: entityId,
  sso: z.array(endpoint).min(1).max(5).meta({ description: 'Where people are sent; the first counts' }),
  slo: z
    .array(endpoint.extend({ response_location: location.optional() }))
    .max(5)
    .default([]),
  certificates: z
    .array(
      z
        .string()
        .max(8192)
        .refine((pem) => certificateOf(pem) !== undefined, {
          message: 'must be a certificate (PEM) with an RSA key of 2048 bits or more, or one on a NIST curve',
        }),
    )
    .min(1)
    .max(5)
    .meta({ description: 'PEM; what any of them has signed is believed' }),
});
export type IdentityProvider = z.output<typeof IdentityProvider>;

const context = z.string().min(1).max(512);

export const Saml = z.strictObject({
  idp: IdentityProvider.optional(),
  metadata_url: location.optional().meta({ description: 'Instead of idp: read now and then' }),
  entity_id: entityId
    .optional()
    .meta({ description: 'Which of several in the metadata; needed only where there are several' }),
  sign_requests: z.boolean().default(true),
  wants: z
    .strictObject({
      signed: z.enum(['assertion', 'response', 'both', 'either']).default('assertion'),
      encrypted: z.boolean().default(false),
    })
    .prefault({}),
  name_id_format: z
    .string()
    .max(256)
    .regex(/^urn:oasis:names:tc:SAML:[12]\.[01]:nameid-format:[A-Za-z0-9]+$/, 'must be a format of SAML Core §8.3')
    .optional(),
  idp_initiated: z.boolean().default(false).meta({ description: 'Whether a sign-in may begin over there' }),
  single_logout: z.boolean().default(true).meta({ description: 'Whether it is told of a sign-out, where it can be' }),
  authn_context: z
    .strictObject(Object.fromEntries(acrValues.map((acr) => [acr, z.array(context).max(10).optional()])))
    .default({})
    .meta({ description: 'What is asked for (AuthnContextClassRef) where a request asks for a class (acr)' }),
  mfa_contexts: z
    .array(context)
    .max(20)
    .refine(unique, { message: 'must differ' })
    .default([])
    .meta({ description: 'AuthnContextClassRef that say a second factor, where trust.mfa is on' }),
  clock_skew_seconds: z.int().min(0).max(300).default(60),
  assertion_seconds: z
    .int()
    .min(60)
    .max(3600)
    .default(600)
    .meta({ description: 'No assertion is believed for longer' }),
});
