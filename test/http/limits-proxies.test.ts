import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { limits } from '../../config/protocol.js';
import { type Header, send } from '../support/raw-request.js';
import { startServer } from '../support/server.js';

describe('limits count the address that is known, not the one that is claimed (OWASP ASVS 5.0 V2.4)', () => {
  const roomy = Object.fromEntries(
    Object.entries(limits).map(([name, { seconds }]) => [name, { points: 100_000, seconds }]),
  );

  it.each([
    ['nobody', {}, [401, 401, 401, 429, 429]],
    ['the proxy', { TRUST_PROXY: '127.0.0.1' }, [401, 401, 401, 401, 401]],
    ['a proxy elsewhere', { TRUST_PROXY: '10.0.0.0/8' }, [401, 401, 401, 429, 429]],
  ] as [string, Record<string, string>, number[]][])('where %s is trusted', async (_whom, trust, expected) => {
    const server = await startServer({
      // Counters of its own where other suites count in the same Redis.
      environment: { COOKIE_KEYS: randomBytes(24).toString('hex'), ...trust },
      overrides: { limits: { ...roomy, protocolFailures: { points: 3, seconds: 60 } } as never },
    });
    try {
      const { port, host } = new URL(server.issuer);
      const seen: number[] = [];
      for (const last of [1, 2, 3, 4, 5]) {
        const headers: Header[] = [
          ['Host', host],
          ['Content-Type', 'application/x-www-form-urlencoded'],
          ['Authorization', `Basic ${Buffer.from('nobody:nothing').toString('base64')}`],
          ['X-Forwarded-For', `203.0.113.${last}`],
          ['X-Real-IP', `203.0.113.${last}`],
          ['Forwarded', `for=203.0.113.${last}`],
        ];
        seen.push((await send(Number(port), 'POST', '/token', headers, 'grant_type=client_credentials')).status);
      }
      expect(seen).toEqual(expected);
    } finally {
      await server.close();
    }
  });
});
