import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServer, type TestServer } from '../support/server.js';

describe('what is looked for at a well-known address (RFC 8615)', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ environment: { SECURITY_CONTACT: 'mailto:security@example.com' } });
  }, 180_000);
  afterAll(() => server?.close());
  const get = (path: string) => fetch(`${server.issuer}/.well-known/${path}`, { redirect: 'manual' });

  it('leads to the page that changes the password', async () => {
    const answer = await get('change-password');
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/account/security/password']);
    expect((await get('resource-that-should-not-exist-whose-status-code-should-not-be-200')).status).toBe(404);
  });

  it('names the page of passkeys, and no other origin', async () => {
    const page = `${server.issuer}/account/security/passkeys`;
    expect(await (await get('passkey-endpoints')).json()).toEqual({ enroll: page, manage: page });
    expect(await (await get('webauthn')).json()).toEqual({ origins: [new URL(server.issuer).origin] });
  });

  it('says whom to tell of a weakness, for less than a year (RFC 9116)', async () => {
    const answer = await get('security.txt');
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const text = await answer.text();
    const [, expires = ''] = /^Contact: mailto:security@example.com\r\nExpires: (.*)\r\n$/.exec(text) ?? [];
    const days = (new Date(expires).getTime() - Date.now()) / 86_400_000;
    expect(days > 90 && days < 365).toBe(true);
  });
});
