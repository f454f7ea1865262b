// OpenID Connect Back-Channel Logout 1.0 §2.4: a client whose ID tokens are encrypted gets its Logout Tokens encrypted too, to the same key.
import { CompactEncrypt, importJWK, type JWK } from 'jose';
import { z } from 'zod';
import type { Egress } from '../../platform/egress.js';
import type { FullMetadata } from '../clients/client.metadata.js';
import { isFor } from '../clients/metadata/encryption.js';

const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

/** @returns the token as the client wants it, undefined where it has no key to encrypt to. @throws EgressError where its keys are not to be had. */
export async function encryptedFor(
  metadata: FullMetadata,
  token: string,
  egress: Pick<Egress, 'fetch'>,
): Promise<string | undefined> {
  const { id_token_encrypted_response_alg: alg, id_token_encrypted_response_enc: enc = 'A128CBC-HS256' } = metadata;
  if (!alg) return token;
  const key = (await keysOf(metadata, egress)).find((one) => isFor(alg, one)) as JWK | undefined;
  if (!key) return undefined;
  const header = { alg, enc, cty: 'JWT', ...(key.kid ? { kid: key.kid } : {}) };
  try {
    return await new CompactEncrypt(Buffer.from(token)).setProtectedHeader(header).encrypt(await importJWK(key, alg));
  } catch {
    // No point of its curve, say: what a client publishes at an address of its own nobody has checked.
    return undefined;
  }
}

async function keysOf({ jwks, jwks_uri }: FullMetadata, egress: Pick<Egress, 'fetch'>) {
  if (jwks || !jwks_uri) return jwks?.keys ?? [];
  const answer = await egress.fetch(jwks_uri);
  const found = answer.ok ? KeySet.safeParse(await answer.json().catch(() => undefined)) : undefined;
  return found?.data?.keys ?? [];
}
