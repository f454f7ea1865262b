import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import { Turnstile } from '../../src/features/captcha/captcha.js';

const json =
  (body: unknown, status = 200) =>
  async () =>
    new Response(JSON.stringify(body), { status });

describe('the question whether a person is there (Turnstile siteverify)', () => {
  const warnings: string[] = [];
  const logger = { warn: (text: string) => void warnings.push(text) };
  const turnstile = (fetch: (url: string, init: RequestInit) => Promise<Response>, testing = false) =>
    new Turnstile({ siteKey: 'site', secret: 'secret', fetch, logger, testing });

  it.each([
    ['yes, of our page', json({ success: true, hostname: 'id.example.com' }), true],
    ['yes, of another page', json({ success: true, hostname: 'evil.example' }), false],
    ['yes, of no page', json({ success: true }), false],
    ['no', json({ success: false, 'error-codes': ['timeout-or-duplicate'] }), false],
    ['a wrong secret', json({ success: false }, 400), false],
    ['nonsense', async () => new Response('<html>'), false],
    ['an error of its own', json({}, 503), true],
    ['nothing', async () => Promise.reject(new Error('unreachable')), true],
  ])('answered with %s', async (_name, fetch, passes) => {
    expect(await turnstile(fetch).verify('token', '203.0.113.9', 'id.example.com')).toBe(passes);
  });

  it('is verified by the secret, of the address, and never without a token', async () => {
    const sent: string[] = [];
    const captcha = turnstile(async (url, { body }) => {
      sent.push(`${url} ${String(body)}`);
      return json({ success: true, hostname: 'id.example.com' })();
    });
    expect(await captcha.verify('', '203.0.113.9', 'id.example.com')).toBe(false);
    expect(await captcha.verify('x'.repeat(2049), '203.0.113.9', 'id.example.com')).toBe(false);
    expect(sent).toEqual([]);
    await captcha.verify('token', '203.0.113.9', 'id.example.com');
    expect(sent).toEqual([
      'https://challenges.cloudflare.com/turnstile/v0/siteverify secret=secret&response=token&remoteip=203.0.113.9',
    ]);
  });

  it.each([
    ['1x00000000000000000000AA', '0x4AAAAAAABkMYinukE8nzY-secret'],
    ['0x4AAAAAAABkMYinukE8nzY', '2x0000000000000000000000000000000AA'],
  ])('is not asked by keys for tests in production: %s %s', (TURNSTILE_SITE_KEY, TURNSTILE_SECRET) => {
    const load = (NODE_ENV: string) => () => loadConfig({ NODE_ENV, TURNSTILE_SITE_KEY, TURNSTILE_SECRET });
    expect(load('production')).toThrow(/TURNSTILE_SITE_KEY, TURNSTILE_SECRET: are keys for tests/);
  });

  it('of keys for tests may have come from anywhere', async () => {
    const answer = json({ success: true, hostname: 'example.com' });
    expect(await turnstile(answer, true).verify('token', undefined, 'localhost')).toBe(true);
  });

  it('needs both keys or none', () =>
    expect(() => loadConfig({ TURNSTILE_SITE_KEY: '0x4AAAAAAABkMYinukE8nzY' })).toThrow(/set both or neither/));
});
