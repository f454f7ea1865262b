import { describe, expect, it } from '@jest/globals';
import { hashOfKey, KEY_PATTERN, looksLikeKey, makeKey } from '../../src/features/api-keys/api-key.format.js';
import { refusalOf } from '../../src/features/api-keys/api-key.rules.js';
import { sha256 } from '../../src/platform/crypto.js';

describe('what an API key looks like (R116)', () => {
  it.each(['live', 'test'] as const)(
    'says its environment, holds 256 bits that are not shown, and ends with a checksum: %s',
    (environment) => {
      const { value, prefix, hash } = makeKey(environment);
      expect(value).toMatch(new RegExp(`^ost_${environment}_[0-9A-Za-z]{54}$`));
      expect(KEY_PATTERN.exec(`key = "${value}"`)?.[0]).toBe(value);
      expect(hashOfKey(value)).toBe(hash);
      expect(hash).toBe(sha256(value));
      expect(value.startsWith(prefix)).toBe(true);
      // 48 random characters, of which four are shown.
      expect((48 - (prefix.length - 9)) * Math.log2(62)).toBeGreaterThan(256);
    },
  );

  it('is not the same twice', () => {
    expect(new Set(Array.from({ length: 500 }, () => makeKey('live').value)).size).toBe(500);
  });

  it('is known by its checksum as one that somebody mistyped', () => {
    const { value } = makeKey('live');
    for (let place = 9; place < value.length; place += 1) {
      const wrong = `${value.slice(0, place)}${value[place] === 'a' ? 'b' : 'a'}${value.slice(place + 1)}`;
      expect([place, hashOfKey(wrong)]).toEqual([place, undefined]);
    }
    const swapped = value.replace('ost_live_', 'ost_test_');
    for (const wrong of [swapped, value.slice(0, -1), `${value}a`, ` ${value}`, value.toUpperCase(), 'ost_live_', ''])
      expect(hashOfKey(wrong)).toBeUndefined();
  });

  it('has a checksum that whoever scans can compute: the first 32 bits of the SHA-256, to the base of 62', () => {
    const body = `ost_live_${'A'.repeat(48)}`;
    const number = Buffer.from(sha256(body), 'base64url').readUInt32BE();
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const checksum = [5, 4, 3, 2, 1, 0].map((place) => digits[Math.floor(number / 62 ** place) % 62]).join('');
    expect(hashOfKey(`${body}${checksum}`)).toBeDefined();
  });

  it('is told from other tokens by how it begins', () => {
    expect(looksLikeKey(makeKey('test').value)).toBe(true);
    for (const other of ['ost_', 'ost_prod_abc', 'A'.repeat(43), 'eyJhbGciOi.x.y'])
      expect(looksLikeKey(other)).toBe(false);
  });
});

describe('whether a key is good here and now', () => {
  const now = new Date('2026-01-01T12:00:00Z');
  const past = new Date('2026-01-01T11:59:59Z');
  const later = new Date('2026-01-01T12:00:01Z');
  const good = {
    hash: 'current',
    formerUntil: null,
    expiresAt: null,
    revokedAt: null,
    userId: null,
    environment: 'live' as const,
    allowedNetworks: [] as string[],
  };
  const around = { now, ip: '198.51.100.7', testKeys: true, boundOnly: false };
  const judge = (key: object, more: object = {}, hash = 'current', ownerActive = true) =>
    refusalOf({ key: { ...good, ...key }, hash, ownerActive }, { ...around, ...more });

  it.each<[string, ReturnType<typeof judge>, string | undefined]>([
    ['nothing said', judge({}), undefined],
    ['revoked', judge({ revokedAt: past }), 'revoked'],
    ['about to expire', judge({ expiresAt: later }), undefined],
    ['expired just now', judge({ expiresAt: now }), 'expired'],
    ['the former one, still good', judge({ formerUntil: later }, {}, 'former'), undefined],
    ['the former one, over', judge({ formerUntil: now }, {}, 'former'), 'rotated'],
    ['the former one, expired with the key', judge({ formerUntil: later, expiresAt: past }, {}, 'former'), 'expired'],
    ['of a person', judge({ userId: 'u' }), undefined],
    ['of a person who may not come in', judge({ userId: 'u' }, {}, 'current', false), 'owner_ended'],
    ['of the tenant, with nobody', judge({}, {}, 'current', false), undefined],
    ['within a network', judge({ allowedNetworks: ['198.51.100.0/24'] }), undefined],
    ['within one of several', judge({ allowedNetworks: ['10.0.0.0/8', '198.51.100.7/32'] }), undefined],
    [
      'IPv4 that came as IPv6',
      judge({ allowedNetworks: ['198.51.100.0/24'] }, { ip: '::ffff:198.51.100.7' }),
      undefined,
    ],
    ['IPv6', judge({ allowedNetworks: ['2001:db8::/32'] }, { ip: '2001:db8:5::1' }), undefined],
    ['outside', judge({ allowedNetworks: ['10.0.0.0/8', '2001:db8::/32'] }), 'network'],
    ['from nowhere', judge({ allowedNetworks: ['0.0.0.0/0'] }, { ip: undefined }), 'network'],
    ['from what is no address', judge({ allowedNetworks: ['0.0.0.0/0', '::/0'] }, { ip: 'unknown' }), 'network'],
    ['a test key', judge({ environment: 'test' }), undefined],
    ['a test key where there are none', judge({ environment: 'test' }, { testKeys: false }), 'test_keys_refused'],
    ['where tokens must be bound', judge({}, { boundOnly: true }), 'not_bound'],
  ])('%s', (_what, found, expected) => {
    expect(found).toBe(expected);
  });
});
