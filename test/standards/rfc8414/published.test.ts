import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import type { Tenant } from '../../../src/features/tenants/tenant.entity.js';
import { withContext } from '../../../src/platform/context.js';
import { startServer, type TestServer } from '../../support/server.js';

const paths = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'];

describe('what an issuer publishes (RFC 8414, RFC 7517)', () => {
  let server: TestServer;
  let other: Tenant;

  beforeAll(async () => {
    server = await startServer();
    other = await server.inside(({ tenants }) => tenants.create({ slug: 'acme', name: 'Acme' }));
  }, 180_000);
  afterAll(() => server?.close());

  const get = async (
    path: string,
    headers: Record<string, string> = {},
    method: 'GET' | 'HEAD' | 'OPTIONS' = 'GET',
  ) => {
    const answer = await request(`${server.issuer}${path}`, { method, headers });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };

  it.each(paths)(
    'each may be kept a while, is read from any origin, and says when it has not changed (RFC 9110 §13.1.2): %s',
    async (path) => {
      const first = await get(path, { origin: 'https://spa.example' });
      expect(first.status).toBe(200);
      expect(first.headers['cache-control']).toMatch(/^public, max-age=\d+$/);
      expect(first.headers['access-control-allow-origin']).toBe('https://spa.example');
      expect(String(first.headers.vary)).toMatch(/Origin/);
      expect(first.headers['set-cookie']).toBeUndefined();
      expect(first.headers['x-content-type-options']).toBe('nosniff');
      expect(first.headers['x-request-id']).toMatch(/^[\w-]{16,}$/);

      const etag = String(first.headers.etag);
      for (const validators of [etag, `W/${etag}`, `"another", ${etag}`, '*']) {
        const again = await get(path, { 'if-none-match': validators });
        expect([validators, again.status, again.text]).toEqual([validators, 304, '']);
        expect(again.headers.etag).toBe(etag);
        expect(again.headers['x-content-type-options']).toBe('nosniff');
        expect(again.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
      }
      expect((await get(path, { 'if-none-match': '"another"' })).status).toBe(200);
    },
  );

  it.each(paths)('each answers HEAD as GET without the body, and a preflight (Fetch §3.3.5): %s', async (path) => {
    const [whole, head] = [await get(path), await get(path, {}, 'HEAD')];
    expect([head.status, head.text]).toEqual([200, '']);
    for (const name of ['content-type', 'content-length', 'etag', 'cache-control'])
      expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
    const preflight = await get(
      path,
      { origin: 'https://spa.example', 'access-control-request-method': 'GET' },
      'OPTIONS',
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-methods']).toBe('GET');
  });

  it.each(paths)(
    'each is the issuer’s own, by its own name, also while both are asked at once (§3): %s',
    async (path) => {
      const prefixed = path === '/.well-known/oauth-authorization-server' ? `${path}/t/acme` : `/t/acme${path}`;
      const answers = await Promise.all([path, prefixed, path, prefixed].map((one) => get(one)));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(2);
      const issuers = answers.map(({ text }) => (JSON.parse(text) as { issuer?: string }).issuer);
      if (path !== '/jwks')
        expect(issuers).toEqual([server.issuer, `${server.issuer}/t/acme`, server.issuer, `${server.issuer}/t/acme`]);
    },
  );

  it.each(paths)(
    'each is what the engine says, to the byte, and says so no longer than the engine does: %s',
    async (path) => {
      const before = await get(`/t/acme${path}`);
      await server.inside(({ caching }) => caching.publish('issuer', other.id));
      const after = await get(`/t/acme${path}`);
      expect(after.text).toBe(before.text);
      if (path !== '/jwks') return;
      const kidsOf = ({ text }: { text: string }) =>
        (JSON.parse(text) as { keys: { kid: string; alg: string }[] }).keys.map(({ kid }) => kid);
      const [gone = ''] = kidsOf(before);
      await server.inside(({ keys }) => withContext({ tenantId: other.id }, () => keys.compromised(gone)));
      expect(kidsOf(await get('/t/acme/jwks'))).not.toContain(gone);
    },
  );
});
