// A checkpoint: what was sealed up to here, signed with the tenant's own key. Says how many and that they are these, and nothing of them.
import { compactVerify, importJWK, type JWK, SignJWT } from 'jose';
import { z } from 'zod';
import { epochSeconds } from '../../platform/clock.js';

const TYPE = 'audit-checkpoint+jwt';

const Payload = z.object({
  iss: z.string(),
  iat: z.number(),
  number: z.int().positive(),
  /** Sequences of the first and the last event; `last` is one less than `first` where there is none. */
  first: z.int().positive(),
  last: z.int().nonnegative(),
  /** The Merkle Tree Hash (RFC 6962 §2.1) of these events, base64url. */
  root: z.string(),
  /** The hash of the chain at the last of them. */
  chain: z.string(),
  /** SHA-256 of the checkpoint before: the newest one vouches for all, whatever became of their keys. */
  previous: z.string().optional(),
});
export type CheckpointPayload = z.output<typeof Payload>;

export interface Checkpoint extends CheckpointPayload {
  jws: string;
  kid: string;
}

const Header = z.object({ typ: z.literal(TYPE), alg: z.string(), kid: z.string() });

/** @param key private, with `alg` and `kid`. */
export async function signCheckpoint(
  { iss, iat: _signed, ...payload }: CheckpointPayload,
  key: JWK,
  now: Date,
): Promise<string> {
  const { alg, kid } = key as { alg: string; kid: string };
  return new SignJWT(payload)
    .setProtectedHeader({ alg, kid, typ: TYPE })
    .setIssuer(iss)
    .setIssuedAt(epochSeconds(now))
    .sign(await importJWK(key, alg));
}

/** What it says, before anybody has looked at the signature. @returns undefined where it is none. */
export function readCheckpoint(jws: string): Checkpoint | undefined {
  try {
    const [header = '', payload = ''] = jws.split('.');
    const { kid } = Header.parse(decoded(header));
    return { ...Payload.parse(decoded(payload)), jws, kid };
  } catch {
    return undefined;
  }
}

const decoded = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());

/** @returns undefined where the key is not among these. */
export async function isSigned({ jws, kid }: Checkpoint, keys: readonly JWK[]): Promise<boolean | undefined> {
  const key = keys.find((one) => one.kid === kid);
  if (!key) return undefined;
  const alg = String(key.alg);
  const { kty, crv, x, y, n, e } = key;
  const half = Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined),
  ) as JWK;
  return compactVerify(jws, await importJWK(half, alg), { algorithms: [alg] }).then(
    () => true,
    () => false,
  );
}
