import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Processes, startProcesses } from '../support/processes.js';

describe('two processes on one Postgres and one Redis', () => {
  let house: Processes;
  beforeAll(async () => {
    house = await startProcesses(2);
  }, 180_000);
  afterAll(() => house?.close());

  it('are one issuer with one set of keys (OpenID Connect Discovery §3)', async () => {
    const [a, b] = await Promise.all([0, 1].map(async (index) => (await house.ask(index, '/jwks')).text()));
    expect(a).toContain('"kid"');
    expect(b).toBe(a);
    expect(await (await house.ask(1, '/.well-known/openid-configuration')).json()).toMatchObject({
      issuer: house.issuer,
    });
  });
});
