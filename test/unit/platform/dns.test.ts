import { describe, expect, it } from '@jest/globals';
import { Dns, DnsError } from '../../../src/platform/dns.js';

const failing = (code: string) => async () => {
  throw Object.assign(new Error(code), { code });
};
const asked = (resolveTxt: (name: string) => Promise<string[][]>, timeoutMs = 1000) =>
  new Dns({ timeoutMs, resolveTxt }).resolveTxt('example.com');

describe('TXT records (RFC 1035 §3.3.14)', () => {
  it('are what their strings say together', async () => {
    expect(await asked(async () => [['one ', 'text'], ['another']])).toEqual(['one text', 'another']);
  });

  it.each(['ENOTFOUND', 'ENODATA'])('are none where DNS says %s', async (code) => {
    expect(await asked(failing(code))).toEqual([]);
  });

  it.each(['ESERVFAIL', 'EREFUSED', 'ETIMEOUT', 'ECONNREFUSED', 'EBADRESP'])(
    'are not known where DNS says %s',
    async (code) => {
      await expect(asked(failing(code))).rejects.toBeInstanceOf(DnsError);
    },
  );

  it('are not waited for', async () => {
    const started = performance.now();
    await expect(asked(() => new Promise(() => {}), 50)).rejects.toBeInstanceOf(DnsError);
    expect(performance.now() - started).toBeLessThan(900);
  });

  it('are read as far as anybody needs them', async () => {
    const long = 'x'.repeat(255);
    expect(await asked(async () => [[long, long, long, long, long], ['short']])).toEqual(['short']);
    expect(await asked(async () => Array.from({ length: 5000 }, () => ['a']))).toHaveLength(100);
  });
});
