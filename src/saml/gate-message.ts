// What every message of SAML has: how it came, its root, its signature, and the head that says who wrote it, when and to whom (SAML Core §3.2).
import type { Checks } from './gate-checks.js';
import { fromQuery, type MessageName } from './gate-detached.js';
import { DSIG, ENTITY, SAML, SAMLP, SUCCESS } from './gate-names.js';
import { type SignedElement, verified } from './gate-signature.js';
import { type Clocks, timeOf } from './gate-time.js';
import type { XmlElement } from './xml/element.js';
import { MESSAGE } from './xml/limits.js';
import { fromBase64, fromUtf8 } from './xml/octets.js';
import { parseXml } from './xml/parse.js';

/** By a form, the member of it; by an address, all that stood behind its question mark, as it stood there. */
export type Sent = { binding: 'post'; message: string } | { binding: 'redirect'; query: string };

/** Whoever is trusted to say something, and how they prove it. */
export interface Sender {
  entity_id: string;
  certificates: readonly string[];
}

export interface Head {
  /** Where it came: the message says where it was meant to come. */
  destination: string;
  clocks: Clocks;
  /** How old it may be. */
  seconds: number;
}

export const posted = (message: string): string => fromUtf8(fromBase64(message, MESSAGE.bytes));
export const read = (xml: string): XmlElement => parseXml(xml, { limits: MESSAGE });

export interface SignedBy extends Sender {
  required: boolean;
}

export interface Message {
  root: XmlElement;
  /** As it came. */
  xml: string;
  /** Undefined where the query was signed. */
  signed: SignedElement | undefined;
}

/** Requests, and answers to a logout. @param local the name that the message has. @returns the root of what was signed */
export function openMessage(sent: Sent, name: MessageName, local: string, by: SignedBy, checks: Checks): Message {
  const isPosted = sent.binding === 'post';
  const xml = isPosted ? posted(sent.message) : fromQuery(sent.query, name, by, checks);
  const root = read(xml);
  checks.must('message_type', root.is(SAMLP, local), { seen: root.local, expected: local });
  checks.must('message_count', placesOf(root, [local, 'Assertion', 'EncryptedAssertion']).length === 0);
  const signatures = placesOf(root, ['Signature']);
  // SAML Bindings §3.4.4.1: what is signed in the query holds no signature.
  const isPlaced = signatures.every(({ namespace, parent }) => isPosted && namespace === DSIG && parent === root);
  checks.must('signature_placement', isPlaced && signatures.length <= 1, { seen: signatures.length });
  if (!isPosted) return { root, xml, signed: undefined };
  checks.must('message_signature', signatures.length > 0 || !by.required, { setting: 'saml.idp.certificates' });
  if (signatures.length === 0) return { root, xml, signed: undefined };
  const signed = verified(root, { of: 'message', certificates: by.certificates }, checks);
  return { root: signed.element, xml, signed };
}

/** Wherever they stand and whatever namespace they are in: a reader that looks for a name alone would find them. */
export function placesOf(root: XmlElement, names: readonly string[]): XmlElement[] {
  return [...root.descendants()].filter(({ local }) => names.includes(local));
}

/** @returns its ID */
export function checkHead(
  root: XmlElement,
  from: Sender,
  head: Head,
  required: { issuer: boolean; destination: boolean },
  checks: Checks,
): string {
  const version = root.attribute('Version') ?? '';
  checks.must('version', version === '2.0', { seen: version, expected: '2.0' });
  const id = root.attribute('ID') ?? '';
  checks.must('id', isId(id));
  checkIssued(root, head, 'issue_instant', checks);
  if (required.issuer || root.all(SAML, 'Issuer').length > 0) checkIssuer(root, from, 'issuer', checks);
  const destination = root.attribute('Destination');
  // SAML Bindings §3.4.5.2, §3.5.5.2: what is signed says where it goes.
  const isHere = destination === undefined ? !required.destination : destination === head.destination;
  checks.must('destination', isHere, {
    ...(destination !== undefined && { seen: destination }),
    expected: head.destination,
  });
  return id;
}

const isId = (id: string): boolean => /^[A-Za-z_][\w.-]{0,255}$/.test(id);

export function checkIssued(
  of: XmlElement,
  { clocks, seconds }: Omit<Head, 'destination'>,
  check: string,
  checks: Checks,
): number {
  const written = of.attribute('IssueInstant');
  const issued = timeOf(written);
  checks.must(check, clocks.hasBegun(issued), clocks.seen(written));
  const isRecent = clocks.isBefore(issued + seconds * 1000);
  checks.must(`${check}_age`, isRecent, { ...clocks.seen(written), setting: 'saml.assertion_seconds' });
  return issued;
}

export function checkIssuer(of: XmlElement, { entity_id }: Sender, check: string, checks: Checks): void {
  const issuer = of.only(SAML, 'Issuer');
  const seen = issuer?.text ?? '';
  const format = issuer?.attribute('Format') ?? ENTITY;
  checks.must(check, seen === entity_id && format === ENTITY, {
    seen,
    expected: entity_id,
    setting: 'saml.idp.entity_id',
  });
}

/** @returns from the outermost in, as the status says them */
export function statusOf(root: XmlElement): string[] {
  const codes: string[] = [];
  let code = root.only(SAMLP, 'Status')?.only(SAMLP, 'StatusCode');
  for (; code && codes.length < 5; code = code.only(SAMLP, 'StatusCode')) codes.push(code.attribute('Value') ?? '');
  return codes;
}

export function checkStatus(root: XmlElement, checks: Checks): string[] {
  const seen = statusOf(root);
  checks.must('status', seen[0] === SUCCESS, { seen, expected: [SUCCESS] });
  return seen;
}

/** @param expected what we asked with, or null where nobody asked */
export function checkAnswered(of: XmlElement, expected: string | null, check: string, checks: Checks): void {
  const seen = of.attribute('InResponseTo');
  const said = { ...(seen !== undefined && { seen }), ...(expected !== null && { expected }) };
  checks.must(check, expected === null ? seen === undefined : seen === expected, said);
}

export interface NameId {
  value: string;
  format?: string;
  name_qualifier?: string;
  sp_name_qualifier?: string;
}

/** SAML Core §2.2.3: of exactly one person, to the character. */
export function nameIdOf(of: XmlElement, checks: Checks): NameId {
  const element = of.only(SAML, 'NameID');
  const isAlone = of.all(SAML, 'EncryptedID').length === 0 && of.all(SAML, 'BaseID').length === 0;
  const value = element?.text ?? '';
  const isOne = value !== '' && value.length <= 1024 && value.trim() === value && !/\p{Cc}/u.test(value);
  checks.must('name_id', element !== undefined && isAlone && isOne);
  const [format, nameQualifier, spNameQualifier] = ['Format', 'NameQualifier', 'SPNameQualifier'].map((name) =>
    element.attribute(name),
  );
  const isShort = [format, nameQualifier, spNameQualifier].every((one) => (one?.length ?? 0) <= 256);
  checks.must('name_id_qualifiers', isShort);
  return {
    value,
    ...(format !== undefined && { format }),
    ...(nameQualifier !== undefined && { name_qualifier: nameQualifier }),
    ...(spNameQualifier !== undefined && { sp_name_qualifier: spNameQualifier }),
  };
}
