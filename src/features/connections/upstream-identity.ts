// What an identity provider has said of somebody, whatever the protocol: believed by a door, not yet anybody here.
import { z } from 'zod';

const Text = z.string().max(4096);

export const UpstreamIdentity = z.strictObject({
  /** The same for ever within the connection: `sub` of an ID token (OpenID Connect Core §2), or the value of a NameID (SAML Core §2.2.3). */
  subject: z.string().min(1).max(1024),
  /** As the identity provider names them; each is a list, even of one. Numbers and booleans as JSON writes them. */
  attributes: z.record(z.string().max(512), z.array(Text).max(1000)).refine((all) => Object.keys(all).length <= 200),
  /** NumericDate: `auth_time`, or AuthnInstant. */
  authenticated_at: z.int().optional(),
  /** `acr`, or AuthnContextClassRef. */
  acr: z.string().max(512).optional(),
  /** RFC 8176. */
  amr: z.array(z.string().max(64)).max(20).optional(),
  /** Of the session over there: by what its end is told. */
  session: z
    .strictObject({
      /** `sid`, or SessionIndex. */
      index: z.string().max(512).optional(),
      /** NumericDate: SessionNotOnOrAfter. */
      ends_at: z.int().optional(),
      name_id: z
        .strictObject({
          value: z.string().max(1024),
          format: z.string().max(256).optional(),
          name_qualifier: z.string().max(1024).optional(),
          sp_name_qualifier: z.string().max(1024).optional(),
        })
        .optional(),
      /** For `id_token_hint` (OpenID Connect RP-Initiated Logout 1.0 §2). */
      id_token: z.string().max(16_384).optional(),
    })
    .optional(),
  /** Given to us for the person: sealed wherever they are kept. */
  tokens: z
    .strictObject({
      access_token: z.string().max(16_384).optional(),
      refresh_token: z.string().max(16_384).optional(),
      /** NumericDate. */
      expires_at: z.int().optional(),
      scope: z.string().max(4096).optional(),
    })
    .optional(),
});
export type UpstreamIdentity = z.infer<typeof UpstreamIdentity>;
