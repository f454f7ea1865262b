// OpenID Connect upstream: against a provider that does one thing wrong at a time, and its twin that does it right.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { Connection } from '../../src/features/connections/connection.entity.js';
import { UpstreamHouse } from '../support/upstream/house.js';
import { unsigned } from '../support/upstream/keys.js';
import type { Manners } from '../support/upstream/provider.js';

let house: UpstreamHouse;

beforeAll(async () => {
  house = await UpstreamHouse.open();
}, 60_000);
afterAll(() => house?.close());
beforeEach(() => house.provider.behave());

const manners = (wrong: Manners) => Object.assign(house.provider.manners, wrong);
const claim = (name: string, value: unknown): Manners => ({
  idToken: (claims) => Object.assign(claims, { [name]: value }),
});
const answer = (name: string, value: string | undefined): Manners => ({
  response: (given) => (value === undefined ? given.delete(name) : given.set(name, value)),
});

describe('somebody signs in at an OpenID provider (OpenID Connect Core §3.1)', () => {
  it('and comes back to where it began, known by its subject', async () => {
    const back = await house.goAround();
    expect([back.status, back.headers.get('cache-control')]).toEqual([303, 'no-store']);
    const { identity, checks } = await house.held(back);
    expect(identity).toMatchObject({
      subject: 'maria-upstream',
      attributes: { email: ['maria@upstream.example'], email_verified: ['true'], name: ['Maria Muster'] },
      session: { index: 'session-upstream' },
      tokens: { refresh_token: 'rt-of-maria' },
    });
    expect(identity.authenticated_at).toBeGreaterThan(1_700_000_000);
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(checks.map(({ check }) => check)).toEqual([
      ...['provider_unchanged', 'response_form', 'response_issuer', 'response_code', 'token_response'],
      ...['id_token_form', 'id_token_algorithm', 'id_token_signature', 'id_token_type', 'id_token_issuer'],
      ...['id_token_audience', 'id_token_authorized_party', 'id_token_subject', 'id_token_expiry'],
      ...['id_token_issued_at', 'id_token_nonce', 'id_token_at_hash', 'token_response_rules', 'userinfo_response'],
    ]);
  });

  it('asked for with PKCE S256, state and nonce, each its own every time (RFC 9700 §2.1.1)', async () => {
    const [one, other] = [(await house.leave()).request, (await house.leave()).request];
    const { searchParams: asked } = one;
    expect(Object.fromEntries(asked)).toMatchObject({
      response_type: 'code',
      client_id: 'ostiary',
      scope: 'openid profile email',
      redirect_uri: `${house.server.issuer}/federation/${house.connection.id}/callback`,
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(asked.get(name)).toMatch(/^[\w-]{43}$/);
      expect(asked.get(name)).not.toBe(other.searchParams.get(name));
    }
  });

  it('asked for as we were asked: login_hint, prompt, max_age', async () => {
    const asked = { login_hint: 'maria@upstream.example', prompt: 'login', max_age: 60 };
    const { request } = await house.leave(asked);
    expect(Object.fromEntries(request.searchParams)).toMatchObject({
      ...{ login_hint: asked.login_hint, prompt: 'login', max_age: '60' },
    });
  });

  it('asked for two factors in its own words; what it says of them is kept, and none that it does not say ends a sign-in', async () => {
    const [REFEDS, asked] = ['https://refeds.org/profile/mfa', { acr: ['urn:ostiary:acr:mfa'] }];
    const own = await house.connect({ mfa: { acr: [REFEDS], amr: ['mfa'] } });
    expect((await house.leave(asked, own)).request.searchParams.get('acr_values')).toBe(REFEDS);
    expect((await house.leave(asked)).request.searchParams.has('acr_values')).toBe(false);
    const said = async (acr: unknown, amr: unknown, connection = own) => {
      manners({ idToken: (claims) => Object.assign(claims, { acr, amr }) });
      const { identity } = await house.held(await house.goAround(asked, connection));
      return [identity.acr, identity.amr];
    };
    expect(await said(REFEDS, undefined)).toEqual([REFEDS, undefined]);
    expect(await said('1', ['pwd', 'mfa'])).toEqual(['1', ['pwd', 'mfa']]);
    expect(await said(undefined, ['pwd'])).toEqual([undefined, ['pwd']]);
    expect(await said('1', ['mfa'], house.connection)).toEqual(['1', ['mfa']]);
  });

  it('by a form post, to which no cookie comes (OAuth 2.0 Form Post Response Mode)', async () => {
    const connection = await house.connect({ response_mode: 'form_post' });
    const visit = await house.leave({}, connection);
    expect(visit.request.searchParams.get('response_mode')).toBe('form_post');
    const back = Object.assign(await house.comeBack(visit), { binding: visit.binding });
    expect((await house.held(back)).identity.subject).toBe('maria-upstream');
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['client_secret_basic', {}, /^Basic /],
    ['client_secret_post', { token_endpoint_auth_method: 'client_secret_post' }, /^$/],
  ])('who we are is shown as the connection says: %s', async (_method, oidc, header) => {
    await house.held(await house.goAround({}, await house.connect(oidc)));
    const { headers, form } = house.provider.asked.find(({ path }) => path === '/token') ?? {};
    expect(headers?.authorization ?? '').toMatch(header);
    expect(form?.has('client_secret')).toBe(header.test(''));
    expect(form?.get('code_verifier')).toMatch(/^[\w-]{43}$/);
  });
});

describe('who we are is shown by a key of ours where the connection says so (private_key_jwt, RFC 7523 §3)', () => {
  it('once, to this provider alone, for a moment', async () => {
    const connection = await house.connect({ token_endpoint_auth_method: 'private_key_jwt' });
    await house.held(await house.goAround({}, connection));
    await house.held(await house.goAround({}, connection));
    const keys = createLocalJWKSet((await (await fetch(`${house.server.issuer}/jwks`)).json()) as never);
    const calls = house.provider.asked.filter(({ path }) => path === '/token');
    const shown = await Promise.all(
      calls.map(({ form }) =>
        jwtVerify(String(form.get('client_assertion')), keys, {
          ...{ issuer: 'ostiary', subject: 'ostiary', audience: house.provider.issuer },
          requiredClaims: ['jti', 'iat', 'exp'],
        }),
      ),
    );
    expect(new Set(shown.map(({ payload }) => payload.jti)).size).toBe(2);
    for (const { payload } of shown) expect(Number(payload.exp) - Number(payload.iat)).toBeLessThanOrEqual(120);
    for (const { form, headers } of calls)
      expect([form.get('client_secret'), headers.authorization]).toEqual([null, undefined]);
  });
});

describe('an answer with one thing that is wrong signs nobody in (OpenID Connect Core §3.1.3.7, RFC 9700 §4)', () => {
  const now = () => Math.floor(Date.now() / 1000);
  const header = (change: object): Manners => ({ idToken: (_claims, head) => Object.assign(head, change) });
  const wrong: [string, () => Manners, string][] = [
    [
      'iss of another in the response (RFC 9207, mix-up)',
      () => answer('iss', 'https://evil.example'),
      'response_issuer',
    ],
    ['no iss in the response, though it says that it gives one', () => answer('iss', undefined), 'response_issuer'],
    ['no code', () => answer('code', undefined), 'response_code'],
    ['a code that it did not give', () => answer('code', 'made-up'), 'token_response'],
    ['an access token in the response', () => answer('access_token', 'x'), 'response_form'],
    ['an error in place of a code', () => answer('error', 'server_error'), 'response_error'],
    ['no ID token', () => ({ token: (body) => delete body.id_token }), 'token_response'],
    ['no access token', () => ({ token: (body) => delete body.access_token }), 'token_response'],
    ['an ID token that is none', () => ({ sign: async () => 'a.b' }), 'id_token_form'],
    [
      'an ID token that can be read in two ways',
      () => ({ sign: async (claims, head, keys) => keys.sign(claims, { ...head, crit: ['b64'], b64: true }) }),
      'id_token_form',
    ],
    ['iss of another', () => claim('iss', 'https://evil.example'), 'id_token_issuer'],
    ['no iss', () => claim('iss', undefined), 'id_token_issuer'],
    ['aud of another', () => claim('aud', 'other'), 'id_token_audience'],
    ['aud of others without azp', () => claim('aud', ['ostiary', 'other']), 'id_token_authorized_party'],
    ['azp of another', () => claim('azp', 'other'), 'id_token_authorized_party'],
    ['no sub', () => claim('sub', undefined), 'id_token_subject'],
    ['exp in the past', () => claim('exp', now() - 120), 'id_token_expiry'],
    ['no exp', () => claim('exp', undefined), 'id_token_expiry'],
    ['iat in the future', () => claim('iat', now() + 600), 'id_token_issued_at'],
    ['nonce of another request', () => claim('nonce', 'another'), 'id_token_nonce'],
    ['no nonce', () => claim('nonce', undefined), 'id_token_nonce'],
    ['at_hash of another access token', () => claim('at_hash', 'AAAAAAAAAAAAAAAAAAAAAA'), 'id_token_at_hash'],
    [
      'another access token beside at_hash',
      () => ({ token: (body) => Object.assign(body, { access_token: 'at-other' }) }),
      'id_token_at_hash',
    ],
    ['typ of another kind of JWT', () => header({ typ: 'at+jwt' }), 'id_token_type'],
    [
      'no signature (alg none)',
      () => ({ sign: async (claims, head) => unsigned(claims, { ...head, alg: 'none' }) }),
      'id_token_algorithm',
    ],
    [
      'our secret in place of a key (HS256)',
      () => ({
        sign: (claims, head, keys) => keys.signWith(claims, { ...head, alg: 'HS256' }, house.provider.client.secret),
      }),
      'id_token_algorithm',
    ],
    [
      'its public key as a secret (RS256 taken for HS256)',
      () => ({
        sign: (claims, head, keys) =>
          keys.signWith(claims, { ...head, alg: 'HS256' }, JSON.stringify(keys.published[0])),
      }),
      'id_token_algorithm',
    ],
    [
      'the key of a stranger',
      () => ({ sign: (claims, head, keys) => keys.sign(claims, head, 'stranger') }),
      'id_token_signature',
    ],
    [
      'another of its keys than it says',
      () => ({ sign: (claims, head, keys) => keys.sign(claims, { ...head, kid: 'ec' }, 'rsa') }),
      'id_token_signature',
    ],
    [
      'a key that comes with the token (jwk)',
      () => ({
        sign: async (claims, head, keys) =>
          keys.sign(claims, { ...head, kid: 'of-nobody', jwk: keys.published[0] }, 'rsa'),
      }),
      'id_token_signature',
    ],
    [
      'a token type that is none of ours',
      () => ({ token: (body) => Object.assign(body, { token_type: 'mac' }) }),
      'token_response_rules',
    ],
    [
      'userinfo of somebody else',
      () => ({ userinfo: (body) => Object.assign(body, { sub: 'somebody-else' }) }),
      'userinfo_subject',
    ],
    ['userinfo of nobody', () => ({ userinfo: (body) => delete body.sub }), 'userinfo_response'],
  ];

  it.each(wrong)('%s', async (_what, mannersOf, check) => {
    manners(mannersOf());
    const { reason, failed } = await house.refused(() => house.goAround());
    expect([reason, failed]).toEqual([check, [check]]);
    house.provider.behave();
    expect((await house.goAround()).status).toBe(303);
  });

  it.each<[string, object, () => Manners, string]>([
    ['a sign-in older than max_age', { max_age: 60 }, () => claim('auth_time', now() - 300), 'id_token_auth_time'],
    [
      'no auth_time though max_age was asked',
      { max_age: 60 },
      () => claim('auth_time', undefined),
      'id_token_auth_time',
    ],
    [
      'a sign-in of before prompt=login',
      { prompt: 'login' },
      () => claim('auth_time', now() - 300),
      'id_token_auth_time',
    ],
  ])('%s', async (_what, asked, mannersOf, check) => {
    manners(mannersOf());
    const { reason, failed } = await house.refused(() => house.goAround(asked));
    expect([reason, failed]).toEqual([check, [check]]);
    house.provider.behave();
    expect((await house.goAround(asked)).status).toBe(303);
  });

  it('a parameter twice (RFC 6749 §3.1)', async () => {
    manners({ response: (given) => given.append('iss', house.provider.issuer) });
    expect((await house.refused(() => house.goAround())).failed).toEqual(['response_form']);
  });

  it('the code of another request, at a provider that looks at PKCE (RFC 7636 §4.6)', async () => {
    const mine = new URL((await house.provider.visit((await house.leave()).request.href)).location);
    const visit = await house.leave();
    const theirs = new URL((await house.provider.visit(visit.request.href)).location);
    theirs.searchParams.set('code', mine.searchParams.get('code') ?? '');
    const { failed, checks } = await house.refused(() => fetch(theirs, { redirect: 'manual' }));
    expect(failed).toEqual(['token_response']);
    expect(checks.at(-1)?.seen).toBe('invalid_grant (HTTP 400)');
  });

  it('the code of another request, at one that does not: the nonce tells', async () => {
    manners({ noPkce: true });
    const mine = new URL((await house.provider.visit((await house.leave()).request.href)).location);
    const theirs = new URL((await house.provider.visit((await house.leave()).request.href)).location);
    theirs.searchParams.set('code', mine.searchParams.get('code') ?? '');
    expect((await house.refused(() => fetch(theirs, { redirect: 'manual' }))).failed).toEqual(['id_token_nonce']);
  });

  it.each<[string, string, 'hang' | 'huge' | 'redirect' | number, string, string]>([
    ['is silent', '/token', 'hang', 'token_response', 'not_reached'],
    ['answers with too much', '/token', 'huge', 'token_response', 'too_large'],
    ['redirects', '/token', 'redirect', 'token_response', ''],
    ['fails', '/token', 500, 'token_response', ''],
    ['fails to say who it is', '/userinfo', 500, 'userinfo_response', ''],
    ['says too much of them', '/userinfo', 'huge', 'userinfo_response', 'too_large'],
  ])('a provider that %s (%s)', async (_what, path, manner, check, seen) => {
    manners({ at: { [path]: manner } });
    const { failed, checks } = await house.refused(() => house.goAround());
    expect(failed).toEqual([check]);
    expect(String(checks.at(-1)?.seen)).toContain(seen);
  });

  it('what only we can see is told to nobody who configures a connection: not there, and not to be asked, are one', async () => {
    const { metadata } = house.connection.storedSettings.oidc as { metadata: object };
    for (const place of ['https://10.0.0.1', 'https://nobody.invalid', 'http://127.0.0.1:2']) {
      const connection = await house.connect({ metadata: { ...metadata, token_endpoint: `${place}/token` } });
      const { failed, checks } = await house.refused(() => house.goAround({}, connection));
      expect([failed, checks.at(-1)?.seen]).toEqual([['token_response'], 'not_reached']);
    }
  });

  it('who did not want to sign in over there is told so, kindly, and it is kept', async () => {
    manners(answer('error', 'access_denied'));
    let page = '';
    const { reason, checks } = await house.refused(async () => {
      const answer = await house.goAround();
      page = await answer.clone().text();
      return answer;
    });
    expect([reason, checks.at(-1)?.seen]).toEqual(['response_error', 'access_denied']);
    expect(page).toContain('You are not signed in');
  });

  it('what is told of an error is short and shows nothing but characters', async () => {
    manners(answer('error', `<script>\u0000\u202e${'x'.repeat(5000)}`));
    const { checks } = await house.refused(() => house.goAround());
    expect(String(checks.at(-1)?.seen)).toMatch(/^<script>\?\?x{1,60}$/);
  });
});

describe('with what an ID token is signed', () => {
  const metadataWith = (more: object) => {
    const { metadata } = house.connection.storedSettings.oidc as { metadata: object };
    return { metadata: { ...metadata, ...more } };
  };

  it('our secret counts where the connection names HS256, and then nothing else does', async () => {
    const shared = await house.connect({ algorithms: ['HS256'] });
    expect((await house.refused(() => house.goAround({}, shared))).failed).toEqual(['id_token_algorithm']);
    const { secret } = house.provider.client;
    manners({ sign: (claims, head, keys) => keys.signWith(claims, { ...head, alg: 'HS256' }, secret) });
    expect((await house.goAround({}, shared)).status).toBe(303);
    manners({ sign: (claims, head, keys) => keys.signWith(claims, { ...head, alg: 'HS256' }, `${secret}x`) });
    expect((await house.refused(() => house.goAround({}, shared))).failed).toEqual(['id_token_signature']);
  });

  it('any of its keys counts, by the algorithm that it is for', async () => {
    manners({ sign: (claims, head, keys) => keys.sign(claims, { ...head, alg: 'ES256', kid: 'ec' }) });
    expect((await house.goAround()).status).toBe(303);
    const narrow = await house.connect({ algorithms: ['RS256'] });
    expect((await house.refused(() => house.goAround({}, narrow))).failed).toEqual(['id_token_algorithm']);
  });

  it.each(['hang', 'huge', 'redirect', 500] as const)('keys that cannot be had verify nothing: %s', async (manner) => {
    const connection = await house.connect(metadataWith({ jwks_uri: `${house.provider.issuer}/keys-${manner}` }));
    manners({ at: { [`/keys-${manner}`]: manner } });
    expect((await house.refused(() => house.goAround({}, connection))).failed).toEqual(['id_token_signature']);
  });
});

describe('what was received, looked at again with the settings of today', () => {
  const validated = (trace: string) =>
    house.server.inside(async ({ traces, traceValidation }) => traceValidation.of(await traces.find(trace)));

  it('is good once the setting is what it has to be, and tells what is still wrong before', async () => {
    const connection = await house.connect({ client_id: 'misspelt' });
    house.provider.client.id = 'misspelt';
    manners(claim('aud', 'ostiary'));
    const { failed, trace } = await house.refused(() => house.goAround({}, connection));
    house.provider.client.id = 'ostiary';
    expect(failed).toEqual(['id_token_audience']);
    expect((await validated(trace)).outcome).toBe('failed');
    await house.server.inside(({ db }) =>
      db.repo(Connection).update({ id: connection.id }, { storedSettings: house.connection.storedSettings as never }),
    );
    const { outcome, checks } = await validated(trace);
    expect([outcome, checks.filter(({ passed }) => !passed)]).toEqual(['passed', []]);
    expect(house.provider.asked.filter(({ path }) => path === '/token')).toHaveLength(1);
  });

  it('holds no token that opens anything', async () => {
    let given: Record<string, unknown> = {};
    manners({
      idToken: (claims) => Object.assign(claims, { nonce: 'another' }),
      token: (body) => {
        given = body;
      },
    });
    const { trace } = await house.refused(() => house.goAround());
    const kept = await house.server.inside(async ({ traces }) =>
      JSON.stringify(traces.recordedOf(await traces.find(trace))),
    );
    expect(kept).toContain(String(given.id_token).slice(0, 40));
    for (const name of ['access_token', 'refresh_token']) expect(kept).not.toContain(String(given[name]));
  });
});
