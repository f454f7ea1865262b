import { describe, expect, it } from '@jest/globals';
import { bearer, serveApi } from './api-fixture.js';

const challenge = (response: { headers: Record<string, string> }) => response.headers['www-authenticate'];

describe('bearer tokens at the management API (RFC 6750)', () => {
  const { http } = serveApi();

  it('answers a request without a token 401 with a challenge that has no error code', async () => {
    const response = await http.get('/api/v1/things').expect(401);
    const realm =
      'realm="https://id.example.com/api", resource_metadata="https://id.example.com/.well-known/oauth-protected-resource/api"';
    expect(challenge(response)).toBe(`Bearer ${realm}, DPoP ${realm}, algs="ES256 PS256 RS256 EdDSA Ed25519"`);
    expect(response.body.code).toBe('unauthorized');
  });

  it('treats another scheme as no token', async () => {
    const response = await http.get('/api/v1/things').set('Authorization', 'Basic YTpi').expect(401);
    expect(challenge(response)).not.toContain('error=');
  });

  it('answers an unknown token 401 invalid_token', async () => {
    const response = await http.get('/api/v1/things').set(bearer('nobody')).expect(401);
    expect(challenge(response)).toContain('error="invalid_token"');
    expect(response.body.code).toBe('invalid_token');
  });

  it.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer a,b', 'Bearer a"b', 'DPoP', 'DPoP a b'])(
    'answers the malformed header %p 400 invalid_request or as no token, never with a result',
    async (header) => {
      const response = await http.get('/api/v1/things').set('Authorization', header).expect(400);
      expect(challenge(response)).toContain('error="invalid_request"');
    },
  );

  it('never takes a token from the query', async () => {
    await http.get('/api/v1/things?access_token=token-all').expect(400);
    const both = await http.get('/api/v1/things?access_token=token-all').set(bearer()).expect(400);
    expect(challenge(both)).toContain('error="invalid_request"');
  });

  it('answers a token without the scope 403 insufficient_scope and names the scope', async () => {
    const response = await http.post('/api/v1/things').set(bearer('token-read')).send({ name: 'a' }).expect(403);
    expect(challenge(response)).toMatch(/error="insufficient_scope".*scope="things:write"/);
    expect(response.body.code).toBe('insufficient_scope');
  });

  it('refuses before it reads the body', async () => {
    await http.post('/api/v1/things').set('Content-Type', 'application/json').send('{').expect(401);
  });

  it('puts the actor of the token into the context', async () => {
    const response = await http.get('/api/v1/things').set(bearer('token-read')).expect(200);
    expect(response.body.actor).toBe('token-read');
  });
});
