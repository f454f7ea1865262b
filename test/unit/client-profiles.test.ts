import { describe, expect, it } from '@jest/globals';
import { ClientMetadata, withDefaults } from '../../src/features/clients/client.metadata.js';
import { metadataIssues } from '../../src/features/clients/client.rules.js';
import { asProfiled, breaches, isLower, type Profile } from '../../src/features/clients/profiles.js';

const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };
const base = {
  redirect_uris: ['https://app.example.com/cb'],
  token_endpoint_auth_method: 'private_key_jwt',
  jwks,
};
const native = { application_type: 'native', redirect_uris: ['http://127.0.0.1/cb'] };

const issuesOf = (metadata: object) =>
  metadataIssues(withDefaults(ClientMetadata.parse({ ...base, ...metadata }))).map(({ pointer }) => pointer);

describe('the profile of a client', () => {
  it.each<[string, Profile, object, string[]]>([
    ['says nothing of what it forces', 'fapi2', {}, []],
    [
      'says what it forces',
      'fapi2',
      { require_pushed_authorization_requests: true, dpop_bound_access_tokens: true },
      [],
    ],
    [
      'signs with PS256',
      'fapi2',
      { token_endpoint_auth_signing_alg: 'PS256', request_object_signing_alg: 'PS256' },
      [],
    ],
    ['signs with EdDSA', 'fapi2', { token_endpoint_auth_signing_alg: 'EdDSA' }, []],
    ['signs with Ed25519', 'fapi2', { token_endpoint_auth_signing_alg: 'Ed25519' }, []],
    ['is native on loopback', 'fapi2', native, []],
    ['is a machine', 'fapi2', { redirect_uris: [], grant_types: ['client_credentials'] }, []],
    [
      'does not push',
      'fapi2',
      { require_pushed_authorization_requests: false },
      ['/require_pushed_authorization_requests'],
    ],
    ['has bearer tokens', 'fapi2', { dpop_bound_access_tokens: false }, ['/dpop_bound_access_tokens']],
    ['has a secret', 'fapi2', { token_endpoint_auth_method: 'client_secret_basic' }, ['/token_endpoint_auth_method']],
    ['posts a secret', 'fapi2', { token_endpoint_auth_method: 'client_secret_post' }, ['/token_endpoint_auth_method']],
    ['is public', 'fapi2', { token_endpoint_auth_method: 'none' }, ['/token_endpoint_auth_method']],
    ['asks for none', 'fapi2', { response_types: ['code', 'none'] }, ['/response_types']],
    ['is on http', 'fapi2', { redirect_uris: ['http://localhost/cb'] }, ['/redirect_uris/0']],
    [
      'authenticates with RS256',
      'fapi2',
      { token_endpoint_auth_signing_alg: 'RS256' },
      ['/token_endpoint_auth_signing_alg'],
    ],
    ['asks with RS256', 'fapi2', { request_object_signing_alg: 'RS256' }, ['/request_object_signing_alg']],
    ['is told with RS256', 'fapi2', { id_token_signed_response_alg: 'RS256' }, ['/id_token_signed_response_alg']],
    [
      'is told about people with RS256',
      'fapi2',
      { userinfo_signed_response_alg: 'RS256' },
      ['/userinfo_signed_response_alg'],
    ],
    [
      'is answered with RS256',
      'fapi2',
      { authorization_signed_response_alg: 'RS256' },
      ['/authorization_signed_response_alg'],
    ],
    ['is exempt from PKCE', 'fapi2', { pkce_exempt: true }, ['/pkce_exempt']],
    ['says nothing of what it forces', 'fapi1_advanced', {}, []],
    ['signs nothing', 'fapi1_advanced', { require_signed_request_object: false }, ['/require_signed_request_object']],
    ['signs with EdDSA', 'fapi1_advanced', { request_object_signing_alg: 'EdDSA' }, ['/request_object_signing_alg']],
    ['is native on loopback', 'fapi1_advanced', native, ['/redirect_uris/0']],
  ])('%s: %s', (_name, profile, metadata, expected) => {
    expect(issuesOf({ profile, ...metadata })).toEqual(expected);
  });

  it.each<[Profile | undefined, object, object]>([
    [undefined, {}, {}],
    ['compatibility', {}, {}],
    ['fapi2', {}, { require_pushed_authorization_requests: true, dpop_bound_access_tokens: true }],
    ['fapi1_advanced', {}, { require_signed_request_object: true, dpop_bound_access_tokens: true }],
    [
      'fapi2',
      { tls_client_certificate_bound_access_tokens: true },
      { tls_client_certificate_bound_access_tokens: true, require_pushed_authorization_requests: true },
    ],
  ])('%s forces what the engine is to see', (profile, said, seen) => {
    expect(asProfiled({ profile, ...said })).toEqual({ profile, ...seen });
  });

  it('is broken by certificates and keys that are both refused', () => {
    const client = { ...base, profile: 'fapi2', dpop_bound_access_tokens: false };
    expect(breaches(client).map(({ member }) => member)).toEqual(['dpop_bound_access_tokens']);
    expect(breaches({ ...client, tls_client_certificate_bound_access_tokens: true })).toEqual([]);
  });

  it.each<[Profile | undefined, Profile | undefined, boolean]>([
    ['fapi2', undefined, true],
    ['fapi2', 'fapi1_advanced', true],
    ['fapi2', 'compatibility', true],
    ['fapi1_advanced', undefined, true],
    [undefined, 'compatibility', true],
    ['fapi1_advanced', 'fapi2', false],
    [undefined, 'fapi2', false],
    ['compatibility', undefined, false],
    ['fapi2', 'fapi2', false],
  ])('from %s to %s is lower: %s', (from, to, lower) => {
    expect(isLower(from, to)).toBe(lower);
  });
});

describe('the profile compatibility', () => {
  const front = { ...base, response_types: ['code', 'id_token'], grant_types: ['authorization_code', 'implicit'] };
  it.each<[string, object, string[]]>([
    ['tokens through the front channel', {}, []],
    ['without the profile', { profile: undefined }, ['/response_types']],
    ['held to FAPI', { profile: 'fapi2' }, ['/response_types', '/response_types']],
    ['implicit without a type', { response_types: ['code'] }, ['/grant_types']],
    ['a type without implicit', { grant_types: ['authorization_code'] }, ['/grant_types']],
    [
      'an access token bound to a key',
      { response_types: ['code', 'id_token token'], dpop_bound_access_tokens: true },
      ['/response_types'],
    ],
    ['on localhost', { redirect_uris: ['https://localhost/cb'] }, ['/redirect_uris/0']],
    ['on http', { redirect_uris: ['http://localhost:1/cb'] }, ['/redirect_uris/0']],
    ['a public client without PKCE', { token_endpoint_auth_method: 'none', pkce_exempt: true }, ['/pkce_exempt']],
  ])('%s', (_name, metadata, expected) => {
    expect(issuesOf({ ...front, profile: 'compatibility', ...metadata })).toEqual(expected);
  });
});
