// Pairwise subject identifiers (OpenID Connect Core §8.1): the same person is another one in each sector.
import { hmac } from '../../platform/crypto.js';
import type { FullMetadata } from './client.metadata.js';

export const pairwiseSubject = (salt: string, sector: unknown, accountId: string): string =>
  hmac(salt, `${sector}\0${accountId}`);

type Subjects = Pick<FullMetadata, 'subject_type' | 'sector_identifier_uri' | 'redirect_uris'>;

/** As which `sub` a client knows an account. The engine says the same of the same metadata. */
export function subjectAt(
  { subject_type, sector_identifier_uri, redirect_uris }: Subjects,
  salt: string,
  accountId: string,
) {
  if (subject_type !== 'pairwise') return accountId;
  return pairwiseSubject(salt, new URL(sector_identifier_uri ?? String(redirect_uris[0])).host, accountId);
}
