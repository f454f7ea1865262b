import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { specifications, testsOf } from '../../../scripts/standards.js';
import { startServer, type TestServer } from '../../support/server.js';

let server: TestServer;
let discovery: Record<string, unknown>;

beforeAll(async () => {
  server = await startServer();
  discovery = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as typeof discovery;
}, 180_000);
afterAll(() => server?.close());

it.each(specifications())('discovery shows what is on, and nothing of what is off (§3): $id', (specification) => {
  const { on, discovery: members = [] } = specification;
  expect(members.map((member) => [member, discovery[member] !== undefined])).toEqual(
    members.map((member) => [member, on]),
  );
  // On or off, it is tested.
  expect(testsOf(specification)).toBeGreaterThan(0);
});
