// RFC 8705 §2.1.2: whether a certificate has the subject that a client has registered. Pure; nothing is guessed: what cannot be read matches nothing.
import type { X509Certificate } from 'node:crypto';
import ipaddr from 'ipaddr.js';

/** The five members, of which a client with `tls_client_auth` has exactly one. */
export const SUBJECT_MEMBERS = [
  'tls_client_auth_subject_dn',
  'tls_client_auth_san_dns',
  'tls_client_auth_san_uri',
  'tls_client_auth_san_ip',
  'tls_client_auth_san_email',
] as const;
export type SubjectMember = (typeof SUBJECT_MEMBERS)[number];

export function subjectMatches(certificate: X509Certificate, member: SubjectMember, expected: string): boolean {
  switch (member) {
    case 'tls_client_auth_subject_dn': {
      const wanted = readDn(expected);
      return wanted !== undefined && sameDn(wanted, readSubject(certificate.subject));
    }
    case 'tls_client_auth_san_dns':
      // A name, never a pattern: what a certificate has of wildcards is for servers (RFC 6125 §6.4.3).
      return has(certificate, 'DNS', (name) => name.toLowerCase() === expected.toLowerCase());
    case 'tls_client_auth_san_uri':
      return has(certificate, 'URI', (uri) => uri === expected);
    case 'tls_client_auth_san_ip': {
      const wanted = ipOf(expected);
      return wanted !== undefined && has(certificate, 'IP Address', (ip) => ipOf(ip) === wanted);
    }
    case 'tls_client_auth_san_email':
      return has(certificate, 'email', (address) => mailOf(address) === mailOf(expected));
  }
}

/** RFC 8705 §2.1.2: compared as addresses, not as text. */
export const ipOf = (text: string): string | undefined =>
  ipaddr.isValid(text) && (ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text))
    ? ipaddr.parse(text).toNormalizedString()
    : undefined;

/** RFC 5280 §4.2.1.6, §7.5: the host without regard to case, what stands before it with. */
const mailOf = (address: string): string => {
  const at = address.lastIndexOf('@');
  return address.slice(0, at) + address.slice(at).toLowerCase();
};

const has = ({ subjectAltName }: X509Certificate, kind: string, matches: (value: string) => boolean): boolean =>
  readAlternatives(subjectAltName ?? '').some((one) => one.kind === kind && matches(one.value));

/** As Node prints them, `DNS:a, URI:"b, c"`: whatever could be taken for a separator stands in quotes, as JSON. */
export function readAlternatives(text: string): { kind: string; value: string }[] {
  const found: { kind: string; value: string }[] = [];
  let rest = text;
  while (rest) {
    const [whole, kind, quoted, plain] =
      /^([A-Za-z][A-Za-z0-9 ]*):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?:, (?=.)|$)/.exec(rest) ?? [];
    if (!whole || !kind) return [];
    try {
      found.push({ kind, value: quoted === undefined ? (plain ?? '') : String(JSON.parse(quoted)) });
    } catch {
      return [];
    }
    rest = rest.slice(whole.length);
  }
  return found;
}

/** One relative name: its attributes as `type=value`, in the order of the alphabet. */
type Dn = string[][];

const sameDn = (one: Dn, other: Dn | undefined): boolean =>
  other !== undefined && one.length > 0 && JSON.stringify(one) === JSON.stringify(other);

/** RFC 4514 §2.1: the last relative name first. */
export function readDn(text: string): Dn | undefined {
  const names = split(text, ',').map(readRelative);
  return names.every((name) => name !== undefined) ? names.reverse() : undefined;
}

/** As Node prints a subject: a line for each relative name, the first one first, values escaped as in RFC 4514. */
function readSubject(text: string): Dn | undefined {
  const names = text.split('\n').map(readRelative);
  return names.every((name) => name !== undefined) ? names : undefined;
}

function readRelative(text: string): string[] | undefined {
  const attributes = split(text, '+').map(readAttribute);
  return attributes.every((attribute) => attribute !== undefined) ? attributes.sort() : undefined;
}

function readAttribute(text: string): string | undefined {
  const [, type, raw] = /^\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=(.*)$/s.exec(text) ?? [];
  const value = raw === undefined ? undefined : unescaped(trimmed(raw));
  if (!type || value === undefined) return undefined;
  const name = type.toLowerCase();
  return `${OIDS[name] ?? name}=${value}`;
}

/** RFC 4514 §3 and what OpenSSL prints: each attribute by its number. */
const OIDS: Readonly<Record<string, string>> = {
  cn: '2.5.4.3',
  sn: '2.5.4.4',
  serialnumber: '2.5.4.5',
  c: '2.5.4.6',
  l: '2.5.4.7',
  st: '2.5.4.8',
  street: '2.5.4.9',
  o: '2.5.4.10',
  ou: '2.5.4.11',
  title: '2.5.4.12',
  businesscategory: '2.5.4.15',
  postalcode: '2.5.4.17',
  gn: '2.5.4.42',
  organizationidentifier: '2.5.4.97',
  uid: '0.9.2342.19200300.100.1.1',
  dc: '0.9.2342.19200300.100.1.25',
  emailaddress: '1.2.840.113549.1.9.1',
};

/** At separators that no backslash stands before. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let place = 0; place < text.length; place += 1) {
    if (text[place] === '\\') place += 1;
    else if (text[place] === separator) {
      parts.push(text.slice(start, place));
      start = place + 1;
    }
  }
  return [...parts, text.slice(start)];
}

/** Spaces at either end belong to a value only where a backslash says so. */
function trimmed(raw: string): string {
  const text = raw.trimStart();
  const end = text.trimEnd();
  const [slashes = ''] = /\\*$/.exec(end) ?? [];
  return slashes.length % 2 === 1 && end.length < text.length ? `${end} ` : end;
}

/** RFC 4514 §2.4 and §3. @returns undefined for what is no value there: an empty one, quotes, BER in hexadecimal, a broken pair. */
function unescaped(raw: string): string | undefined {
  if (raw === '' || raw.startsWith('#')) return undefined;
  const bytes: Buffer[] = [];
  for (let place = 0; place < raw.length; ) {
    const [pair] = /^\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\])/.exec(raw.slice(place, place + 3)) ?? [];
    const code = raw.codePointAt(place) ?? 0;
    const one = pair ?? String.fromCodePoint(code);
    if (!pair && '"+,;<>\\\0'.includes(one)) return undefined;
    bytes.push(
      pair === undefined
        ? Buffer.from(one)
        : pair.length === 3
          ? Buffer.from(pair.slice(1), 'hex')
          : Buffer.from(pair.slice(1)),
    );
    place += one.length;
  }
  return Buffer.concat(bytes).toString('utf8');
}
