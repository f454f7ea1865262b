// A second reader: what the gate has read, @node-saml/node-saml reads again, with its own parser, its own canonicalisation and its own view of what
// is signed. Two programs that were written apart and understand a message differently are how every bypass of these years began: it is refused.
import type { Profile, SamlConfig } from '@node-saml/node-saml';
import { keyOf } from './gate-algorithms.js';
import type { AssertionExpected } from './gate-assertion.js';
import type { Checks } from './gate-checks.js';
import type { Message, NameId, Sender } from './gate-message.js';
import { SAMLP } from './gate-names.js';
import type { SignedElement } from './gate-signature.js';
import { canonical } from './xml/canonical.js';
import type { XmlElement } from './xml/element.js';

export interface Believed {
  /** As it came. */
  xml: string;
  /** The assertion, where it was encrypted. */
  plain: string | undefined;
  assertion: XmlElement;
  signedResponse: SignedElement | undefined;
  signedAssertion: SignedElement | undefined;
}

interface Facts {
  issuer: string;
  subject: NameId;
  session_index?: string;
  attributes: Record<string, string[]>;
}

export async function checkAgreement(
  believed: Believed,
  facts: Facts,
  expected: AssertionExpected,
  checks: Checks,
): Promise<void> {
  const profile = await readAgain(believed, expected).catch(() => undefined);
  const isSame =
    profile !== undefined &&
    profile.issuer === facts.issuer &&
    profile.nameID === facts.subject.value &&
    profile.nameIDFormat === facts.subject.format &&
    profile.sessionIndex === facts.session_index &&
    isSameRecord(attributesIn(profile), facts.attributes);
  checks.must('second_reader', isSame, {}, 'library_disagrees');
}

/** Of a logout request: who, and which session. */
export async function checkLogoutAgreement(
  { xml, root, signed }: Message,
  facts: { issuer: string; subject: NameId; session_index: string[] },
  idp: Sender,
  checks: Checks,
): Promise<void> {
  const reader = await readerFor(idp, {});
  const isKnown = signed !== undefined && knows(signed);
  const profile = await (isKnown ? reader.readRequest(xml) : reader.readSigned(canonical(root))).catch(() => undefined);
  const isSame =
    profile !== undefined &&
    profile.issuer === facts.issuer &&
    profile.nameID === facts.subject.value &&
    profile.nameIDFormat === facts.subject.format &&
    profile.sessionIndex === facts.session_index[0];
  checks.must('second_reader', isSame, {}, 'library_disagrees');
}

/** Of time and of requests it knows nothing: the gate was told both. */
async function readerFor(idp: Sender, more: Partial<SamlConfig>) {
  // Loaded with the first message: many servers never get one.
  const { neverAsked, SecondReader } = await import('./gate-second-reader.js');
  return new SecondReader({
    callbackUrl: 'https://unused.invalid/',
    issuer: 'unused',
    idpIssuer: idp.entity_id,
    idpCert: idp.certificates.filter((one) => keyOf(one) !== undefined),
    acceptedClockSkewMs: -1,
    validateInResponseTo: neverAsked,
    ...more,
  });
}

async function readAgain(believed: Believed, expected: AssertionExpected): Promise<Profile | undefined> {
  const { xml, plain, assertion, signedResponse, signedAssertion } = believed;
  const reader = await readerFor(expected.idp, {
    audience: expected.sp.entity_id,
    wantAssertionsSigned: signedAssertion !== undefined,
    wantAuthnResponseSigned: signedResponse !== undefined && plain === undefined,
  });
  const isKnown = [signedResponse, signedAssertion].every((one) => !one || knows(one));
  if (!isKnown || (plain !== undefined && !signedAssertion)) return reader.readAssertion(canonical(assertion));
  return reader.readResponse(
    plain === undefined ? xml : `<samlp:Response xmlns:samlp="${SAMLP}">${plain}</samlp:Response>`,
  );
}

/** What xml-crypto 6 verifies. */
const knows = ({ algorithm, digest }: SignedElement): boolean =>
  /#rsa-sha(256|512)$|#sha256-rsa-MGF1$/.test(algorithm) && /#sha(256|512)$/.test(digest);

/** As xml2js makes it: text at `_`, attributes at `$`, children in lists by their local names. */
interface Node {
  _?: string;
  $?: Record<string, string>;
  NameID?: Node[];
  Attribute?: Node[];
  AttributeValue?: Node[];
  AttributeStatement?: Node[];
}

function attributesIn(profile: Profile): Record<string, string[]> {
  const { Assertion: assertion } = (profile.getAssertion?.() ?? {}) as { Assertion?: Node };
  const found = new Map<string, string[]>();
  for (const one of (assertion?.AttributeStatement ?? []).flatMap(({ Attribute: all }) => all ?? [])) {
    const name = one.$?.Name ?? '';
    const values = (one.AttributeValue ?? []).map(textOf).filter((value) => value !== undefined);
    found.set(name, [...(found.get(name) ?? []), ...values]);
  }
  return Object.fromEntries(found);
}

/** An element without anything is an empty text to it. */
function textOf(value: Node | string): string | undefined {
  if (typeof value === 'string') return value;
  const isText = Object.keys(value).every((key) => key === '_' || key === '$');
  return isText ? (value._ ?? '') : value.NameID?.[0]?._;
}

/** Blank text is none to it. */
function isSameRecord(a: Record<string, string[]>, b: Record<string, string[]>): boolean {
  const text = (record: Record<string, string[]>) =>
    JSON.stringify(
      Object.entries(record).map(([name, values]) => [name, values.map((one) => (one.trim() ? one : ''))]),
    );
  return text(a) === text(b);
}
