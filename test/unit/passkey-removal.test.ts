import { describe, expect, it } from '@jest/globals';
import { isLastWayIn, type WaysIn } from '../../src/features/credentials/passkey-removal.js';

const unlocked = { uvInitialized: true };
const plain = { uvInitialized: false };
const nothingElse: WaysIn = { firstFactors: ['password', 'passkey'], password: false, mailbox: false };

describe('the last way in stays', () => {
  it.each([
    ['the only one, and nothing else', unlocked, [], nothingElse, true],
    ['another one stays', unlocked, [unlocked], nothingElse, false],
    ['the other one never comes first', unlocked, [plain], nothingElse, true],
    ['it never comes first itself', plain, [], nothingElse, false],
    ['a password stays', unlocked, [], { ...nothingElse, password: true }, false],
    [
      'a password that opens nothing here',
      unlocked,
      [],
      { ...nothingElse, password: true, firstFactors: ['passkey'] },
      true,
    ],
    ['a mailbox that opens nothing here', unlocked, [], { ...nothingElse, mailbox: true }, true],
    ['a mailbox', unlocked, [], { ...nothingElse, mailbox: true, firstFactors: ['passkey', 'magic_link'] }, false],
    ['an unproved mailbox', unlocked, [], { ...nothingElse, firstFactors: ['passkey', 'email_code'] }, true],
    ['passkeys open nothing here', unlocked, [], { ...nothingElse, firstFactors: ['password'] }, false],
  ] as const)('%s', (_name, passkey, others, ways, expected) => {
    expect(isLastWayIn(passkey, others, ways)).toBe(expected);
  });
});
