import { describe, expect, it } from '@jest/globals';
import { commonPasswords } from '../../src/features/credentials/common-passwords.js';
import { passwordProblem } from '../../src/features/credentials/password-policy.js';

describe('which passwords may be chosen (NIST SP 800-63B-4 §3.1.1)', () => {
  it.each([
    ['1234567', 'too_short'],
    ['😀😀😀😀', 'too_short'],
    ['x'.repeat(1025), 'too_long'],
    ['aaaaaaaaaaaa', 'repeated'],
    ['abababababab', 'repeated'],
    ['abcabcabcabc', 'repeated'],
    ['12345678', 'sequence'],
    ['87654321', 'sequence'],
    ['qwertyuiop', 'sequence'],
    ['hgfedcba', 'sequence'],
    ['Password1', 'common'],
    ['password2026!', 'common'],
    ['ｐａｓｓｗｏｒｄ', 'common'],
    ['correcthorsebatterystaple', 'common'],
    ['ada.lovelace@example.com', 'contains_email'],
    ['Ada.Lovelace99', 'contains_email'],
    ['Summer2026!', 'common'],
    ['correct horse battery', undefined],
    ['ada.lovelace walks by the sea', undefined],
    ['пароль для друзей', undefined],
    ['k9$Lq2vR', undefined],
    ['😀🎈🌊🦉🍏🚲🎻🧊', undefined],
    [`${'long '.repeat(204)}abcd`, undefined],
  ])('%j → %s', (password, expected) => {
    expect(passwordProblem(password, { email: 'ada.lovelace@example.com' })).toBe(expected);
  });

  it.each([
    ['lovelace99', 'contains_email'],
    ['Example!', 'contains_email'],
    ['AcmeTravel1', 'contains_name'],
    ['acme travel!!', 'contains_name'],
    ['travel2026', 'contains_name'],
    ['we travel to the acme of hills', undefined],
  ])('knows the words of where and for whom: %j → %s', (password, expected) => {
    const context = { email: 'ada.lovelace@example.com', names: ['Acme Travel'] };
    expect(passwordProblem(password, context)).toBe(expected);
  });

  it.each([
    ['k9$Lq2vRk9$Lq2', 'too_short'],
    ['k9$Lq2vRk9$Lq2v', undefined],
  ])('asks for the length of the tenant, counted in code points: %j → %s', (password, expected) => {
    expect(passwordProblem(password, { email: 'ada@example.com', minLength: 15 })).toBe(expected);
  });

  it('never asks for less than eight, whatever a tenant says', () => {
    expect(passwordProblem('k9$Lq2v', { email: 'ada@example.com', minLength: 1 })).toBe('too_short');
  });

  it('lists common passwords as they are compared', () => {
    expect([...commonPasswords].filter((one) => one !== one.toLowerCase().normalize('NFKC'))).toEqual([]);
  });
});
