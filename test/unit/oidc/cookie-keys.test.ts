// Cookies of the engine: signed with the newest key, believed with each of them, and by the letter what Keygrip has signed before.
import { createRequire } from 'node:module';
import { describe, expect, it, test } from '@jest/globals';
import { CookieKeys } from '../../../src/oidc/cookie-keys.js';
import { secretKey } from '../../../src/platform/crypto.js';

const Keygrip = createRequire(import.meta.url)('keygrip') as new (keys: string[]) => { sign(data: string): string };

const [newer, older, foreign] = ['n'.repeat(43), 'o'.repeat(43), 'f'.repeat(43)] as const;
const keysOf = (...secrets: string[]) => new CookieKeys(secrets.map((secret) => secretKey(secret)));
const keys = keysOf(newer, older);

describe('keys of cookies', () => {
  test.each(['_session=abc', '_session=', '_interaction=ÿ', 'x'.repeat(5000)])('sign %.20s as Keygrip does', (data) => {
    expect(keys.sign(data)).toBe(new Keygrip([newer, older]).sign(data));
  });

  test.each([
    ['the newest key', new Keygrip([newer]).sign('a=1'), 0],
    ['an older key', new Keygrip([older]).sign('a=1'), 1],
    ['a key of somebody else', new Keygrip([foreign]).sign('a=1'), -1],
    ['one that signed something else', new Keygrip([newer]).sign('a=2'), -1],
    ['nobody', '', -1],
    ['the newest key, cut', new Keygrip([newer]).sign('a=1').slice(0, -1), -1],
    ['the newest key, and more', `${new Keygrip([newer]).sign('a=1')}A`, -1],
    ['the newest key, in another case', new Keygrip([newer]).sign('a=1').toUpperCase(), -1],
  ])('believe %s', (_who, signed, place) => {
    expect(keys.index('a=1', signed)).toBe(place);
    expect(keys.verify('a=1', signed)).toBe(place >= 0);
  });

  it('are one at least', () => {
    expect(() => keysOf()).toThrow('at least one key is needed');
  });
});
