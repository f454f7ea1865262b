// Refusals of an authorization request, whichever way it came: RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2, RFC 7636.
import type { Explanation } from './explanation.js';

export const authorization: readonly Explanation[] = [
  {
    check: 'redirect_uri.registered',
    error: 'invalid_redirect_uri',
    seen: ['redirect_uri'],
    registered: ['redirect_uris', 'application_type'],
    setting: 'client.redirect_uris',
    advice:
      'redirect_uri is compared character by character. Register exactly the one that is sent, or send one that is.',
  },
  {
    // RFC 9126 §2.3: the pushed request endpoint has no error of its own for it.
    check: 'redirect_uri.registered',
    error: 'invalid_request',
    says: 'redirect_uri did not match',
    seen: ['redirect_uri'],
    registered: ['redirect_uris', 'application_type'],
    setting: 'client.redirect_uris',
    advice:
      'redirect_uri is compared character by character. Register exactly the one that is sent, or send one that is.',
  },
  {
    check: 'response_type.present',
    error: 'invalid_request',
    says: /^missing required parameters? .*'response_type'/,
    advice: 'Send response_type=code.',
  },
  {
    check: 'response_type.supported',
    error: 'unsupported_response_type',
    seen: ['response_type'],
    advice: 'This server answers response_type=code and none: tokens come from the token endpoint alone.',
  },
  {
    check: 'response_type.allowed',
    error: 'invalid_request',
    says: 'requested response_type is not allowed',
    seen: ['response_type'],
    registered: ['response_types'],
    setting: 'client.response_types',
    advice: 'Add the response type to the client, or ask for one that it has.',
  },
  {
    check: 'response_mode.supported',
    error: 'unsupported_response_mode',
    seen: ['response_mode'],
    advice: 'Ask for one of response_modes_supported, or leave it out.',
  },
  {
    check: 'prompt.supported',
    error: 'invalid_request',
    says: 'unsupported prompt',
    seen: ['prompt'],
    advice: 'Ask for prompt values of prompt_values_supported. `create` is one where the tenant lets people register.',
    setting: 'tenant.settings.authentication.registration',
  },
  {
    check: 'prompt.none_alone',
    error: 'invalid_request',
    says: 'prompt none must only be used alone',
    seen: ['prompt'],
    advice: 'prompt=none asks for no page at all, so it stands alone.',
  },
  {
    check: 'max_age.number',
    error: 'invalid_request',
    says: 'invalid max_age',
    advice: 'max_age is a whole number of seconds, 0 or more.',
  },
  {
    check: 'scope.syntax',
    error: 'invalid_scope',
    says: 'scope contains invalid characters',
    seen: ['scope'],
    advice: 'Scopes are separated by one space, without commas or quotes (RFC 6749 §3.3).',
  },
  {
    check: 'scope.registered',
    error: 'invalid_scope',
    says: 'requested scope is not allowed',
    seen: ['scope'],
    registered: ['scope'],
    setting: 'client.scope',
    advice: 'Add the scope to the client, or ask for less.',
  },
  {
    check: 'scope.openid_for_parameter',
    error: 'invalid_request',
    says: 'openid scope must be requested when using',
    seen: ['scope'],
    advice: 'A parameter of OpenID Connect was sent: add openid to scope, or leave the parameter out.',
  },
  {
    check: 'scope.openid_for_client',
    error: 'invalid_request',
    says: 'openid scope must be requested for clients with',
    seen: ['scope'],
    registered: ['default_max_age', 'require_auth_time', 'default_acr_values'],
    setting: 'client.require_auth_time, client.default_max_age, client.default_acr_values',
    advice: 'What is registered for the client needs an ID token: add openid to scope, or change the registration.',
  },
  {
    check: 'pkce.present',
    error: 'invalid_request',
    says: 'Authorization Server policy requires PKCE',
    advice: 'Send code_challenge and code_challenge_method=S256 (RFC 7636 §4.3).',
  },
  {
    check: 'pkce.method_present',
    error: 'invalid_request',
    says: 'code_challenge_method must be provided',
    advice: 'Send code_challenge_method=S256 beside code_challenge; without it the challenge would be `plain`.',
  },
  {
    check: 'pkce.method',
    error: 'invalid_request',
    says: 'not supported value of code_challenge_method',
    seen: ['code_challenge_method'],
    advice: 'Only S256 is taken (RFC 9700 §2.1.1).',
  },
  {
    check: 'pkce.challenge_present',
    error: 'invalid_request',
    says: 'code_challenge must be provided',
    seen: ['code_challenge_method'],
    advice: 'Send code_challenge: the SHA-256 of the code_verifier, base64url without padding.',
  },
  {
    check: 'pkce.challenge_syntax',
    error: 'invalid_request',
    says: /^code_challenge (must be a string|contains invalid)/,
    advice: 'code_challenge has 43 to 128 characters of A-Z a-z 0-9 - . _ ~ (RFC 7636 §4.2).',
  },
  {
    check: 'claims.json',
    error: 'invalid_request',
    says: 'could not parse the claims parameter',
    advice: 'claims is JSON, encoded once for the URL (OpenID Connect Core §5.5).',
  },
  {
    check: 'claims.shape',
    error: 'invalid_request',
    says: /^(claims parameter should (be|have)|claims\.|invalid claims\.)/,
    advice: 'claims is an object with userinfo or id_token, each an object of claims (OpenID Connect Core §5.5).',
  },
  {
    check: 'claims.response_type',
    error: 'invalid_request',
    says: 'claims parameter should not be combined',
    seen: ['response_type'],
    advice: 'With response_type=none nothing carries claims.',
  },
  {
    check: 'id_token_hint.valid',
    error: 'invalid_request',
    says: /^could not (validate|decode) id_token_hint/,
    advice: 'Send an ID token that this issuer gave to this client, or leave the hint out.',
  },
  {
    check: 'parameter.once',
    error: 'invalid_request',
    says: /must not be provided twice$/,
    advice: 'Send each parameter once (RFC 6749 §3.1).',
  },
  {
    check: 'registration.unsupported',
    error: 'registration_not_supported',
    advice: 'Clients are registered before they ask; leave `registration` out.',
  },
  {
    check: 'organization.form',
    error: 'invalid_request',
    says: 'organization must be the id or the slug',
    seen: ['organization'],
    advice: 'Send the id or the slug of an organization: small letters, digits and hyphens.',
  },
  {
    check: 'organization.named',
    error: 'invalid_request',
    says: 'organization must be named',
    seen: ['scope'],
    advice:
      'The person belongs to several organizations, and no page asks them here. Send the parameter `organization` with the one that is meant.',
  },
  {
    check: 'organization.proof_needed',
    error: 'login_required',
    says: 'the organization asks for another proof',
    seen: ['prompt', 'organization'],
    setting: 'organization.settings.policy',
    advice:
      'What the session stands on is not enough for the organization, or too old. Ask again without prompt=none: the person proves what is missing.',
  },
  {
    check: 'organization.choice_needed',
    error: 'interaction_required',
    says: 'the End-User is to choose an organization',
    seen: ['prompt', 'scope'],
    advice:
      'The person belongs to several organizations. Send the parameter `organization`, or ask again without prompt=none.',
  },
  {
    check: 'organization.entered',
    error: 'access_denied',
    says: 'the End-User may not have a token for this organization',
    seen: ['organization'],
    setting: 'organization.settings.policy',
    advice:
      'The person is no member of the organization, or not at the moment; or it takes another network or another proof than theirs. Look at its members and at its policy.',
  },
  {
    check: 'organization.taken',
    error: 'access_denied',
    says: 'no organization was taken',
    seen: ['organization'],
    advice:
      'The person went back to the application: they chose no organization, or were told that theirs is not for this account.',
  },
  {
    check: 'prompt.login_needed',
    error: 'login_required',
    seen: ['prompt'],
    advice: 'Nobody is signed in as the request wants it. Ask again without prompt=none.',
  },
  {
    check: 'prompt.consent_needed',
    error: 'consent_required',
    seen: ['prompt', 'scope'],
    registered: ['consent_policy'],
    setting: 'client.consent_policy',
    advice: 'The person has not agreed to all of this yet. Ask again without prompt=none.',
  },
  {
    check: 'prompt.interaction_needed',
    error: 'interaction_required',
    seen: ['prompt'],
    registered: ['application_type', 'consent_policy'],
    advice:
      'A page has to be shown: a native application asks each time (RFC 8252 §8.6). Ask again without prompt=none.',
  },
  {
    check: 'acr.reached',
    error: 'unmet_authentication_requirements',
    advice:
      'The person could not authenticate as strongly as acr demands. Make it voluntary, or let them enrol a factor.',
  },
  {
    check: 'person.agreed',
    error: 'access_denied',
    advice:
      'The person said no, went back to the application, or agreed to nothing that was asked for. Nothing has to be changed.',
  },
];
