import { describe, expect, it } from '@jest/globals';
import { ipOf, readAlternatives, readDn, subjectMatches } from '../../src/features/clients/certificate-names.js';

const certificate = (subject: string, subjectAltName?: string) => ({ subject, subjectAltName }) as never;

describe('tls_client_auth_subject_dn (RFC 8705 §2.1.2, RFC 4514)', () => {
  const of = (expected: string, subject: string) =>
    subjectMatches(certificate(subject), 'tls_client_auth_subject_dn', expected);

  it.each([
    ['CN=a', 'CN=a'],
    ['CN=a,O=b,C=DE', 'C=DE\nO=b\nCN=a'],
    ['cn=a, o=b', 'O=b\nCN=a'],
    ['2.5.4.3=a', 'CN=a'],
    ['CN=a\\, b', 'CN=a\\, b'],
    ['CN=a\\2C b', 'CN=a\\, b'],
    ['CN=a\\+b', 'CN=a\\+b'],
    ['CN=M\\C3\\BCller', 'CN=Müller'],
    ['CN=a+UID=7', 'UID=7 + CN=a'],
    ['CN=a\\ ', 'CN=a\\ '],
    ['CN=\\#a', 'CN=\\#a'],
    ['emailAddress=a@b.example,CN=a', 'CN=a\nemailAddress=a@b.example'],
  ])('%s is %j', (expected, subject) => expect(of(expected, subject)).toBe(true));

  it.each([
    ['CN=a,O=b', 'CN=a\nO=b'],
    ['CN=a', 'O=b\nCN=a'],
    ['O=b,CN=a', 'O=b\nCN=a'],
    ['CN=A', 'CN=a'],
    ['CN=a,CN=b', 'CN=b\\,CN=a'],
    ['CN=a', 'CN=a + UID=7'],
    ['CN=a', 'CN=a b'],
    ['O=a', 'CN=a'],
    ['CN=*', 'CN=a'],
    ['CN=a', ''],
  ])('%s is not %j', (expected, subject) => expect(of(expected, subject)).toBe(false));

  it.each([
    '',
    'CN',
    'CN=',
    '=a',
    'CN=a,',
    ',CN=a',
    'CN="a"',
    'CN=#0401',
    'CN=a;O=b',
    'CN=a\\',
    'CN=a\\x',
    'CN=a<b',
    '1=a',
  ])('%j is no name', (text) => expect(readDn(text)).toBeUndefined());
});

describe('tls_client_auth_san_* (RFC 8705 §2.1.2)', () => {
  it('are read whole: nothing in a value is taken for another name', () => {
    expect(readAlternatives('DNS:a.example, URI:urn:x, IP Address:192.0.2.1')).toEqual([
      { kind: 'DNS', value: 'a.example' },
      { kind: 'URI', value: 'urn:x' },
      { kind: 'IP Address', value: '192.0.2.1' },
    ]);
    expect(readAlternatives('URI:"urn:x, DNS:evil.example", DNS:a')).toEqual([
      { kind: 'URI', value: 'urn:x, DNS:evil.example' },
      { kind: 'DNS', value: 'a' },
    ]);
    for (const broken of ['DNS:a, ', 'DNS', 'URI:"a', 'URI:"a"b', 'DNS:a,b'])
      expect([broken, readAlternatives(broken)]).toEqual([broken, []]);
  });

  it.each([
    ['tls_client_auth_san_dns', 'A.example', 'DNS:a.Example', true],
    ['tls_client_auth_san_dns', 'b.example', 'DNS:*.example', false],
    ['tls_client_auth_san_dns', 'a.example', 'URI:a.example', false],
    ['tls_client_auth_san_dns', 'a.example', undefined, false],
    ['tls_client_auth_san_uri', 'urn:X', 'URI:urn:x', false],
    ['tls_client_auth_san_ip', '2001:db8::1', 'IP Address:2001:DB8:0:0:0:0:0:1', true],
    ['tls_client_auth_san_ip', '192.0.2.1', 'IP Address:192.0.2.10', false],
    ['tls_client_auth_san_email', 'a@B.example', 'email:a@b.example', true],
    ['tls_client_auth_san_email', 'A@b.example', 'email:a@b.example', false],
  ] as const)('%s: %s and %s: %s', (member, expected, names, matches) => {
    expect(subjectMatches(certificate('CN=a', names), member, expected)).toBe(matches);
  });

  it('an address is one in a form that has one meaning', () => {
    for (const text of ['1', '0x7f.1', '010.0.0.1', '127.1', 'a', ''])
      expect([text, ipOf(text)]).toEqual([text, undefined]);
  });
});
