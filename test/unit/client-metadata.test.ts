import { describe, expect, it } from '@jest/globals';
import { ClientMetadata, withDefaults } from '../../src/features/clients/client.metadata.js';
import { metadataIssues } from '../../src/features/clients/client.rules.js';
import { redirectUriProblem } from '../../src/features/clients/redirect-uri.js';
import { isStrongSecret } from '../../src/features/clients/secret-strength.js';
import { patchOf } from '../../src/platform/merge-patch.js';

describe('redirect_uris (RFC 9700 §2.1, RFC 8252 §7)', () => {
  it.each([
    ['https://app.example.com/cb', true, true],
    ['https://app.example.com/cb?x=1', true, true],
    ['http://localhost:8080/cb', true, true],
    ['http://127.0.0.1/cb', true, true],
    ['http://[::1]:1234/cb', true, true],
    ['com.example.app:/cb', false, true],
    ['com.example.app://cb', false, true],
    ['https://localhost/cb', true, false],
    ['http://app.example.com/cb', false, false],
    ['http://127.0.0.1.example.com/cb', false, false],
    ['http://localhost@evil.example/cb', false, false],
    ['https://app.example.com/cb#', false, false],
    ['https://app.example.com/cb#x', false, false],
    ['https://user:pass@app.example.com/cb', false, false],
    ['https://*.example.com/cb', false, false],
    ['https:\\\\app.example.com', false, false],
    ['https://app.example.com/ cb', false, false],
    ['myapp:/cb', false, false],
    ['javascript:alert(1)', false, false],
    ['data:text/html,x', false, false],
    ['/cb', false, false],
    ['//app.example.com/cb', false, false],
  ])('%s: web %s, native %s', (uri, web, native) => {
    expect(redirectUriProblem(uri, 'web') === undefined).toBe(web);
    expect(redirectUriProblem(uri, 'native') === undefined).toBe(native);
  });
});

const cb = { redirect_uris: ['https://app.example.com/cb'] };
const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };

describe('client metadata (RFC 7591 §2)', () => {
  it.each([
    ['a web client', cb, []],
    ['no redirect_uri', {}, ['/redirect_uris']],
    ['client_credentials alone', { grant_types: ['client_credentials'] }, []],
    [
      'client_credentials without authentication',
      { grant_types: ['client_credentials'], token_endpoint_auth_method: 'none' },
      ['/token_endpoint_auth_method'],
    ],
    [
      'code without its grant type',
      { ...cb, grant_types: ['client_credentials'], response_types: ['code'] },
      ['/response_types'],
    ],
    ['the implicit grant', { grant_types: ['implicit'] }, ['/response_types', '/grant_types']],
    [
      'an ID token from the front channel',
      { ...cb, response_types: ['id_token'], grant_types: ['implicit'] },
      ['/response_types'],
    ],
    ['refresh_token alone', { grant_types: ['refresh_token'] }, ['/grant_types']],
    ['private_key_jwt without keys', { ...cb, token_endpoint_auth_method: 'private_key_jwt' }, ['/jwks']],
    ['jwks and jwks_uri', { ...cb, jwks, jwks_uri: 'https://app.example.com/jwks' }, ['/jwks']],
    [
      'pairwise over two hosts',
      { redirect_uris: ['https://a.example/', 'https://b.example/'], subject_type: 'pairwise' },
      ['/sector_identifier_uri'],
    ],
    [
      'an http post_logout_redirect_uri',
      { ...cb, post_logout_redirect_uris: ['http://app.example.com/'] },
      ['/post_logout_redirect_uris/0'],
    ],
  ])('%s', (_name, input, pointers) => {
    const issues = metadataIssues(withDefaults(ClientMetadata.parse(input)));
    expect(issues.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it.each([
    ['HS256 for ID tokens', { id_token_signed_response_alg: 'HS256' }],
    ['no signature', { id_token_signed_response_alg: 'none' }],
    ['HS256 for request objects', { request_object_signing_alg: 'HS256' }],
    ['client_secret_jwt', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['symmetric encryption', { id_token_encrypted_response_alg: 'dir' }],
    ['the password grant', { grant_types: ['password'] }],
    ['a token from the front channel', { response_types: ['token'] }],
    ['a private key', { jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] } }],
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'k' }] } }],
    ['a short RSA key', { jwks: { keys: [{ kty: 'RSA', n: 'abc', e: 'AQAB' }] } }],
    ['a logo over http', { logo_uri: 'http://app.example.com/logo.png' }],
    ['a script as a policy', { policy_uri: 'javascript:alert(1)' }],
    ['an origin with a path', { allowed_cors_origins: ['https://app.example.com/'] }],
    ['any origin', { allowed_cors_origins: ['*'] }],
    ['a name that reads backwards', { client_name: 'Bank \u202ekcatta' }],
    ['a scope with a quote', { scope: 'openid "x"' }],
    ['an endless token', { access_token_ttl: 10_000_000 }],
    ['an unknown member', { is_first_party: true }],
    ['our own extra', { 'urn:ostiary:consent_policy': 'implicit' }],
    ['a client_secret', { client_secret: 'x' }],
    ['__proto__', JSON.parse('{"__proto__":{"x":1}}')],
    ['constructor', JSON.parse('{"constructor":{"prototype":{}}}')],
  ])('refuses %s', (_name, input) => {
    expect(ClientMetadata.safeParse({ ...input }).success).toBe(false);
    expect(patchOf(ClientMetadata).safeParse({ ...input }).success).toBe(false);
  });

  it('signs ID tokens with ES256 unless the client says otherwise', () => {
    expect(withDefaults({}).id_token_signed_response_alg).toBe('ES256');
    expect(withDefaults({ id_token_signed_response_alg: 'RS256' }).id_token_signed_response_alg).toBe('RS256');
  });
});

describe('given client secrets (RFC 6749 §10.10)', () => {
  it.each([
    ['0123456789abcdef0123456789abcdef', true],
    ['0123456789abcdef0123456789abcde', false],
    ['mXq3Zt8-LbW0vYr5_KdN2a', true],
    ['mXq3Zt8-LbW0vYr5_KdN2', false],
    ['abababababababababababababababab', false],
    ['secret', false],
  ])('%s is strong: %s', (secret, strong) => {
    expect(isStrongSecret(secret)).toBe(strong);
  });
});
