import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { ExchangePolicy } from './exchange-policy.entity.js';
import type { ExchangePolicyQuery } from './exchange-policy.schema.js';

export async function listExchangePolicies(db: Database, query: ExchangePolicyQuery): Promise<Page<ExchangePolicy>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const policies = db.repo(ExchangePolicy).query('p');
  if (after) policies.andWhere('p.id > :after', { after });
  const rows = await policies
    .orderBy('p.id', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (policy) => policy.id);
}
