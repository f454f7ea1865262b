import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Header, send } from '../support/raw-request.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

describe.each([
  ['http', 'tenants.localhost', ''],
  ['https', 'id.example.com', 'https://id.example.com'],
  ['https, the installation beside them', 'example.com', 'https://id.example.com'],
])('tenants as names below a domain (%s)', (_kind, domain, issuer) => {
  let server: TestServer;
  let port: number;
  let suffix: string;
  const path = '/.well-known/openid-configuration';
  const ask = (host: string, target = path, more: Header[] = []) =>
    send(port, 'GET', target, [['Host', host], ['Accept', 'text/html, application/json'], ...more]);

  beforeAll(async () => {
    port = await freePort();
    server = await startServer({
      environment: {
        ISSUER: issuer || `http://localhost:${port}`,
        PORT: String(port),
        TENANT_DOMAIN: domain,
        ...(issuer ? { TRUST_PROXY: '127.0.0.1' } : {}),
      },
    });
    suffix = `.${domain}${issuer ? '' : `:${port}`}`;
    const { tenants } = server.services;
    await tenants.create({ slug: 'acme', name: 'Acme' });
    await tenants.create({ slug: 'named', name: 'Named', host: 'login.named.localhost' });
    await tenants.suspend(await tenants.create({ slug: 'paused', name: 'Paused' }));
  }, 180_000);
  afterAll(() => server?.close());

  it('answers as one issuer, there and nowhere else', async () => {
    const { status, body } = await ask(`acme${suffix}`);
    expect(status).toBe(200);
    const url = `${issuer ? 'https' : 'http'}://acme${suffix}`;
    expect(JSON.parse(body)).toMatchObject({ issuer: url, token_endpoint: `${url}/token` });
    expect((await ask(`ACME${suffix.toUpperCase()}`)).status).toBe(200);
    const base = new URL(server.issuer).host;
    expect(JSON.parse((await ask(base)).body)).toMatchObject({ issuer: server.issuer });
    for (const target of [`/t/acme${path}`, '/.well-known/oauth-authorization-server/t/acme'])
      for (const host of [base, `acme${suffix}`])
        expect([target, host, (await ask(host, target)).status]).toEqual([target, host, 404]);
  });

  it('lets a host of its own win', async () => {
    expect(JSON.parse((await ask('login.named.localhost')).body).issuer).toMatch(/:\/\/login\.named\.localhost$/);
    expect((await ask(`named${suffix}`)).status).toBe(404);
  });

  it.each([
    'nobody',
    'default',
    'paused',
    'a.b',
    'acme.acme',
    '',
    'xn--bcher-kva',
    'b\u00fccher',
    '-',
    'x'.repeat(64),
    'acme%2e',
  ])('answers the page 404 to the unknown name %j', async (name) => {
    const { status, body, headers } = await ask(`${name}${suffix}`, '/authorize');
    expect([status, headers.get('content-type')]).toEqual([404, expect.stringContaining('text/html')]);
    expect(headers.getSetCookie()).toEqual([]);
    if (name.length > 4) expect(body).not.toContain(name);
  });

  it('refuses every other host, whatever it looks like (RFC 9110 §15.5.20)', async () => {
    const names = [
      `acme.${domain}.`,
      `acme.${domain}:1`,
      `acme.${domain}.evil.example`,
      `acmeX${domain}`,
      `evil.example#${suffix}.x`,
      `${'a.'.repeat(200)}example`,
      domain.split('.').slice(1).join('.'),
      'xn--.example',
    ];
    for (const name of names) {
      const { status, body } = await ask(name);
      expect([name, [400, 421].includes(status), body.includes('evil')]).toEqual([name, true, false]);
    }
    // Claimed in another header, it changes nothing.
    const { body } = await ask(new URL(server.issuer).host, path, [['X-Forwarded-Host', `acme${suffix}`]]);
    expect(JSON.parse(body).issuer).toBe(server.issuer);
  });

  it('gives no name twice: neither the installation’s nor what is somebody’s host (RFC 8414 §2)', async () => {
    const { tenants, db } = server.services;
    // As one who had the host before there was a domain.
    await tenants.create({ slug: 'older', name: 'Older', host: 'older.localhost' });
    await db.manager.query(`UPDATE tenants SET host = $1 WHERE slug = 'older'`, [`early${suffix}`]);
    await expect(tenants.create({ slug: 'early', name: 'E' })).rejects.toMatchObject({ status: 409 });
    const late = await tenants.create({ slug: 'late', name: 'L', host: 'late.localhost' });
    await db.manager.query(`UPDATE tenants SET host = $1 WHERE slug = 'older'`, [`late${suffix}`]);
    await expect(tenants.update(late, { host: null })).rejects.toMatchObject({ status: 409 });
    const base = new URL(server.issuer).host;
    const beside = base.endsWith(suffix) ? base.slice(0, -suffix.length) : undefined;
    if (beside) await expect(tenants.create({ slug: beside, name: 'B' })).rejects.toMatchObject({ status: 422 });
    expect((await tenants.list()).map((tenant) => tenants.issuerOf(tenant))).toHaveLength(
      new Set((await tenants.list()).map((tenant) => tenants.issuerOf(tenant))).size,
    );
  });

  it('keeps names below the domain for their tenants', async () => {
    const { tenants } = server.services;
    for (const host of [`mine.${domain}`, `${domain}`, `acme.${domain}:8080`])
      await expect(
        Promise.resolve().then(() => tenants.create({ slug: 'thief', name: 'T', host })),
      ).rejects.toMatchObject({
        status: 422,
      });
  });
});
