import { z } from 'zod';
import { keyAlgorithms } from '../../../config/protocol.js';
import { decodeCursor, type Page, pageQuery, toPage } from '../../platform/pagination.js';
import { type SigningKey, useOf } from './signing-key.entity.js';

const alg = z.enum([...keyAlgorithms.signing, ...keyAlgorithms.encryption]);

export const RotateKeys = z
  .strictObject({
    alg: alg.optional().meta({ description: 'All algorithms of the tenant where absent' }),
    force: z.boolean().optional().meta({
      description: 'Even where verifiers may not have seen the next key: those who do not fetch the key set anew fail',
    }),
    compromised: z.string().min(1).max(128).optional().meta({
      description: 'The kid of a key that somebody else may have: nothing it signed is believed from now on',
    }),
  })
  .refine(({ compromised, alg, force }) => !compromised || (alg === undefined && force === undefined), {
    message: 'says which key it is: neither alg nor force goes with it',
    path: ['compromised'],
  });
export type RotateKeys = z.infer<typeof RotateKeys>;

export const KeyQuery = z.strictObject(pageQuery);
type KeyQuery = z.infer<typeof KeyQuery>;

export const SigningKeyView = z
  .object({
    kid: z.string(),
    alg,
    use: z
      .enum(['sig', 'enc'])
      .meta({ description: 'RFC 7517 §4.2: whether we sign with it, or others encrypt to it' }),
    status: z.enum(['next', 'current', 'previous', 'retired']),
    created_at: z.iso.datetime(),
    status_since: z.iso.datetime(),
    compromised_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'SigningKey' });

export const present = (key: SigningKey) => ({
  kid: key.kid,
  alg: key.alg,
  use: useOf(key.alg),
  status: key.status,
  created_at: key.createdAt.toISOString(),
  status_since: key.statusSince.toISOString(),
  compromised_at: key.compromisedAt?.toISOString() ?? null,
});

/** A tenant has a handful of keys: they are read whole, and a page is cut from them. */
export function pageOfKeys(keys: readonly SigningKey[], query: KeyQuery): Page<SigningKey> {
  const keyOf = ({ createdAt, kid }: SigningKey) => `${createdAt.toISOString()} ${kid}`;
  const after = decodeCursor(query.cursor);
  const rows = keys
    .filter((key) => after === undefined || keyOf(key) < after)
    .sort((a, b) => (keyOf(a) < keyOf(b) ? 1 : -1))
    .slice(0, query.limit + 1);
  return toPage(rows, query, keyOf);
}
