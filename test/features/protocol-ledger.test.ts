import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Proof } from '../../src/features/authentication/assurance.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { openProtocolHouse, type ProtocolHouse, stores } from './protocol-house.js';

const newHandle = () => randomBytes(24).toString('base64url');
const proof = (method: Proof['method'], at = 1000): Proof => ({ method, at });

describe.each(stores.filter((store) => store !== 'postgres+redis'))('the ledger of a session, on %s', (store) => {
  let house: ProtocolHouse;
  let accountId: string;
  let uid: string;

  beforeAll(async () => {
    house = await openProtocolHouse(store);
  });
  afterAll(() => house?.close());
  beforeEach(async () => {
    accountId = (await house.newUser()).id;
    uid = newHandle();
  });

  /** As a request does that ends a sign-in, unless nothing was proved in it. */
  const save = (proofs: Proof[] | undefined, more: object = {}) => {
    const request = new ProtocolRequest();
    Object.assign(request, { proofs, signedIn: proofs !== undefined });
    const payload = { uid, accountId, loginTs: 1000, iat: house.nowSeconds(), exp: house.nowSeconds() + 3600, ...more };
    return house.inside(() => house.protocol.sessions.save(request, newHandle(), payload));
  };
  const ledger = async (which = uid): Promise<Proof[] | undefined> =>
    (await house.inside(() => house.protocol.sessions.findByUid(new ProtocolRequest(), which)))?.proofs as never;

  it('holds what was proved, and what is proved later is added: a sign-in anew takes nothing away', async () => {
    await save([proof('password'), proof('totp', 1010)]);
    await save([proof('password', 2000)], { loginTs: 2000 });
    expect(await ledger()).toEqual([proof('password', 2000), proof('totp', 1010), proof('password')]);
  });

  it('holds what two tabs add at once', async () => {
    await save([proof('password')]);
    await Promise.all([
      save([proof('password'), proof('totp', 1010)]),
      save([proof('password'), proof('passkey', 1011)]),
      save(undefined, { authorizations: { a: {} } }),
    ]);
    expect(await ledger()).toEqual([proof('passkey', 1011), proof('totp', 1010), proof('password')]);
  });

  it('stays as it is where nothing is proved', async () => {
    await save([proof('password')]);
    await save(undefined, { authorizations: { a: {} } });
    expect(await ledger()).toEqual([proof('password')]);
  });

  it('keeps the newest of many', async () => {
    for (let at = 1000; at < 1040; at += 1) await save([proof('password', at)], { loginTs: at });
    const kept = (await ledger()) ?? [];
    expect([kept.length, kept.at(0)?.at, kept.at(-1)?.at]).toEqual([32, 1039, 1008]);
  });

  it('keeps of many the newest of each kind, and what the last sign-in began with', async () => {
    const began = [proof('password'), proof('totp', 1010)];
    const later = Array.from({ length: 60 }, (_one, n) => proof('password', 2000 + n));
    for (const one of later) await save([...began, one]);
    const kept = (await ledger()) ?? [];
    expect(kept).toHaveLength(32);
    expect(kept).toEqual(expect.arrayContaining([...began, ...later.slice(-30)]));
  });

  it('holds nothing of before where the session was shown from elsewhere', async () => {
    await save([proof('password'), proof('totp', 1010)]);
    const handle = newHandle();
    const payload = { uid, accountId, loginTs: 2000, iat: house.nowSeconds(), exp: house.nowSeconds() + 3600 };
    await house.inside(() =>
      house.protocol.sessions.save(new ProtocolRequest(), handle, { ...payload, loginTs: 1000 }),
    );
    const request = Object.assign(new ProtocolRequest(), { proofs: [proof('password', 2000)], signedIn: true });
    await house.inside(() => house.protocol.sessions.find(request, handle));
    Object.assign(request.session ?? {}, { moved: true });
    await house.inside(() => house.protocol.sessions.save(request, newHandle(), payload));
    expect(await ledger()).toEqual([proof('password', 2000)]);
  });

  it('is of one account: another inherits nothing of it', async () => {
    await save([proof('password')]);
    const other = await house.newUser();
    await save([proof('email_code')], { accountId: other.id }).catch(() => undefined);
    expect(await ledger()).toEqual([proof('password')]);
    await save([proof('email_code')], { uid: `${uid}2`, accountId: other.id });
    expect(await ledger(`${uid}2`)).toEqual([proof('email_code')]);
  });

  it('is added to no session that has ended', async () => {
    await save([proof('password')]);
    await house.inside(() => house.protocol.sessions.end(new ProtocolRequest(), uid, 'logout'));
    await expect(save([proof('totp')])).rejects.toThrow('the session has ended');
    const rows = await house.db.manager.query('SELECT proofs FROM sessions WHERE uid = $1', [uid]);
    expect(rows).toEqual([{ proofs: [proof('password')] }]);
  });

  it('is no reason to write a session that did not change', async () => {
    await save([proof('password')]);
    const handle = newHandle();
    await house.inside(() =>
      house.protocol.sessions.save(new ProtocolRequest(), handle, {
        ...{ uid, accountId, loginTs: 1000, iat: house.nowSeconds(), exp: house.nowSeconds() + 3600 },
      }),
    );
    const request = new ProtocolRequest();
    const found = await house.inside(() => house.protocol.sessions.find(request, handle));
    expect(found?.proofs).toEqual([proof('password')]);
    const { proofs, jti, ...payload } = found ?? {};
    expect(house.protocol.sessions.isUnchanged(request, payload, Number(found?.exp))).toBe(true);
  });
});
