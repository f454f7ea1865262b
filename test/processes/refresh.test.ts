import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { handleHash } from '../../src/features/protocol/handles.js';
import { Browser } from '../support/browser.js';
import {
  audited,
  crowd,
  grantOf,
  isActive,
  type Pair,
  redeemForm,
  refreshForm,
  rowLock,
  rowsOf,
  send,
  startPair,
  whileHeld,
} from '../support/pair.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  signIn,
  tokensFor,
} from '../support/party.js';
import { type DpopKey, dpopKey, proofOf } from '../support/proofs.js';

describe('one refresh token, used at two processes at once', () => {
  let house: Pair;
  let party: Party;

  beforeAll(async () => {
    house = await startPair();
    party = await makeClient(house.server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => house?.close());

  async function refreshTokenOf(at: Party): Promise<string> {
    const { email } = await makePerson(house.server);
    return String((await tokensFor(house.server, at, email)).refresh_token);
  }

  const use = (index: number, token: string, by = party, more: Record<string, string> = {}, headers = {}) =>
    send(house, index, '/token', by, refreshForm(token, more), headers);

  const successors = async (token: string) =>
    (
      await rowsOf(
        house,
        `SELECT 1 FROM engine_rows WHERE kind = 'RefreshToken' AND grant_id = $1 AND handle_hash <> $2`,
        await grantOf(house, 'RefreshToken', token),
        handleHash('RefreshToken', token),
      )
    ).length;

  const familyIsRevoked = async (token: string, accessToken: unknown, at = party) => {
    const grantId = await grantOf(house, 'RefreshToken', token);
    for (const process of [0, 1]) expect(await isActive(house, at, accessToken, process)).toBe(false);
    expect(await audited(house, 'grant.revoked', grantId)).toBe(1);
    expect(await audited(house, 'token.reused', grantId)).toBe(1);
  };

  describe('within its window', () => {
    it('gives fifty identical answers and one successor', async () => {
      const token = await refreshTokenOf(party);
      const answers = await crowd(50, (index) => use(index, token));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
      expect(await successors(token)).toBe(1);
      expect(await isActive(house, party, answers[0]?.body.access_token)).toBe(true);
    });

    it('gives fifty identical answers and one successor when all have read it unspent', async () => {
      const token = await refreshTokenOf(party);
      const lock = rowLock('RefreshToken', token);
      const answers = await whileHeld(house, lock, 10, () => crowd(50, (index) => use(index, token)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
      expect(await successors(token)).toBe(1);
      const next = await use(1, String(answers[0]?.body.refresh_token));
      expect(next.status).toBe(200);
    });

    it('refuses another client and a wrong secret, and nothing is burnt (RFC 6749 §6)', async () => {
      const token = await refreshTokenOf(party);
      const other = await makeClient(house.server);
      const impostor = { ...party, clientSecret: 'wrong' };
      const first = await use(0, token);
      const refused = await crowd(20, (index) => use(index, token, index % 4 < 2 ? other : impostor));
      expect(new Set(refused.map(({ status, body }) => `${status} ${body.error}`))).toEqual(
        new Set(['400 invalid_grant', '401 invalid_client']),
      );
      expect((await use(1, token)).body).toEqual(first.body);
      expect(await isActive(house, party, first.body.access_token)).toBe(true);
    });

    it('revokes the family when it asks for another scope (RFC 6749 §6, RFC 9700 §4.14.2)', async () => {
      const token = await refreshTokenOf(party);
      const first = await use(0, token);
      const again = await use(1, token, party, { scope: 'openid' });
      expect(`${again.status} ${again.body.error}`).toBe('400 invalid_grant');
      await familyIsRevoked(token, first.body.access_token);
    });

    it('revokes the family when it asks for another resource (RFC 8707 §2.2)', async () => {
      const identifier = 'https://api.example/orders';
      await house.inside(({ resources }) =>
        resources.create({ identifier, name: 'Orders', scopes: [{ name: 'orders:read' }] } as never),
      );
      const token = await refreshTokenOf(party);
      const first = await use(0, token);
      const again = await use(1, token, party, { resource: identifier });
      expect(again.status).toBe(400);
      await familyIsRevoked(token, first.body.access_token);
    });
  });

  describe('bound to a key (RFC 9449 §5)', () => {
    let app: Party;
    let key: DpopKey;
    beforeAll(async () => {
      app = await makeClient(house.server, {
        consent_policy: 'implicit',
        token_endpoint_auth_method: 'none',
        dpop_bound_access_tokens: true,
      });
      key = await dpopKey();
    });

    const at = () => ({ htm: 'POST', htu: `${house.issuer}/token` });
    const proved = async (index: number, token: string, by = key) =>
      use(index, token, app, {}, { dpop: await proofOf(by, at()) });

    async function boundToken(): Promise<string> {
      const { email } = await makePerson(house.server);
      const pair = pkce();
      const code = codeOf(await signIn(new Browser(), authorizationUrl(house.server, app, pair), email));
      const headers = { dpop: await proofOf(key, at()) };
      const { body } = await send(house, 0, '/token', app, redeemForm(app, code, pair), headers);
      return String(body.refresh_token);
    }

    it('gives fifty identical answers to fifty proofs of its key', async () => {
      const token = await boundToken();
      const answers = await crowd(50, (index) => proved(index, token));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
      expect(await successors(token)).toBe(1);
    });

    it('refuses another key and no proof, before and after it was used, and nothing is burnt', async () => {
      const token = await boundToken();
      const other = await dpopKey();
      const attack = () => crowd(20, (index) => (index % 4 < 2 ? proved(index, token, other) : use(index, token, app)));
      const before = await attack();
      const first = await proved(0, token);
      expect(first.status).toBe(200);
      const after = await attack();
      expect([...before, ...after].map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 400));
      expect([...before, ...after].filter(({ body }) => body.access_token)).toEqual([]);
      expect((await proved(1, token)).body).toEqual(first.body);
      expect((await proved(0, String(first.body.refresh_token))).status).toBe(200);
    });
  });

  it('is answered again to the key it was answered to, and to no other (RFC 9449 §5)', async () => {
    const token = await refreshTokenOf(party);
    const [key, other] = [await dpopKey(), await dpopKey()];
    const claims = { htm: 'POST', htu: `${house.issuer}/token` };
    const proved = async (index: number, by: DpopKey) =>
      use(index, token, party, {}, { dpop: await proofOf(by, claims) });
    const first = await proved(0, key);
    expect(first.body.token_type).toBe('DPoP');
    const refused = [await proved(1, other), await use(0, token)];
    expect(refused.map(({ status, body }) => `${status} ${body.error}`)).toEqual(
      refused.map(() => '400 invalid_grant'),
    );
    expect((await proved(1, key)).body).toEqual(first.body);
    expect(await isActive(house, party, first.body.access_token)).toBe(true);
  });

  describe('outside its window', () => {
    const age = (token: string) =>
      rowsOf(
        house,
        `UPDATE engine_rows SET consumed_at = consumed_at - interval '1 minute', answer_until = answer_until - interval '1 minute'
          WHERE handle_hash = $1`,
        handleHash('RefreshToken', token),
      );

    it('revokes the family once, however often it comes late, and says so (RFC 9700 §4.14.2)', async () => {
      const token = await refreshTokenOf(party);
      const first = await use(0, token);
      await age(token);
      const late = await crowd(20, (index) => use(index, token));
      expect(late.map(({ status, body }) => `${status} ${body.error}`)).toEqual(late.map(() => '400 invalid_grant'));
      expect((await use(0, String(first.body.refresh_token))).body.error).toBe('invalid_grant');
      await familyIsRevoked(token, first.body.access_token);
    });

    it('is not revoked by another client that presents it late (RFC 6749 §6)', async () => {
      const token = await refreshTokenOf(party);
      const first = await use(0, token);
      await age(token);
      const other = await makeClient(house.server);
      const late = await crowd(10, (index) => use(index, token, other));
      expect(late.map(({ body }) => body.error)).toEqual(late.map(() => 'invalid_grant'));
      expect(await isActive(house, party, first.body.access_token, 1)).toBe(true);
    });
  });

  describe('of a client without a window (refresh_grace: 0)', () => {
    let strict: Party;
    beforeAll(async () => {
      strict = await makeClient(house.server, { consent_policy: 'implicit', refresh_grace: 0 });
    });

    it('gives at most one answer of fifty, and the family is revoked (RFC 9700 §4.14.2)', async () => {
      const token = await refreshTokenOf(strict);
      const lock = rowLock('RefreshToken', token);
      const answers = await whileHeld(house, lock, 10, () => crowd(50, (index) => use(index, token, strict)));
      const won = answers.filter(({ status }) => status === 200);
      expect(won).toHaveLength(1);
      expect(answers.filter(({ body }) => body.error === 'invalid_grant')).toHaveLength(49);
      expect(await successors(token)).toBe(1);
      await familyIsRevoked(token, won[0]?.body.access_token, strict);
    });
  });
});
