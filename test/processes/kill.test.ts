import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  cookiesOf,
  crowd,
  grantOf,
  isActive,
  type Pair,
  redeemForm,
  refreshForm,
  rowsOf,
  type Silent,
  send,
  silently,
  startPair,
} from '../support/pair.js';
import { makeClient, makePerson, type Party, type TokenAnswer, tokensFor } from '../support/party.js';

const people = 10;
const clients = 20;

interface Authorized extends Silent {
  code: string;
  party: Party;
}

const inFlight = 40;

/**
 * Sends them to one process, a few dozen at a time, and kills it at a given answer: some are then in the middle, and the
 * rest find it gone, however fast it is.
 * @returns the answers that came whole.
 */
async function killedInTheMiddle(
  house: Pair,
  index: number,
  work: (() => Promise<TokenAnswer>)[],
  after: number,
): Promise<(TokenAnswer | undefined)[]> {
  const { child } = house.members[index] as (typeof house.members)[number];
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const answers: (TokenAnswer | undefined)[] = work.map(() => undefined);
  const waiting = [...work.entries()];
  let whole = 0;
  const sendOneByOne = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [at, one] = next;
      answers[at] = await one().catch(() => undefined);
      if (answers[at] && ++whole === after) child.kill('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sendOneByOne));
  await gone;
  return answers;
}

describe('a process is killed in the middle of two hundred requests (kill -9)', () => {
  let house: Pair;
  let entrance: Party;
  let parties: Party[];

  beforeAll(async () => {
    house = await startPair();
    entrance = await makeClient(house.server, { consent_policy: 'implicit' });
    parties = await crowd(clients, () => makeClient(house.server, { consent_policy: 'implicit', refresh_grace: 120 }));
  }, 180_000);
  afterAll(() => house?.close());

  /** Each on a grant of its own, so that what ends one says nothing about another. */
  async function authorize(): Promise<Authorized[]> {
    const all = await crowd(people, async () => {
      const { email } = await makePerson(house.server);
      const { browser } = await tokensFor(house.server, entrance, email);
      const authorized: Authorized[] = [];
      for (const [index, party] of parties.entries()) {
        const answer = await silently(house, index, party, cookiesOf(browser));
        authorized.push({ ...answer, code: String(answer.code), party });
      }
      return authorized;
    });
    return all.flat();
  }

  const redeem = (index: number, { party, code, proof }: Authorized) =>
    send(house, index, '/token', party, redeemForm(party, code, proof));

  const tokensOn = async (grantId: string, kind: string): Promise<number> =>
    (await rowsOf(house, 'SELECT 1 FROM engine_rows WHERE grant_id = $1 AND kind = $2', grantId, kind)).length;

  /** In place of the one that was killed. */
  async function replace(index: number): Promise<void> {
    const member = await house.spawn();
    house.members.splice(house.members.indexOf(member), 1);
    house.members[index] = member;
  }

  it('and every code it acknowledged is spent with its tokens alive, and every other works once or is spent (RFC 6749 §4.1.2)', async () => {
    const codes = await authorize();
    const work = codes.map((one) => () => redeem(0, one));
    const answers = await killedInTheMiddle(house, 0, work, 60);
    await replace(0);

    const acknowledged = codes.flatMap((one, index) => {
      const answer = answers[index];
      return answer ? [{ one, answer }] : [];
    });
    const lost = codes.filter((_, index) => answers[index] === undefined);
    expect(acknowledged.length).toBeGreaterThanOrEqual(60);
    expect(lost.length).toBeGreaterThan(0);

    await Promise.all(
      acknowledged.map(async ({ one, answer }, index) => {
        expect(answer.status).toBe(200);
        const { access_token, refresh_token } = answer.body;
        expect(await isActive(house, one.party, access_token, index)).toBe(true);
        const next = await send(house, index, '/token', one.party, refreshForm(String(refresh_token)));
        expect(next.status).toBe(200);
        const again = await redeem(index, one);
        expect(again.body.error).toBe('invalid_grant');
      }),
    );
    await Promise.all(
      lost.map(async (one, index) => {
        const grantId = await grantOf(house, 'AuthorizationCode', one.code);
        const written = await tokensOn(grantId, 'AccessToken');
        const retried = await redeem(index, one);
        // Nothing was written and it works, or all was written and it is spent: never a part.
        expect([written, retried.status]).toEqual(written === 0 ? [0, 200] : [1, 400]);
        expect(await tokensOn(grantId, 'RefreshToken')).toBe(1);
        expect((await redeem(index + 1, one)).body.error).toBe('invalid_grant');
      }),
    );
  }, 180_000);

  it('and every refresh retried within its window gets one successor, the acknowledged ones the same (RFC 9700 §4.14.2)', async () => {
    const codes = await authorize();
    const held = await Promise.all(
      codes.map(async (one, index) => {
        const { status, body } = await redeem(index, one);
        expect(status).toBe(200);
        return { party: one.party, token: String(body.refresh_token) };
      }),
    );
    const use = (index: number, { party, token }: (typeof held)[number]) =>
      send(house, index, '/token', party, refreshForm(token));
    const answers = await killedInTheMiddle(
      house,
      1,
      held.map((one) => () => use(1, one)),
      60,
    );
    await replace(1);
    expect(answers.filter((answer) => answer === undefined).length).toBeGreaterThan(0);

    await Promise.all(
      held.map(async (one, index) => {
        const [first, second] = [await use(index, one), await use(index + 1, one)];
        expect([first.status, second.status]).toEqual([200, 200]);
        expect(second.body).toEqual(first.body);
        const acknowledged = answers[index];
        if (acknowledged) expect(first.body).toEqual(acknowledged.body);
        expect(await tokensOn(await grantOf(house, 'RefreshToken', one.token), 'RefreshToken')).toBe(2);
        expect(await isActive(house, one.party, first.body.access_token, index)).toBe(true);
      }),
    );
  }, 180_000);
});
