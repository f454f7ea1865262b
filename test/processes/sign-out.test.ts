import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, readForm } from '../support/browser.js';
import {
  administrator,
  cookiesOf,
  crowd,
  isActive,
  type Manage,
  type Pair,
  redeemForm,
  refreshForm,
  rowsOf,
  type Silent,
  send,
  silently,
  startPair,
  whileHeld,
} from '../support/pair.js';
import { makeClient, makePerson, type Party, tokensFor } from '../support/party.js';

const rounds = 12;

type Person = Awaited<ReturnType<typeof makePerson>>;

interface SignedIn {
  user: Person;
  sessionUid: string;
  /** As every page is sent them. */
  cookie: string;
  browser: Browser;
  tokens: Record<string, string>;
}

describe('a session ends at one process while the other authorizes in it (OpenID Connect RP-Initiated Logout §2)', () => {
  let house: Pair;
  let manage: Manage;
  /** Where the session has been used, and where it has not. */
  let known: Party;
  let unknown: Party;

  beforeAll(async () => {
    house = await startPair();
    manage = await administrator(house);
    known = await makeClient(house.server, { consent_policy: 'implicit' });
    unknown = await makeClient(house.server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => house?.close());

  async function signInOnce(person?: Person): Promise<SignedIn> {
    const user = person ?? (await makePerson(house.server));
    const { browser, ...tokens } = await tokensFor(house.server, known, user.email);
    const [session] = await rowsOf<{ uid: string }>(
      house,
      'SELECT uid FROM sessions WHERE account_id = $1 AND ended_at IS NULL',
      user.id,
    );
    return { user, sessionUid: String(session?.uid), cookie: cookiesOf(browser), browser, tokens };
  }

  /** As a person does it: the page at one process, the answer to it at the other. @returns the answer, to be sent when it is time. */
  async function logoutForm({ cookie }: SignedIn): Promise<() => Promise<number>> {
    const page = await house.ask(0, '/logout', { headers: { cookie } });
    const { action, values } = readForm({
      url: `${house.issuer}/logout`,
      status: page.status,
      headers: page.headers,
      html: await page.text(),
    });
    const body = new URLSearchParams([...values.filter(([name]) => name !== 'logout'), ['logout', 'yes']]);
    const headers = { cookie, origin: house.issuer };
    return async () => (await house.ask(1, new URL(action).pathname, { method: 'POST', body, headers })).status;
  }

  const deleteSession = async ({ sessionUid }: SignedIn) => {
    return async () => (await manage(1, 'DELETE', `/sessions/${sessionUid}`)).status;
  };

  async function expectDead({ user, sessionUid, cookie, tokens }: SignedIn, raced: [Silent, Party][]): Promise<void> {
    const sessions = await rowsOf<{ uid: string; ended: boolean }>(
      house,
      'SELECT uid, ended_at IS NOT NULL AS ended FROM sessions WHERE account_id = $1',
      user.id,
    );
    expect(sessions).toContainEqual({ uid: sessionUid, ended: true });
    expect(sessions.filter(({ ended }) => !ended)).toEqual([]);

    for (const held of new Set([cookie, ...raced.map(([answer]) => answer.cookie)]))
      for (const process of [0, 1])
        expect(await silently(house, process, known, held)).toMatchObject({ error: 'login_required', code: undefined });

    const issued = [{ party: known, tokens }];
    for (const [{ code, proof }, party] of raced) {
      if (!code) continue;
      const { status, body } = await send(house, 0, '/token', party, redeemForm(party, code, proof));
      if (status === 200) issued.push({ party, tokens: body });
      else expect(body.error).toBe('invalid_grant');
    }
    for (const { party, tokens: held } of issued) {
      expect(await isActive(house, party, held.access_token, 0)).toBe(false);
      expect(await isActive(house, party, held.refresh_token, 1)).toBe(false);
      const refreshed = await send(house, 1, '/token', party, refreshForm(String(held.refresh_token)));
      expect(refreshed.body.error).toBe('invalid_grant');
    }
    const grants = await rowsOf(
      house,
      'SELECT client_id FROM grants WHERE account_id = $1 AND ended_at IS NULL',
      user.id,
    );
    expect(grants).toEqual([]);
  }

  describe.each([
    ['by the person, on the sign-out page', logoutForm, 303],
    ['by an administrator, through the management API', deleteSession, 204],
  ] as const)('%s', (_, prepare, expected) => {
    it(`stays dead, ${rounds} times of ${rounds}`, async () => {
      for (let round = 0; round < rounds; round += 1) {
        const signedIn = await signInOnce();
        const end = await prepare(signedIn);
        const parties = [known, unknown, known, unknown, known, unknown];
        const before = parties.slice(0, round % 6).map((party) => silently(house, 0, party, signedIn.cookie));
        const ended = end();
        const after = parties.slice(round % 6).map((party) => silently(house, 0, party, signedIn.cookie));
        const answers = await Promise.all([...before, ...after]);
        expect(await ended).toBe(expected);
        await expectDead(
          signedIn,
          answers.map((answer, index) => [answer, parties[index] ?? known]),
        );
      }
    }, 180_000);
  });

  /** The end has done all but record itself and commit when the authorization comes, which therefore reads the session alive. */
  async function authorizeWhileEnding(signedIn: SignedIn, party: Party): Promise<Silent> {
    const end = await deleteSession(signedIn);
    const lock: [string] = ['LOCK TABLE audit_events IN EXCLUSIVE MODE'];
    const [ended, answer] = await whileHeld(house, lock, 2, async (arrived) => {
      const ending = end();
      await arrived(1);
      return Promise.all([ending, silently(house, 0, party, signedIn.cookie)]);
    });
    expect(ended).toBe(204);
    return answer;
  }

  it('is not brought back by an authorization that had read it alive', async () => {
    const signedIn = await signInOnce();
    // Long enough ago that its idle end is to be moved: the authorization has nothing else to write.
    await rowsOf(
      house,
      `UPDATE sessions SET expires_at = expires_at - interval '10 minutes' WHERE uid = $1`,
      signedIn.sessionUid,
    );
    const answer = await authorizeWhileEnding(signedIn, known);
    expect(answer.code).toBeUndefined();
    await expectDead(signedIn, [[answer, known]]);
  });

  it('gets no grant any more for a client that was not used in it', async () => {
    const signedIn = await signInOnce();
    const answer = await authorizeWhileEnding(signedIn, unknown);
    expect(answer.code).toBeUndefined();
    await expectDead(signedIn, [[answer, unknown]]);
  });

  it('gets no grant any more for a client that was agreed to in an older one', async () => {
    const older = await signInOnce();
    await silently(house, 0, unknown, older.cookie);
    await (await deleteSession(older))();
    const signedIn = await signInOnce(older.user);
    const answer = await authorizeWhileEnding(signedIn, unknown);
    expect(answer.code).toBeUndefined();
    await expectDead(signedIn, [[answer, unknown]]);
  });

  it('takes a grant with it that an authorization has made and not yet entered in it', async () => {
    const older = await signInOnce();
    await silently(house, 0, unknown, older.cookie);
    await (await deleteSession(older))();
    const signedIn = await signInOnce(older.user);
    const end = await deleteSession(signedIn);
    // The authorization has its grant and waits to write the code, before the session; the end has done all but record itself.
    const lock: [string] = ['LOCK TABLE engine_rows, audit_events IN EXCLUSIVE MODE'];
    const [answer, ended] = await whileHeld(house, lock, 2, async (arrived) => {
      const authorizing = silently(house, 0, unknown, signedIn.cookie);
      await arrived(1);
      return Promise.all([authorizing, end()]);
    });
    expect(ended).toBe(204);
    await expectDead(signedIn, [[answer, unknown]]);
  });

  it('ends once, however often it is ended', async () => {
    const signedIn = await signInOnce();
    const ends = await Promise.all([logoutForm(signedIn), deleteSession(signedIn)]);
    await crowd(20, (index) => (ends[index % 2] as () => Promise<number>)());
    await expectDead(signedIn, []);
    const events = await rowsOf(
      house,
      `SELECT 1 FROM audit_events WHERE name = 'session.ended' AND data ->> 'session_id' = $1`,
      signedIn.sessionUid,
    );
    expect(events).toHaveLength(1);
  });
});
