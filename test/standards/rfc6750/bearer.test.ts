import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tokenWith } from '../../support/api.js';
import { makeClient, makePerson, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('an access token of type Bearer (RFC 6750)', () => {
  let server: TestServer;
  const tokens: Record<string, string> = {};
  const places = { userinfo: '/userinfo', 'the management API': '/api/v1/users' };

  beforeAll(async () => {
    server = await startServer();
    const party = await makeClient(server, { consent_policy: 'implicit' });
    const { email } = await makePerson(server);
    tokens.userinfo = String((await tokensFor(server, party, email)).access_token);
    tokens['the management API'] = await tokenWith(server, 'users:read');
  }, 180_000);
  afterAll(() => server?.close());

  async function ask(path: string, init: RequestInit = {}) {
    const response = await fetch(`${server.issuer}${path}`, init);
    await response.arrayBuffer();
    const challenge = response.headers.get('www-authenticate') ?? '';
    return { status: response.status, challenge, kept: response.headers.get('cache-control') };
  }
  const by = (authorization: string) => ({ headers: { authorization } });

  describe.each(Object.entries(places))('at %s', (name, path) => {
    it('comes in the Authorization header, whose scheme is written in any case (§2.1, RFC 9110 §11.1)', async () => {
      for (const scheme of ['Bearer', 'bearer', 'BEARER'])
        expect([scheme, (await ask(path, by(`${scheme} ${tokens[name]}`))).status]).toEqual([scheme, 200]);
    });

    it('is not taken from the address (§2.3, RFC 9700 §4.3.2)', async () => {
      expect((await ask(`${path}?access_token=${tokens[name]}`)).status).toBeGreaterThanOrEqual(400);
    });

    it('comes in one way: with a second one beside it nothing is answered (§2, §3.1)', async () => {
      const { status } = await ask(`${path}?access_token=${tokens[name]}`, by(`Bearer ${tokens[name]}`));
      expect(status).toBe(400);
    });

    it('whoever sends none is told the scheme, and no error (§3.1)', async () => {
      const { status, challenge } = await ask(path);
      expect(status).toBe(401);
      expect(challenge).toMatch(/^Bearer /);
      expect(challenge).not.toContain('error');
    });

    it.each([
      ['unknown', 'x'.repeat(43)],
      ['a JWT that nobody has signed', 'eyJhbGciOiJub25lIn0.e30.'],
    ])('is invalid_token with 401, where it is %s (§3.1)', async (_what, token) => {
      const { status, challenge } = await ask(path, by(`Bearer ${token}`));
      expect(status).toBe(401);
      expect(challenge).toMatch(/^Bearer .*error="invalid_token"/);
      expect(challenge).not.toContain(token);
    });

    it('is invalid_request with 400, where the header is malformed (§3.1)', async () => {
      const { status, challenge } = await ask(path, by('Bearer x y'));
      expect([status, challenge.includes('error="invalid_request"')]).toEqual([400, true]);
    });

    it('what is answered to it is kept by no cache (§5.2)', async () => {
      expect((await ask(path, by(`Bearer ${tokens[name]}`))).kept).toContain('no-store');
    });
  });

  it('is insufficient_scope with 403 where it is for less, with what would do (§3.1)', async () => {
    const { status, challenge } = await ask('/api/v1/clients', by(`Bearer ${tokens['the management API']}`));
    expect(status).toBe(403);
    expect(challenge).toMatch(/error="insufficient_scope"/);
    expect(challenge).toContain('scope="clients:read"');
  });

  it('comes as a form to UserInfo, and to the management API never (§2.2)', async () => {
    const form = (name: string) => ({
      method: 'POST',
      body: new URLSearchParams({ access_token: String(tokens[name]) }),
    });
    expect((await ask('/userinfo', form('userinfo'))).status).toBe(200);
    expect((await ask('/api/v1/users', form('the management API'))).status).toBe(401);
  });
});
