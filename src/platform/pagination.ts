// Keyset pagination: a page is "what comes after this key", so it stays right while rows come and go.
import { z } from 'zod';
import { badRequest } from './errors.js';
import { isStorable } from './json-body.js';

/** Spread into the query schema of a list endpoint. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(100).default(50).meta({ description: 'How many items at most' }),
  cursor: z.string().max(1024).optional().meta({ description: '`next_cursor` of the page before' }),
};

export interface PageRequest {
  limit: number;
  cursor?: string | undefined;
}

export interface Page<T> {
  items: T[];
  /** null on the last page. */
  next_cursor: string | null;
}

/** The response schema of a list. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() });

/** @param rows one more than the limit where there is a next page. @param keyOf the key the query is ordered by. */
export function toPage<T>(rows: T[], { limit }: PageRequest, keyOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next_cursor: rows.length > limit && last ? encodeCursor(keyOf(last)) : null };
}

export const mapPage = <T, U>(page: Page<T>, map: (item: T) => U): Page<U> => ({
  items: page.items.map(map),
  next_cursor: page.next_cursor,
});

export const encodeCursor = (key: string): string => Buffer.from(JSON.stringify({ k: key })).toString('base64url');

const Cursor = z.strictObject({ k: z.string().max(512).refine(isStorable) });

/** @param rule what a key of this list looks like. @throws AppError 400 where the cursor is not one of ours. */
export function decodeCursor(cursor: string | undefined, rule: z.ZodType<string> = z.string()): string | undefined {
  if (cursor === undefined) return undefined;
  try {
    return rule.parse(Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))).k);
  } catch {
    throw badRequest('invalid_cursor', 'The cursor is not one this list gave out');
  }
}
