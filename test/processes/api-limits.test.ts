import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tokenWith } from '../support/api.js';
import { crowd, type Pair, startPair } from '../support/pair.js';

describe('the limit of a tenant, at two processes (R26)', () => {
  let pair: Pair;
  let token: string;

  beforeAll(async () => {
    pair = await startPair({ API_TIER: 'free' });
    token = await tokenWith(pair.server, 'clients:read');
  }, 180_000);
  afterAll(() => pair?.close());

  it('is one: of a crowd that comes at both at once as many are answered as it says', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const answers = await crowd(100, (index) => pair.ask(index % 2, '/api/v1/clients', { headers }));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(60);
    expect(statuses.filter((status) => status === 429)).toHaveLength(40);
  });
});
