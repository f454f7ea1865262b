import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readImported } from '../../src/platform/hash-formats/formats.js';
import { judgeHash } from '../../src/platform/hash-formats/taking-over.js';
import { Hasher } from '../../src/platform/hashing.js';

const hasher = new Hasher({ processes: 1, parameters: { timeCost: 1, memoryCost: 8192, parallelism: 1 } });
afterAll(() => hasher.stop());

const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64').replaceAll('=', '');
const text = (value: string) => Buffer.from(value).toString('base64').replaceAll('=', '');
const ssha = (name: string, label: string, password: string, salt: string) =>
  `{${label}}${Buffer.concat([createHash(name).update(password).update(salt).digest(), Buffer.from(salt)]).toString('base64')}`;

// RFC 7914 §12, second and third vector.
const rfc7914 =
  'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640';
const rfc7914third =
  '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';
// RFC 7914 §11: PBKDF2-HMAC-SHA-256.
const rfc7914pbkdf2 =
  '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d';
// The inputs of RFC 6070 with SHA-256 and 4096 iterations, as published with many implementations.
const rfc6070like = 'c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a';
// The example of https://github.com/firebase/scrypt#password-hashing.
const firebase =
  '$firebase-scrypt$r=8,m=14,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,ss=Bw==' +
  '$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==';

const vectors: [string, string, string][] = [
  // bcrypt: the test of crypt_blowfish (wrapper.c).
  ['$2a$ of crypt_blowfish', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['$2a$ of crypt_blowfish, longer', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK', 'U*U*'],
  ['$2a$ of crypt_blowfish, other salt', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a', 'U*U*U'],
  ['$2b$ of the same bits', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['$2y$ of the same bits', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['scrypt (RFC 7914 §12)', `$scrypt$ln=10,r=8,p=16$${text('NaCl')}$${base64(rfc7914)}`, 'password'],
  [
    'scrypt (RFC 7914 §12), third',
    `$scrypt$ln=14,r=8,p=1$${text('SodiumChloride')}$${base64(rfc7914third)}`,
    'pleaseletmein',
  ],
  ['firebase-scrypt', firebase, 'user1password'],
  ['firebase-scrypt in URL-safe base64', firebase.replace('42xEC+ixf3L2lw', '42xEC-ixf3L2lw'), 'user1password'],
  ['PBKDF2 (RFC 7914 §11), PHC', `$pbkdf2-sha256$i=80000$${text('NaCl')}$${base64(rfc7914pbkdf2)}`, 'Password'],
  [
    'PBKDF2 (as RFC 6070), PHC with length',
    `$pbkdf2-sha256$i=4096,l=32$${text('salt')}$${base64(rfc6070like)}`,
    'password',
  ],
  ['PBKDF2 as Django writes it', `pbkdf2_sha256$4096$salt$${base64(rfc6070like)}=`, 'password'],
  // The documentation of passlib.
  [
    'PBKDF2 as passlib writes it',
    '$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M',
    'password',
  ],
  // RFC 6070's first inputs with SHA-512, as published with many implementations.
  [
    'PBKDF2 with SHA-512',
    `$pbkdf2-sha512$i=1$${text('salt')}$${base64('867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce')}`,
    'password',
  ],
  ['SSHA', ssha('sha1', 'SSHA', 'pässword', 'salt'), 'pässword'],
  ['SSHA256', ssha('sha256', 'SSHA256', 'pässword', 'saltsalt'), 'pässword'],
  ['SSHA512', ssha('sha512', 'ssha512', 'pässword', 'saltsaltsalt'), 'pässword'],
];

describe('a hash made elsewhere', () => {
  it.each(vectors)('%s is verified by the hashing processes', async (_name, hash, password) => {
    await expect(hasher.verify(hash, password)).resolves.toBe(true);
    for (const wrong of [`${password} `, password.slice(0, -1), '', `${password}\0`])
      await expect(hasher.verify(hash, wrong)).resolves.toBe(false);
    expect(hasher.needsRehash(hash)).toBe(true);
    expect(judgeHash(hash)).toMatchObject({ weak: true });
  });

  it('of bcrypt knows 72 bytes, and no password is right by a NUL in it', async () => {
    // The test of crypt_blowfish: what comes after the 72nd byte is ignored.
    const hash = '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui';
    const long = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
    await expect(hasher.verify(hash, `${long}chars after 72 are ignored`)).resolves.toBe(true);
    await expect(hasher.verify(hash, long.slice(0, -1))).resolves.toBe(false);
    const short = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
    await expect(hasher.verify(short, 'U*U\0U*U')).resolves.toBe(false);
    await expect(hasher.verify(short, 'U*U\0and more')).resolves.toBe(false);
  });

  it.each([
    ['bcrypt', `$2b$15$${'C'.repeat(21)}.${'a'.repeat(31)}`],
    ['bcrypt at its end', `$2b$31$${'C'.repeat(21)}.${'a'.repeat(31)}`],
    ['scrypt (RFC 7914 §12, fourth)', `$scrypt$ln=20,r=8,p=1$${text('SodiumChloride')}$${base64(rfc7914)}`],
    ['scrypt by its p', `$scrypt$ln=14,r=8,p=999$${text('NaCl')}$${base64(rfc7914)}`],
    ['scrypt by its N', `$scrypt$ln=99,r=1,p=1$${text('NaCl')}$${base64(rfc7914)}`],
    ['firebase-scrypt', firebase.replace('m=14', 'm=24')],
    ['PBKDF2', `$pbkdf2-sha256$i=2000001$${text('salt')}$${base64(rfc6070like)}`],
    ['PBKDF2 by its length', `$pbkdf2-sha256$i=1500000$${text('salt')}$${base64(rfc7914)}`],
    ['PBKDF2 of Django', `pbkdf2_sha512$9999999999$salt$${base64(rfc6070like)}`],
    ['argon2id', `$argon2id$v=19$m=262145,t=1,p=1$${text('saltsaltsalt')}$${base64(rfc6070like)}`],
  ])('of %s that asks for more than the ceiling is not taken over, nor begun', async (_name, hash) => {
    expect(judgeHash(hash)).toMatch(/^asks for/);
    const before = performance.now();
    await expect(hasher.verify(hash, 'password')).rejects.toThrow('asks for more');
    expect(performance.now() - before).toBeLessThan(100);
    expect(hasher.busy).toBe(0);
  });

  it.each([
    '',
    'password',
    '5f4dcc3b5aa765d61d8327deb882cf99',
    '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
    '{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
    '{MD5}X03MO1qnZdYdgyfeuILPmQ==',
    '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe',
    '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n',
    `$scrypt$ln=0,r=8,p=1$${text('NaCl')}$${base64(rfc7914)}`,
    `$scrypt$ln=10,r=0,p=1$${text('NaCl')}$${base64(rfc7914)}`,
    `$scrypt$ln=10,r=8,p=1$${text('NaCl')}$${text('short')}`,
    `$pbkdf2-sha256$i=0$${text('salt')}$${base64(rfc6070like)}`,
    `$pbkdf2-md5$i=4096$${text('salt')}$${base64(rfc6070like)}`,
    `pbkdf2_sha256$-1$salt$${base64(rfc6070like)}`,
    firebase.replace('sk=jxspr8Ki', 'sk='),
    `{SSHA}${'A'.repeat(5000)}`,
  ])('is refused where it is of no format: %j', async (hash) => {
    expect(judgeHash(hash)).toMatch(/^is no hash/);
    expect(readImported(hash)).toBeUndefined();
    await expect(hasher.verify(hash, 'password')).rejects.toThrow();
  });

  it.each([
    [`$2b$10$${'C'.repeat(21)}.${'a'.repeat(31)}`, { format: 'bcrypt', weak: false }],
    [`$2b$09$${'C'.repeat(21)}.${'a'.repeat(31)}`, { format: 'bcrypt', weak: true }],
    [`$scrypt$ln=17,r=8,p=1$${text('NaCl')}$${base64(rfc7914)}`, { format: 'scrypt', weak: false }],
    [firebase, { format: 'firebase-scrypt', weak: true }],
    [`pbkdf2_sha256$1200000$salt$${base64(rfc6070like)}`, { format: 'pbkdf2', weak: false }],
    [
      `$argon2id$v=19$m=65536,t=3,p=2$${text('saltsaltsalt')}$${base64(rfc6070like)}`,
      { format: 'argon2id', weak: false },
    ],
    [
      `$argon2id$v=19$m=1024,t=1,p=1$${text('saltsaltsalt')}$${base64(rfc6070like)}`,
      { format: 'argon2id', weak: true },
    ],
  ])('is measured by the least that OWASP asks for: %s', (hash, expected) => {
    expect(judgeHash(hash)).toMatchObject(expected);
  });
});
