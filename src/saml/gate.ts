// The gate: a Response as a browser has brought it, and what of it may be believed. Everything that comes in passes here before any library sees
// it. Pure but for the time it is told; whether an assertion was there before is asked by whoever keeps them, by its ID.
import type { KeyObject } from 'node:crypto';
import { type AssertionExpected, type AssertionFacts, checkAssertion } from './gate-assertion.js';
import { type Attributes, attributesOf } from './gate-attributes.js';
import { type Checks, type Opened, opened } from './gate-checks.js';
import { decrypted } from './gate-decrypt.js';
import { checkAgreement } from './gate-library.js';
import { checkAnswered, checkHead, checkStatus, placesOf, posted, read } from './gate-message.js';
import { DSIG, SAML, SAMLP } from './gate-names.js';
import { type SignedElement, verified } from './gate-signature.js';
import type { XmlElement } from './xml/element.js';

export interface ResponseExpected extends AssertionExpected {
  wants: { signed: 'assertion' | 'response' | 'both' | 'either'; encrypted: boolean };
  /** Of ours: the newest first. */
  decryption_keys: readonly KeyObject[];
}

export interface ResponseFacts extends AssertionFacts, Attributes {
  issuer: string;
  response_id: string;
  in_response_to?: string;
  signed: 'assertion' | 'response' | 'both';
  encrypted: boolean;
}

/** @param message `SAMLResponse` of the form (SAML Bindings §3.5): a Response never comes in an address (SAML Profiles §4.1.2). */
export function openResponse(message: string, expected: ResponseExpected): Promise<Opened<ResponseFacts>> {
  return opened(async (checks: Checks) => {
    const xml = posted(message);
    const sent = read(xml);
    checks.must('message_type', sent.is(SAMLP, 'Response'), { seen: sent.local, expected: 'Response' });
    checkPlaces(sent, checks);
    const signedResponse = responseSignature(sent, expected, checks);
    const response = signedResponse?.element ?? sent;
    const plain = decryptedIn(response, expected, checks);
    const signedAssertion = assertionSignature(
      plain ? read(plain) : sent.only(SAML, 'Assertion'),
      signedResponse,
      expected,
      checks,
    );
    const assertion = signedAssertion?.element ?? (plain ? read(plain) : response.only(SAML, 'Assertion'));
    checks.must('assertion_count', assertion !== undefined);
    const responseId = checkResponse(
      response,
      expected,
      { isSigned: signedResponse !== undefined, isEncrypted: plain !== undefined },
      checks,
    );
    const facts: ResponseFacts = {
      issuer: expected.idp.entity_id,
      response_id: responseId,
      ...(expected.request_id !== null && { in_response_to: expected.request_id }),
      ...checkAssertion(assertion, expected, checks),
      ...attributesOf(assertion, checks),
      signed: signedAssertion ? (signedResponse ? 'both' : 'assertion') : 'response',
      encrypted: plain !== undefined,
    };
    await checkAgreement({ xml, plain, assertion, signedResponse, signedAssertion }, facts, expected, checks);
    return facts;
  });
}

/** What stands where: a message in which something stands elsewhere, too, is not asked which of the two it means. */
function checkPlaces(sent: XmlElement, checks: Checks): void {
  const assertions = placesOf(sent, ['Assertion', 'EncryptedAssertion']);
  // An identity provider that has nothing to say of anybody says so by its status, mostly unsigned: it is refused in its own words.
  if (assertions.length === 0) checkStatus(sent, checks);
  const isOne = assertions.length === 1 && assertions[0]?.parent === sent && assertions[0].namespace === SAML;
  checks.must('assertion_count', isOne, { seen: assertions.length, expected: 1 });
  checks.must('response_count', placesOf(sent, ['Response']).length === 0);
  checkSignaturePlaces(sent, [sent, assertions[0]], checks);
}

/** Each stands in what it signs, alone. */
function checkSignaturePlaces(root: XmlElement, parents: readonly (XmlElement | undefined)[], checks: Checks): void {
  const signatures = placesOf(root, ['Signature']);
  const isPlaced = signatures.every(
    ({ namespace, parent }) => namespace === DSIG && parent && parents.includes(parent),
  );
  const isAlone = new Set(signatures.map(({ parent }) => parent)).size === signatures.length;
  checks.must('signature_placement', isPlaced && isAlone, { seen: signatures.length });
}

function responseSignature(
  sent: XmlElement,
  { idp, wants }: ResponseExpected,
  checks: Checks,
): SignedElement | undefined {
  const isSigned = sent.all(DSIG, 'Signature').length > 0;
  const isWanted = wants.signed === 'response' || wants.signed === 'both';
  checks.must('response_signature', isSigned || !isWanted, { seen: isSigned, setting: 'saml.wants.signed' });
  return isSigned ? verified(sent, { of: 'response', certificates: idp.certificates }, checks) : undefined;
}

/** Nothing is proved by it: whoever has our certificate can encrypt. What comes out is looked at like what came in. */
function decryptedIn(
  response: XmlElement,
  { wants, decryption_keys }: ResponseExpected,
  checks: Checks,
): string | undefined {
  const encrypted = response.only(SAML, 'EncryptedAssertion');
  const isEncrypted = encrypted !== undefined;
  checks.must('assertion_encryption', isEncrypted || !wants.encrypted, {
    seen: isEncrypted,
    setting: 'saml.wants.encrypted',
  });
  if (!encrypted) return undefined;
  const xml = decrypted(encrypted, decryption_keys, checks);
  const inside = read(xml);
  const isAssertion =
    inside.is(SAML, 'Assertion') && placesOf(inside, ['Assertion', 'EncryptedAssertion', 'Response']).length === 0;
  checks.must('encrypted_assertion', isAssertion, { seen: inside.local, expected: 'Assertion' });
  checkSignaturePlaces(inside, [inside], checks);
  return xml;
}

function assertionSignature(
  assertion: XmlElement | undefined,
  signedResponse: SignedElement | undefined,
  { idp, wants }: ResponseExpected,
  checks: Checks,
): SignedElement | undefined {
  const isSigned = assertion !== undefined && assertion.all(DSIG, 'Signature').length > 0;
  const isEnough = signedResponse !== undefined && (wants.signed === 'response' || wants.signed === 'either');
  checks.must('assertion_signature', isSigned || isEnough, { seen: isSigned, setting: 'saml.wants.signed' });
  return isSigned ? verified(assertion, { of: 'assertion', certificates: idp.certificates }, checks) : undefined;
}

/** SAML Profiles §4.1.4.2: who is asked for an Issuer, and what is signed says where it goes (SAML Bindings §3.5.5.2). */
function checkResponse(
  response: XmlElement,
  { idp, sp, clocks, assertion_seconds, request_id }: ResponseExpected,
  { isSigned, isEncrypted }: { isSigned: boolean; isEncrypted: boolean },
  checks: Checks,
): string {
  checkStatus(response, checks);
  const head = { destination: sp.acs, clocks, seconds: assertion_seconds };
  const id = checkHead(response, idp, head, { issuer: isSigned || isEncrypted, destination: isSigned }, checks);
  checkAnswered(response, request_id, 'in_response_to', checks);
  return id;
}
