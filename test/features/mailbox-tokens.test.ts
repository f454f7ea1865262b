import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import {
  type LinkPurpose,
  type OneTimePurposes,
  type Purpose,
  TTL_SECONDS,
} from '../../src/features/one-time-tokens/one-time-purposes.js';
import { kinds } from '../support/postgres.js';
import { MailboxHouse } from './mailbox-house.js';

const password = 'quiet river stone';

describe.each(kinds)('tokens that go through a mailbox (%s)', (kind) => {
  const box = new MailboxHouse(kind);
  beforeAll(() => box.open(), 60_000);
  afterEach(() => void jest.restoreAllMocks());
  afterAll(() => box.house.close());

  describe('one-time tokens (RFC 9700 §4, one purpose, one flow, one use)', () => {
    const flow = 'flow-a';
    const verbs: Record<string, { purpose: Purpose; accepts: (token: string) => Promise<unknown> }> = {
      'SetupService.complete': {
        purpose: 'setup',
        accepts: (token) => box.house.oneTimeTokens.consume('setup', token),
      },
      'PasswordLinks.redeem': {
        purpose: 'password_reset',
        accepts: (token) => box.house.links.redeem(token, password),
      },
      'EmailVerification.confirm': {
        purpose: 'email_verification',
        accepts: (token) => box.house.verification.confirm(token, { flow }),
      },
      'MagicLinks.open': { purpose: 'magic_link', accepts: (token) => box.house.magicLinks.open(token, flow) },
    };
    const given = (purpose: Purpose, userId: string, email: string): Promise<string> => {
      const data = { email, from: email, to: email } as never;
      if (purpose === 'email_code')
        return box.house.codes.issue({ subject: userId, key: 'k', user: undefined, to: email, email }, flow);
      const bound = purpose === 'magic_link' || purpose === 'email_change' ? { flow } : {};
      return box.house.oneTimeTokens.issue(purpose as LinkPurpose, userId, { data, ...bound } as never);
    };

    it.each(Object.keys(TTL_SECONDS) as (keyof OneTimePurposes)[])('%s is accepted by its own verb alone', (purpose) =>
      box.inside(async () => {
        const user = await box.person();
        const token = await given(purpose, user.id, user.emailNormalized);
        const accepted: string[] = [];
        for (const [name, verb] of Object.entries(verbs)) {
          if (verb.purpose === purpose) continue;
          const answer = await verb.accepts(token).catch(() => undefined);
          if (answer) accepted.push(name);
        }
        for (const other of Object.keys(TTL_SECONDS) as LinkPurpose[]) {
          if (other === purpose) continue;
          expect(await box.house.oneTimeTokens.peek(other, token)).toBeUndefined();
          const bound = [{ flow }] as never;
          expect(await box.house.oneTimeTokens.consume(other, token, ...(bound as [{ flow: string }]))).toBeUndefined();
        }
        const code = await box.house.codes.verify(user.email, flow, token);
        if (purpose !== 'email_code') expect(code.outcome).not.toBe('ok');
        expect(accepted).toEqual([]);
        const own = Object.values(verbs).find((verb) => verb.purpose === purpose);
        if (own) expect(await own.accepts(token)).toBeTruthy();
      }),
    );

    it('every purpose is taken in one place of the sources at most', () => {
      const takers = new Map<string, string[]>();
      const root = path.join(projectRoot, 'src');
      for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.ts'),
      ))
        for (const [, purpose = ''] of readFileSync(path.join(root, file), 'utf8').matchAll(
          /\b(?:consume|tryCode)\(\s*'(\w+)'/g,
        ))
          takers.set(purpose, [...(takers.get(purpose) ?? []), file]);
      const built = ['email_code', 'email_verification', 'magic_link', 'password_reset', 'setup'];
      expect([...takers.keys()]).toEqual(expect.arrayContaining(built));
      for (const [purpose, files] of takers) expect({ purpose, files: files.length }).toEqual({ purpose, files: 1 });
      for (const purpose of takers.keys()) expect(Object.keys(TTL_SECONDS)).toContain(purpose);
    });

    it('is nothing in another flow, and is not burnt there', () =>
      box.inside(async () => {
        const token = await box.house.oneTimeTokens.issue('magic_link', 'x', { flow, data: { email: 'x' } });
        expect(await box.house.oneTimeTokens.consume('magic_link', token, { flow: 'flow-b' })).toBeUndefined();
        expect(await box.house.oneTimeTokens.consume('magic_link', token, { flow })).toMatchObject({ flow });
      }));

    it('dies with the password', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.magicLinks.send(user.email, flow);
        const { token } = await box.letter();
        await box.house.codes.send(user.email, flow);
        const { code } = await box.letter();
        await box.house.passwords.set(user, password);
        await expect(box.house.magicLinks.open(token, flow)).rejects.toMatchObject({ code: 'invalid_link' });
        expect((await box.house.codes.verify(user.email, flow, code)).outcome).toBe('gone');
      }));

    it('dies with the address', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.magicLinks.send(user.email, flow);
        const { token } = await box.letter();
        await box.house.codes.send(user.email, flow);
        const { code } = await box.letter();
        await box.house.verification.resend(user.email);
        const email = box.someone();
        await box.house.users.update(user, { email });
        await expect(box.house.magicLinks.open(token, flow)).rejects.toMatchObject({ code: 'invalid_link' });
        for (const name of [user.email, email])
          expect((await box.house.codes.verify(name, flow, code)).outcome).not.toBe('ok');
      }));
  });
});
