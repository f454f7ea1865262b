// What requests send to the database: by the name of a prepared statement, else by its text.
import { AsyncResource } from 'node:async_hooks';
import { jest } from '@jest/globals';
import pg from 'pg';
import { currentContext } from '../../src/platform/context.js';

/** @returns statements by request id, BEGIN and COMMIT among them, until jest.restoreAllMocks(). */
export function recordStatements(): Map<string, string[]> {
  const sent = new Map<string, string[]>();
  const original = pg.Client.prototype.query as (...args: unknown[]) => unknown;
  jest.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: unknown, ...args: unknown[]) {
    const [query] = args as [string | { text: string; name?: string }];
    const id = currentContext()?.requestId;
    const said = typeof query === 'string' ? query : (query.name ?? query.text);
    if (id) sent.set(id, [...(sent.get(id) ?? []), said]);
    return original.apply(this, args) as never;
  });
  // Who waits for a connection is served in the context of whoever gives it back: here each statement stays that of its own request.
  const connect = pg.Pool.prototype.connect as (...args: unknown[]) => unknown;
  jest.spyOn(pg.Pool.prototype, 'connect').mockImplementation(function (this: unknown, ...args: unknown[]) {
    return connect.apply(
      this,
      args.map((one) => (typeof one === 'function' ? AsyncResource.bind(one as () => void) : one)),
    ) as never;
  });
  return sent;
}
