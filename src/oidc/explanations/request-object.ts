// Requests that are pushed (RFC 9126) or signed (RFC 9101).
import type { Explanation } from './explanation.js';

export const requestObject: readonly Explanation[] = [
  {
    check: 'request.pushed',
    error: 'invalid_request',
    says: 'Pushed Authorization Request must be used',
    registered: ['require_pushed_authorization_requests'],
    setting: 'client.require_pushed_authorization_requests',
    advice: 'The client has to push its requests to /par first, and send request_uri alone (RFC 9126 §4).',
  },
  {
    check: 'request.signed',
    error: 'invalid_request',
    says: 'Request Object must be used',
    registered: ['require_signed_request_object', 'request_object_signing_alg'],
    setting: 'client.require_signed_request_object',
    advice: 'The client has to sign its requests and send them as `request` (RFC 9101 §5).',
  },
  {
    check: 'request.or_uri',
    error: 'invalid_request',
    says: 'request and request_uri parameters',
    advice: 'Send one of request and request_uri.',
  },
  {
    check: 'request_uri.pushed',
    error: 'request_uri_not_supported',
    advice: 'Only a request_uri that /par has given out is taken: nothing is fetched (RFC 9126 §2.2).',
  },
  {
    check: 'request_uri.valid',
    error: 'invalid_request_uri',
    advice: 'A request_uri is good once, for a minute, and for the client that pushed it. Push the request again.',
  },
  {
    check: 'request.jwt',
    error: 'invalid_request_object',
    says: 'could not parse Request Object',
    advice: 'request is a signed JWT of three parts (RFC 9101 §4).',
  },
  {
    check: 'request.nested',
    error: 'invalid_request_object',
    says: 'Request Object must not contain',
    advice: 'A request object holds no other: leave request and request_uri out of it (RFC 9101 §4).',
  },
  {
    check: 'request.response_type',
    error: 'invalid_request_object',
    says: 'request response_type must equal',
    seen: ['response_type'],
    advice: 'response_type is the same inside the request object and beside it, or stands inside alone.',
  },
  {
    check: 'request.client_id',
    error: 'invalid_request_object',
    says: /^request client_id (must equal|mismatch)/,
    seen: ['client_id', 'request.iss'],
    advice: 'client_id inside the request object is that of the client that sends it (RFC 9101 §6.3).',
  },
  {
    check: 'request.alg_supported',
    error: 'invalid_request_object',
    says: 'unsupported signed request alg',
    seen: ['request.alg'],
    registered: ['request_object_signing_alg'],
    advice: 'Sign with one of request_object_signing_alg_values_supported; `none` and HS* are never taken.',
  },
  {
    check: 'request.alg_registered',
    error: 'invalid_request_object',
    says: 'the preregistered alg must be used',
    seen: ['request.alg'],
    registered: ['request_object_signing_alg'],
    setting: 'client.request_object_signing_alg',
    advice: 'Sign with the algorithm that is registered, or register the one that is used.',
  },
  {
    check: 'request.claims',
    error: 'invalid_request_object',
    says: 'Request Object claims are invalid',
    seen: ['request.iss', 'request.aud', 'request.exp', 'request.iat'],
    registered: ['client_id', 'issuer'],
    advice:
      'iss is the client_id, aud the issuer, and exp and nbf are about now (RFC 9101 §4). Look at the clock of the machine.',
  },
  {
    check: 'request.typ',
    error: 'invalid_request_object',
    says: 'typ must be oauth-authz-req+jwt',
    seen: ['request.typ'],
    advice:
      'Say typ oauth-authz-req+jwt in the header, or none: a JWT for another purpose is no request (RFC 9101 §10.8).',
  },
  {
    check: 'request.signature',
    error: 'invalid_request_object',
    says: 'could not validate Request Object',
    seen: ['request.alg', 'request.kid'],
    registered: ['jwks', 'jwks_uri'],
    setting: 'client.jwks, client.jwks_uri',
    advice: 'No registered key verifies the signature: register the public key, with its kid, use `sig` and alg.',
  },
  {
    check: 'keys.fetched',
    error: 'invalid_client_metadata',
    says: 'client JSON Web Key Set failed to be refreshed',
    registered: ['jwks_uri'],
    setting: 'client.jwks_uri, client.jwks',
    advice:
      'The keys could not be read from jwks_uri: it answers 200 with a JWK Set over https, within seconds, without a redirect, from a public address. Or register them as jwks.',
  },
];
