import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
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
  type Pkce,
  pkce,
  signIn,
  type TokenAnswer,
} from '../support/party.js';

describe('one authorization code, redeemed at two processes at once', () => {
  let house: Pair;
  let party: Party;
  let code: string;
  let proof: Pkce;

  beforeAll(async () => {
    house = await startPair();
    party = await makeClient(house.server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => house?.close());
  beforeEach(async () => {
    const { email } = await makePerson(house.server);
    proof = pkce();
    code = codeOf(await signIn(new Browser(), authorizationUrl(house.server, party, proof), email));
  });

  const redeemAt = (index: number, by = party, { verifier } = proof) =>
    send(house, index, '/token', by, { ...redeemForm(party, code, proof), code_verifier: verifier });

  /** RFC 6749 §4.1.2: the code is used once, and tokens issued for it are revoked when it comes again. */
  async function expectOneWinner(answers: TokenAnswer[]): Promise<void> {
    const [winner, ...more] = answers.filter(({ status }) => status === 200);
    expect(more).toEqual([]);
    const others = answers.filter((answer) => answer !== winner);
    expect(others.map(({ status, body }) => `${status} ${body.error}`)).toEqual(others.map(() => '400 invalid_grant'));

    const { access_token, refresh_token } = winner?.body ?? {};
    for (const process of [0, 1]) {
      expect(await isActive(house, party, access_token, process)).toBe(false);
      const refreshed = await send(house, process, '/token', party, refreshForm(String(refresh_token)));
      expect(refreshed.body.error).toBe('invalid_grant');
      const userinfo = await house.ask(process, '/userinfo', { headers: { authorization: `Bearer ${access_token}` } });
      expect(userinfo.status).toBe(401);
    }
    const grantId = await grantOf(house, 'AuthorizationCode', code);
    expect(await audited(house, 'authorization_code.reused', grantId)).toBe(1);
    expect(await audited(house, 'grant.revoked', grantId)).toBe(1);
    const tokens = await rowsOf(
      house,
      `SELECT kind FROM engine_rows WHERE grant_id = $1 AND kind <> 'AuthorizationCode' ORDER BY kind`,
      grantId,
    );
    expect(tokens).toEqual([{ kind: 'AccessToken' }, { kind: 'RefreshToken' }]);
  }

  it('buys tokens once of fifty times, and its reuse revokes them (RFC 6749 §4.1.2)', async () => {
    await expectOneWinner(await crowd(50, (index) => redeemAt(index)));
  });

  it.each([2, 50])('buys tokens once when all %i have read it unspent (RFC 9700 §4.5)', async (count) => {
    const lock = rowLock('AuthorizationCode', code);
    const all = () => crowd(count, (index) => redeemAt(index));
    await expectOneWinner(await whileHeld(house, lock, Math.min(count, 10), all));
  });

  it('is not burnt by a client it was not issued to, nor by a wrong code_verifier (RFC 6749 §5.2, RFC 7636 §4.6)', async () => {
    const other = await makeClient(house.server);
    const answers = await crowd(50, (index) =>
      index % 4 < 2 ? redeemAt(index, other) : redeemAt(index, party, pkce()),
    );
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.error}`))).toEqual(
      new Set(['400 invalid_grant']),
    );
    const { status, body } = await redeemAt(1);
    expect(status).toBe(200);
    expect(await isActive(house, party, body.access_token)).toBe(true);
  });
});
