import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { specifications } from '../../../scripts/standards.js';
import { startServer, type TestServer } from '../../support/server.js';

let server: TestServer;
let discovery: Record<string, unknown>;

beforeAll(async () => {
  server = await startServer();
  discovery = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as typeof discovery;
}, 180_000);
afterAll(() => server?.close());

it.each(specifications())('$id: discovery shows whether it is on', ({ on, discovery: members = [], tests }) => {
  expect(members.map((member) => [member, discovery[member] !== undefined])).toEqual(
    members.map((member) => [member, on]),
  );
  // What is on is tested.
  if (on) expect(tests.length).toBeGreaterThan(0);
});
