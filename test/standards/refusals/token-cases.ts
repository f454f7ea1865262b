// A token request with one thing wrong, and what signs for a client or for a token: the check that fails, one line each.
import { randomUUID } from 'node:crypto';
import { pkce, redeem, refresh } from '../../support/party.js';
import { dpopKey, proofOf } from '../../support/proofs.js';
import {
  anotherKey,
  byAssertion,
  CANARY,
  type Change,
  codeFor,
  HELD,
  push,
  type Refused,
  type RefusedHouse,
  refreshTokenFor,
  signed,
  token,
} from '../../support/refused.js';

export interface Ask {
  check: string;
  error: string;
  ask(house: RefusedHouse): Promise<Refused>;
}

const machine = { grant_type: 'client_credentials' };
const secret = `${CANARY}-${'x'.repeat(40)}`;
const now = () => Math.floor(Date.now() / 1000);

/** A code of the party, redeemed with something else. @param asked what was asked for before. */
const redeemed =
  (party: 'web' | 'bound', change: Change, asked: Change = {}) =>
  async (house: RefusedHouse): Promise<Refused> => {
    const proof = pkce();
    const code = await codeFor(house, house.parties[party], proof, asked);
    const { redirectUri } = house.parties[party];
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: proof.verifier };
    return token(house, house.parties[party], { ...form, ...change });
  };

const plain = (check: string, error: string, form: Change, party: 'web' | 'narrow' = 'web'): Ask => ({
  check,
  error,
  ask: (house) => token(house, house.parties[party], form),
});

export const tokenRequests: readonly Ask[] = [
  plain('grant_type.present', 'invalid_request', {}),
  plain('grant_type.supported', 'unsupported_grant_type', { grant_type: 'password', username: CANARY }),
  plain('grant_type.allowed', 'invalid_request', machine, 'narrow'),
  plain('refresh_token.present', 'invalid_request', { grant_type: 'refresh_token' }),
  plain('code.present', 'invalid_request', { grant_type: 'authorization_code' }),
  plain('redirect_uri.present', 'invalid_request', { grant_type: 'authorization_code', code: CANARY }),
  plain('code.known', 'invalid_grant', {
    grant_type: 'authorization_code',
    code: CANARY,
    redirect_uri: 'https://rp.example/cb',
  }),
  plain('refresh_token.known', 'invalid_grant', { grant_type: 'refresh_token', refresh_token: CANARY }),
  plain('scope.syntax', 'invalid_scope', { ...machine, scope: 'a"b' }),
  plain('resource.registered', 'invalid_target', { ...machine, resource: 'https://api.example/' }),
  plain('resource.client', 'invalid_target', { ...machine, resource: HELD }),
  plain('parameter.once', 'invalid_request', { ...machine, scope: ['a', 'b'] }),
  {
    check: 'code.redirect_uri',
    error: 'invalid_grant',
    ask: redeemed('web', { redirect_uri: 'https://rp.example/other' }),
  },
  { check: 'pkce.verifier_present', error: 'invalid_grant', ask: redeemed('web', { code_verifier: undefined }) },
  { check: 'pkce.verifier', error: 'invalid_grant', ask: redeemed('web', { code_verifier: secret }) },
  { check: 'pkce.verifier_syntax', error: 'invalid_request', ask: redeemed('web', { code_verifier: CANARY }) },
  { check: 'resource.granted', error: 'invalid_target', ask: redeemed('web', { resource: 'https://other.example/' }) },
  { check: 'dpop.present', error: 'invalid_grant', ask: redeemed('bound', {}) },
  { check: 'dpop.present', error: 'invalid_grant', ask: redeemed('web', {}, { dpop_jkt: 'x'.repeat(43) }) },
  {
    check: 'code.once',
    error: 'invalid_grant',
    async ask(house) {
      const proof = pkce();
      const code = await codeFor(house, house.parties.web, proof);
      await redeem(house.server, house.parties.web, code, proof);
      return token(house, house.parties.web, {
        grant_type: 'authorization_code',
        code,
        redirect_uri: house.parties.web.redirectUri,
        code_verifier: proof.verifier,
      });
    },
  },
  {
    check: 'token.client',
    error: 'invalid_grant',
    async ask(house) {
      const refresh_token = await refreshTokenFor(house, house.parties.web);
      return token(house, house.parties.strict, { grant_type: 'refresh_token', refresh_token });
    },
  },
  {
    check: 'refresh_token.once',
    error: 'invalid_grant',
    async ask(house) {
      const refresh_token = await refreshTokenFor(house, house.parties.strict);
      await refresh(house.server, house.parties.strict, refresh_token);
      return token(house, house.parties.strict, { grant_type: 'refresh_token', refresh_token });
    },
  },
  {
    check: 'refresh_token.same_request',
    error: 'invalid_grant',
    async ask(house) {
      const refresh_token = await refreshTokenFor(house, house.parties.web);
      await refresh(house.server, house.parties.web, refresh_token);
      return token(house, house.parties.web, { grant_type: 'refresh_token', refresh_token, scope: 'openid' });
    },
  },
  {
    check: 'refresh_token.scope',
    error: 'invalid_scope',
    async ask(house) {
      const refresh_token = await refreshTokenFor(house, house.parties.web);
      return token(house, house.parties.web, { grant_type: 'refresh_token', refresh_token, scope: 'openid phone' });
    },
  },
  {
    check: 'dpop.jkt_of_code',
    error: 'invalid_grant',
    async ask(house) {
      const proof = pkce();
      const code = await codeFor(house, house.parties.web, proof, { dpop_jkt: 'x'.repeat(43) });
      const form = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: house.parties.web.redirectUri,
        code_verifier: proof.verifier,
      };
      return token(house, house.parties.web, form, { dpop: await proofOf(house.key, at(house, '/token')) });
    },
  },
];

type Request = (
  house: RefusedHouse,
  party: keyof RefusedHouse['parties'],
  more: Change,
  headers?: Record<string, string>,
) => Promise<Refused>;

/** Where clients say who they are: at both alike. */
export const endpoints: readonly [string, Request][] = [
  ['/token', (house, party, more, headers) => token(house, house.parties[party], { ...machine, ...more }, headers)],
  ['/par', (house, party, more, headers) => push(house, house.parties[party], more, headers)],
];

interface Authenticating {
  check: string;
  error: string;
  /** @param request by which it is asked, wrongly. */
  ask(house: RefusedHouse, request: Request, endpoint: string): Promise<Refused>;
}

const assertion = (
  check: string,
  claims: Record<string, unknown> | (() => Record<string, unknown>),
  signing: { header?: object; stranger?: string } = {},
): Authenticating => ({
  check,
  error: 'invalid_client',
  async ask(house, request) {
    const { signer } = house.parties;
    const said = { sub: signer.clientId, ...(typeof claims === 'function' ? claims() : claims) };
    const key = signing.stranger ? await anotherKey(signing.stranger) : house.key;
    return request(
      house,
      'signer',
      byAssertion(await signed(house, signer, said, { header: signing.header ?? {}, key })),
    );
  },
});

const at = ({ server }: RefusedHouse, path: string) => ({ htm: 'POST', htu: `${server.issuer}${path}` });

const proof = (check: string, claims: Record<string, unknown>, error = 'invalid_dpop_proof'): Authenticating => ({
  check,
  error,
  ask: async (house, request, path) =>
    request(house, 'web', {}, { dpop: await proofOf(house.key, { ...at(house, path), ...claims }) }),
});

export const authentications: readonly Authenticating[] = [
  { check: 'client.method', error: 'invalid_client', ask: (house, request) => request(house, 'signer', {}) },
  {
    check: 'client.method',
    error: 'invalid_client',
    ask: (house, request) => request(house, 'web', { client_id: house.parties.web.clientId }, { anonymous: '1' }),
  },
  {
    check: 'client.secret',
    error: 'invalid_client',
    ask: (house, request) =>
      request(house, 'web', { client_id: house.parties.web.clientId, client_secret: secret }, { anonymous: '1' }),
  },
  assertion('assertion.alg', {}, { header: { alg: 'EdDSA' }, stranger: 'EdDSA' }),
  assertion('assertion.exp_present', { exp: undefined }),
  assertion('assertion.jti_present', { jti: undefined }),
  assertion('assertion.iss_present', { iss: undefined }),
  assertion('assertion.iss', { iss: 'https://somebody.example' }),
  assertion('assertion.aud_present', { aud: undefined }),
  assertion('assertion.aud', { aud: 'https://other.example' }),
  assertion('assertion.aud', { aud: ['https://other.example'] }),
  assertion('assertion.issued', () => ({ iat: now() + 600, exp: now() + 660 })),
  assertion('assertion.lifetime', () => ({ exp: now() + 86_400 })),
  assertion('assertion.time', () => ({ iat: now() - 600, exp: now() - 540 })),
  assertion('assertion.signature', {}, { stranger: 'ES256' }),
  assertion('assertion.signature', {}, { header: { kid: 'another' } }),
  {
    check: 'assertion.once',
    error: 'invalid_client',
    async ask(house, request) {
      const { signer } = house.parties;
      const once = byAssertion(await signed(house, signer, { sub: signer.clientId, jti: randomUUID() }));
      await request(house, 'signer', once);
      return request(house, 'signer', once);
    },
  },
  {
    check: 'keys.fetched',
    error: 'invalid_client',
    async ask(house, request) {
      const { fetched } = house.parties;
      return request(house, 'fetched', byAssertion(await signed(house, fetched, { sub: fetched.clientId })));
    },
  },
  proof('dpop.htm', { htm: 'GET' }),
  proof('dpop.htu', { htu: 'https://other.example/token' }),
  proof('dpop.jti_present', { jti: undefined }),
  proof('dpop.iat_present', { iat: undefined }),
  proof('dpop.nonce_text', { nonce: 1 }),
  {
    check: 'dpop.proof',
    error: 'invalid_dpop_proof',
    async ask(house, request, path) {
      const { jwk } = await dpopKey();
      return request(house, 'web', {}, { dpop: await proofOf({ ...house.key, jwk }, at(house, path)) });
    },
  },
];
