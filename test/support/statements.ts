// What requests send to the database: by the name of a prepared statement, else by its text.
import { jest } from '@jest/globals';
import pg from 'pg';
import { currentContext } from '../../src/platform/context.js';

/**
 * Not the look at the embedded queue: with one connection it is sent as soon as a request gives that back, and then looks like one of the request's.
 * @returns statements by request id, BEGIN and COMMIT among them, until jest.restoreAllMocks().
 */
export function recordStatements(): Map<string, string[]> {
  const sent = new Map<string, string[]>();
  const original = pg.Client.prototype.query as (...args: unknown[]) => unknown;
  jest.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: unknown, ...args: unknown[]) {
    const [query] = args as [string | { text: string; name?: string }];
    const id = currentContext()?.requestId;
    const said = typeof query === 'string' ? query : (query.name ?? query.text);
    if (id && said !== 'job_next') sent.set(id, [...(sent.get(id) ?? []), said]);
    return original.apply(this, args) as never;
  });
  return sent;
}
