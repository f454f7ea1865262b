// An authorization request with one thing wrong: the check it fails, and what the record says was seen. One line each.
import { type Change, HELD, type RefusedHouse } from '../../support/refused.js';

export interface Wrong {
  check: string;
  error: string;
  /** At /par, where it is another (RFC 9126 §2.3). */
  pushedError?: string;
  change: Change;
  party?: keyof RefusedHouse['parties'];
  seen?: Record<string, unknown>;
  /** Where nobody pushes it, or nobody sends it otherwise. */
  only?: '/authorize' | '/par';
}

const evil = 'https://evil.example/cb';
const urn = 'urn:ietf:params:oauth:request_uri:';
const code = 'code_challenge';

export const wrong: readonly Wrong[] = [
  {
    check: 'redirect_uri.registered',
    error: 'invalid_redirect_uri',
    pushedError: 'invalid_request',
    change: { redirect_uri: evil },
    seen: { redirect_uri: evil },
  },
  { check: 'redirect_uri.present', error: 'invalid_request', change: { redirect_uri: undefined } },
  { check: 'response_type.present', error: 'invalid_request', change: { response_type: undefined } },
  {
    check: 'response_type.supported',
    error: 'unsupported_response_type',
    change: { response_type: 'foo' },
    seen: { response_type: 'foo' },
  },
  {
    check: 'response_type.allowed',
    error: 'invalid_request',
    party: 'narrow',
    change: { response_type: 'none' },
    seen: { response_type: 'none' },
  },
  {
    check: 'authorization_details.json',
    error: 'invalid_authorization_details',
    change: { authorization_details: '[{' },
  },
  {
    check: 'authorization_details.type',
    error: 'invalid_authorization_details',
    change: { authorization_details: '[{"type":"unknown"}]' },
  },
  {
    check: 'authorization_details.valid',
    error: 'invalid_authorization_details',
    change: { authorization_details: '[{"actions":["read"]}]' },
  },
  { check: 'response_mode.supported', error: 'unsupported_response_mode', change: { response_mode: 'web_message' } },
  {
    check: 'organization.form',
    error: 'invalid_request',
    change: { organization: 'Acme Trading' },
    seen: { organization: 'Acme Trading' },
  },
  { check: 'prompt.supported', error: 'invalid_request', change: { prompt: 'foo' }, seen: { prompt: 'foo' } },
  { check: 'prompt.none_alone', error: 'invalid_request', change: { prompt: 'none login' } },
  { check: 'max_age.number', error: 'invalid_request', change: { max_age: 'soon' } },
  {
    check: 'scope.syntax',
    error: 'invalid_scope',
    change: { scope: 'openid "email"' },
    seen: { scope: 'openid "email"' },
  },
  {
    check: 'scope.registered',
    error: 'invalid_scope',
    party: 'narrow',
    change: { scope: 'openid email' },
    seen: { scope: 'openid email' },
  },
  {
    check: 'scope.openid_for_parameter',
    error: 'invalid_request',
    change: { scope: 'profile' },
    seen: { scope: 'profile' },
  },
  {
    check: 'scope.openid_for_client',
    error: 'invalid_request',
    party: 'timed',
    change: { scope: 'profile', nonce: undefined },
  },
  { check: 'pkce.present', error: 'invalid_request', change: { [code]: undefined, code_challenge_method: undefined } },
  { check: 'pkce.method_present', error: 'invalid_request', change: { code_challenge_method: undefined } },
  {
    check: 'pkce.method',
    error: 'invalid_request',
    change: { code_challenge_method: 'plain' },
    seen: { code_challenge_method: 'plain' },
  },
  { check: 'pkce.challenge_present', error: 'invalid_request', change: { [code]: undefined } },
  { check: 'pkce.challenge_syntax', error: 'invalid_request', change: { [code]: 'short' } },
  { check: 'claims.json', error: 'invalid_request', change: { claims: '{' } },
  { check: 'claims.shape', error: 'invalid_request', change: { claims: '[]' } },
  { check: 'claims.shape', error: 'invalid_request', change: { claims: '{}' } },
  { check: 'claims.shape', error: 'invalid_request', change: { claims: '{"userinfo":1}' } },
  {
    check: 'claims.response_type',
    error: 'invalid_request',
    change: { claims: '{"userinfo":{}}', response_type: 'none' },
  },
  { check: 'resource.absolute', error: 'invalid_target', change: { resource: 'api' }, seen: { resource: 'api' } },
  { check: 'resource.fragment', error: 'invalid_target', change: { resource: 'https://api.example/#x' } },
  { check: 'resource.registered', error: 'invalid_target', change: { resource: 'https://api.example/' } },
  { check: 'resource.client', error: 'invalid_target', party: 'narrow', change: { resource: HELD, scope: 'openid' } },
  { check: 'resource.open', error: 'invalid_target', party: 'finder', change: { resource: HELD, scope: 'openid' } },
  { check: 'id_token_hint.valid', error: 'invalid_request', change: { id_token_hint: 'x.y.z' } },
  { check: 'parameter.once', error: 'invalid_request', change: { scope: ['openid', 'profile'] } },
  { check: 'registration.unsupported', error: 'registration_not_supported', change: { registration: '{}' } },
  { check: 'request.pushed', error: 'invalid_request', party: 'pushing', change: {}, only: '/authorize' },
  { check: 'request.signed', error: 'invalid_request', party: 'signing', change: {} },
  {
    check: 'request.or_uri',
    error: 'invalid_request',
    change: { request: 'x', request_uri: `${urn}x` },
    only: '/authorize',
  },
  {
    check: 'request_uri.pushed',
    error: 'request_uri_not_supported',
    change: { request_uri: 'https://rp.example/request' },
  },
  {
    check: 'request_uri.valid',
    error: 'invalid_request_uri',
    change: { request_uri: `${urn}unknown` },
    only: '/authorize',
  },
  { check: 'request.jwt', error: 'invalid_request_object', party: 'signing', change: { request: 'x' } },
  { check: 'prompt.login_needed', error: 'login_required', change: { prompt: 'none' }, only: '/authorize' },
];
