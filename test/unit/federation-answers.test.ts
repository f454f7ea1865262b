import { describe, expect, it } from '@jest/globals';
import { withAppleName } from '../../src/federation/apple-name.js';
import { asksAnew, authorizationParameters } from '../../src/federation/authorization-request.js';
import { checksOfResponse } from '../../src/federation/authorization-response.js';
import { attributesOf, merged } from '../../src/federation/claims.js';
import { checksOfLogoutToken } from '../../src/federation/logout-token.js';

const failed = (checks: { check: string; passed: boolean }[]) =>
  checks.filter(({ passed }) => !passed).map(({ check }) => check);

describe('an authorization response (RFC 6749 §4.1.2, RFC 9207)', () => {
  const issuer = 'https://idp.example';
  const iss = encodeURIComponent(issuer);
  it.each<[string, string, boolean, string | undefined]>([
    ['with code and iss', `code=a&state=b&iss=${iss}`, true, issuer],
    ['without iss, of whoever does not say that it gives one', 'code=a&state=b', false, issuer],
    ['with iss, of whoever does not say so', `code=a&state=b&iss=${iss}`, false, issuer],
    ['with any iss, where nobody has said what it is', 'code=a&state=b&iss=x', false, undefined],
    ['with what else the provider has to say', `code=a&state=b&iss=${iss}&session_state=c&scope=openid`, true, issuer],
  ])('is good %s', (_case, answer, saysIssuer, from) => {
    expect(failed(checksOfResponse(new URLSearchParams(answer), { issuer: from, saysIssuer }))).toEqual([]);
  });

  it.each<[string, string, string[]]>([
    ['of another issuer (mix-up)', 'code=a&state=b&iss=https%3A%2F%2Fevil.example', ['response_issuer']],
    ['without iss, of whoever says that it gives one', 'code=a&state=b', ['response_issuer']],
    ['with iss twice', `code=a&state=b&iss=${iss}&iss=${iss}`, ['response_form']],
    ['with code twice', `code=a&code=b&state=b&iss=${iss}`, ['response_form']],
    ['with a token in it', `code=a&state=b&iss=${iss}&access_token=c`, ['response_form']],
    ['with an ID token in it', `code=a&state=b&iss=${iss}&id_token=c`, ['response_form']],
    ['with a JWT in place of it', `code=a&state=b&iss=${iss}&response=c`, ['response_form']],
    ['with an error', `error=access_denied&state=b&iss=${iss}`, ['response_error']],
    ['with an error and a code', `error=access_denied&code=a&state=b&iss=${iss}`, ['response_error']],
    ['with an error of another issuer', 'error=x&state=b&iss=y', ['response_issuer', 'response_error']],
    ['with neither code nor error', `state=b&iss=${iss}`, ['response_code']],
    ['with an empty code', `code=&state=b&iss=${iss}`, ['response_code']],
  ])('is refused %s', (_case, answer, checks) => {
    expect(failed(checksOfResponse(new URLSearchParams(answer), { issuer, saysIssuer: true }))).toEqual(checks);
  });
});

describe('an authorization request (OpenID Connect Core §3.1.2.1, RFC 7636 appendix B)', () => {
  const secrets = {
    state: 's',
    nonce: 'n',
    verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    redirectUri: 'https://here.example/callback',
  };
  const oidc = {
    kind: 'oidc',
    scopes: ['openid', 'email'],
    responseMode: 'query',
    mfaClasses: ['one', 'two'],
  } as const;

  it('passes on what was asked of us, and nothing that is for us alone', () => {
    const asked = { prompt: 'create login', max_age: 0, login_hint: 'maria@example.com', acr: ['urn:ostiary:acr:mfa'] };
    expect(authorizationParameters(oidc, asked, secrets)).toEqual({
      ...{ response_type: 'code', redirect_uri: secrets.redirectUri, scope: 'openid email', state: 's', nonce: 'n' },
      ...{ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
      ...{ prompt: 'login', max_age: '0', acr_values: 'one two', login_hint: 'maria@example.com' },
    });
    expect([asksAnew(asked), asksAnew({ prompt: 'select_account' }), asksAnew({})]).toEqual([true, false, false]);
  });

  it('has whoever is asked for a new sign-in say when it was (OpenID Connect Core §2, auth_time)', () => {
    expect(authorizationParameters(oidc, { prompt: 'login' }, secrets)).toMatchObject({
      prompt: 'login',
      max_age: '0',
    });
    expect(authorizationParameters(oidc, { prompt: 'login', max_age: 60 }, secrets).max_age).toBe('60');
    expect(authorizationParameters(oidc, { prompt: 'consent' }, secrets).max_age).toBeUndefined();
  });

  it.each([
    ['two factors', ['urn:ostiary:acr:mfa'], 'one two'],
    ['more than two factors, or less', ['urn:ostiary:acr:1fa', 'urn:ostiary:acr:phrh'], 'one two'],
    ['one factor', ['urn:ostiary:acr:1fa'], undefined],
    ['a class that is not ours', ['urn:else', 'one'], undefined],
    ['none', [], undefined],
  ])('asked of us: %s; it is asked for its own classes, and for none of ours', (_what, acr, acr_values) => {
    expect(authorizationParameters(oidc, { acr }, secrets).acr_values).toBe(acr_values);
    expect(authorizationParameters({ ...oidc, mfaClasses: [] }, { acr }, secrets)).not.toHaveProperty('acr_values');
  });

  it('of OAuth 2.0 alone has no words of OpenID Connect', () => {
    const parameters = authorizationParameters(
      { kind: 'oauth2', scopes: [], responseMode: 'query', mfaClasses: [] },
      { prompt: 'login', max_age: 1, login_hint: 'x', acr: ['urn:ostiary:acr:mfa'] },
      secrets,
    );
    expect(Object.keys(parameters)).toEqual([
      ...['response_type', 'redirect_uri', 'state', 'code_challenge', 'code_challenge_method'],
    ]);
  });

  it('asks for a form post where the connection does', () => {
    expect(authorizationParameters({ ...oidc, responseMode: 'form_post' }, {}, secrets).response_mode).toBe(
      'form_post',
    );
  });
});

describe('claims as attributes', () => {
  it('are lists of texts, of numbers and booleans as JSON has them, and of members by their path', () => {
    const claims = {
      a: 'x',
      n: 7,
      b: true,
      l: ['x', 1, null, {}],
      empty: '',
      none: null,
      o: { roles: ['r'], deep: { deeper: { deepest: 'x' } } },
    };
    expect(attributesOf(claims)).toEqual({ a: ['x'], n: ['7'], b: ['true'], l: ['x', '1'], 'o.roles': ['r'] });
  });

  it('are bounded: names, values, lengths', () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`n${at}`, 'x']));
    expect(Object.keys(attributesOf(many))).toHaveLength(200);
    expect(attributesOf({ l: Array.from({ length: 2000 }, String) }).l).toHaveLength(1000);
    expect(attributesOf({ long: 'x'.repeat(4097), ['n'.repeat(513)]: 'x' })).toEqual({});
  });

  it('change no prototype', () => {
    const claims = JSON.parse('{"__proto__":{"admin":"yes"},"a":{"__proto__":"x","constructor":"y"}}');
    expect(Object.entries(attributesOf(claims))).toEqual([['a.constructor', ['y']]]);
    expect(({} as { admin?: string }).admin).toBeUndefined();
  });

  it.each<[string, Record<string, string[]>, Record<string, string[]>, Record<string, string[]>]>([
    [
      'the address of the ID token with what it says of it, whatever userinfo says',
      { email: ['a@x'] },
      { email: ['b@x'], email_verified: ['true'], name: ['M'] },
      { name: ['M'], email: ['a@x'] },
    ],
    [
      'the address of userinfo with what that says of it, whatever the ID token says',
      { email_verified: ['true'], sub: ['s'] },
      { email: ['b@x'] },
      { email: ['b@x'], sub: ['s'] },
    ],
    [
      'the rest of the ID token before that of userinfo',
      { name: ['signed'], email: ['a@x'], email_verified: ['true'] },
      { name: ['said'], locale: ['de'] },
      { name: ['signed'], locale: ['de'], email: ['a@x'], email_verified: ['true'] },
    ],
  ])('of both are %s', (_case, idToken, userinfo, all) => {
    expect(merged(idToken, userinfo, { email: ['email'], verified: ['email_verified'] })).toEqual(all);
  });

  it('of Apple: the name beside the first code, and nothing else that the browser brings', () => {
    const identity = { subject: 'x', attributes: { email: ['a@x'], name: ['Signed'] } };
    const user = JSON.stringify({
      name: { firstName: 'Maria', lastName: 'Muster' },
      email: 'evil@x',
      email_verified: true,
    });
    expect(withAppleName(identity, user).attributes).toEqual({
      ...{ given_name: ['Maria'], family_name: ['Muster'], name: ['Signed'], email: ['a@x'] },
    });
    for (const none of [null, '', '{', '[]', '{"name":"Maria"}', '{"name":{"firstName":7}}'])
      expect(withAppleName(identity, none).attributes).toEqual(identity.attributes);
  });
});

describe('a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6)', () => {
  const now = 1_000_000;
  const event = 'http://schemas.openid.net/event/backchannel-logout';
  const expected = { issuer: 'https://idp.example', clientId: 'ostiary', now, tolerance: 60, longest: 3600 };
  const good = {
    ...{ iss: expected.issuer, aud: 'ostiary', iat: now, exp: now + 120, jti: 'one', sub: 'maria', sid: 's' },
    events: { [event]: {} },
  };
  const wrong = (claims: object, header: object) =>
    failed(checksOfLogoutToken({ alg: 'RS256', ...header }, { ...good, ...claims }, expected));

  it.each<[string, object, object?]>([
    ['as it should be', {}],
    ['of a session alone', { sub: undefined }],
    ['of a person alone', { sid: undefined }],
    ['for others too', { aud: ['other', 'ostiary'] }],
    ['without exp, of before there was one', { exp: undefined }],
    ['without typ, of before there was one', {}, {}],
  ])('is good %s', (_case, claims, header = { typ: 'logout+jwt' }) => {
    expect(wrong(claims, header)).toEqual([]);
  });

  it.each<[string, object, string, object?]>([
    ['of another issuer (no. 4)', { iss: 'https://evil.example' }, 'issuer'],
    ['for somebody else', { aud: 'other' }, 'audience'],
    ['without iat', { iat: undefined }, 'issued_at'],
    ['issued 61 seconds ahead', { iat: now + 61 }, 'issued_at'],
    ['that has expired', { exp: now - 60 }, 'expiry'],
    ['that lives too long', { exp: now + 3661 }, 'expiry'],
    ['without exp, of an hour ago', { exp: undefined, iat: now - 3660 }, 'expiry'],
    ['without jti', { jti: undefined }, 'jti'],
    ['of nobody (no. 5)', { sub: undefined, sid: undefined }, 'subject'],
    ['of a person that is no text', { sub: { a: 1 } }, 'subject'],
    ['without events (no. 6)', { events: undefined }, 'events'],
    ['of another event', { events: { 'urn:other': {} } }, 'events'],
    ['of an event that is no object', { events: { [event]: true } }, 'events'],
    ['of events as a list', { events: [event] }, 'events'],
    ['with a nonce (no. 7)', { nonce: 'x' }, 'nonce'],
    ['that is an access token', {}, 'type', { typ: 'at+jwt' }],
  ])('is refused %s', (_case, claims, check, header = { typ: 'logout+jwt' }) => {
    expect(wrong(claims, header)).toEqual([`logout_token_${check}`]);
  });
});
