import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { ExternalSubject } from './external-subject.entity.js';
import { TrustedIssuer } from './trusted-issuer.entity.js';
import type { TrustedIssuerQuery } from './trusted-issuer.schema.js';

export async function listTrustedIssuers(db: Database, query: TrustedIssuerQuery): Promise<Page<TrustedIssuer>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const issuers = db.repo(TrustedIssuer).query('i');
  if (after) issuers.andWhere('i.id > :after', { after });
  const rows = await issuers
    .orderBy('i.id', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}

/** By what the issuer calls them, as the index has it. */
export async function listSubjects(
  db: Database,
  issuerId: string,
  query: TrustedIssuerQuery,
): Promise<Page<ExternalSubject>> {
  const after = decodeCursor(query.cursor, z.string().max(255));
  const subjects = db.repo(ExternalSubject).query('s').andWhere('s.issuer_id = :issuerId', { issuerId });
  if (after) subjects.andWhere('s.subject > :after', { after });
  const rows = await subjects
    .orderBy('s.subject', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ subject }) => subject);
}
