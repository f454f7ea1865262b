import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { decodeCursor, encodeCursor, pageQuery, toPage } from '../../src/platform/pagination.js';

const Query = z.strictObject(pageQuery);

describe('pages', () => {
  it('has a next page only where there is one more row', () => {
    expect(toPage([1, 2, 3], { limit: 2 }, String)).toEqual({ items: [1, 2], next_cursor: encodeCursor('2') });
    expect(toPage([1, 2], { limit: 2 }, String)).toEqual({ items: [1, 2], next_cursor: null });
    expect(toPage([], { limit: 2 }, String)).toEqual({ items: [], next_cursor: null });
  });

  it('reads its own cursors and no others', () => {
    expect(decodeCursor(encodeCursor('a b/ü'))).toBe('a b/ü');
    expect(decodeCursor(undefined)).toBeUndefined();
    const forged = Buffer.from('{"k":"1","x":1}').toString('base64url');
    for (const cursor of ['', 'x', forged, encodeCursor('not a uuid')])
      expect(() => decodeCursor(cursor, z.uuid())).toThrow(expect.objectContaining({ status: 400 }));
  });

  it('takes a limit from 1 to 100, 50 unless said otherwise', () => {
    expect(Query.parse({})).toEqual({ limit: 50 });
    expect(Query.parse({ limit: '100' }).limit).toBe(100);
    for (const limit of ['0', '101', '-1', '1.5', 'x']) expect(Query.safeParse({ limit }).success).toBe(false);
  });
});
