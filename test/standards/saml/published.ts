// Attacks on readers of SAML as they were published from 2018 to 2026, each made of a response that an identity provider has signed. A further one is a
// further line.
import { createHash } from 'node:crypto';
import { read } from '../../../src/saml/gate-message.js';
import { canonical } from '../../../src/saml/xml/canonical.js';

const DSIG = 'http://www.w3.org/2000/09/xmldsig#';
const NAME = 'alice-4711';
const asMallory = (xml: string) => xml.replace(NAME, 'mallory');
const assertionOf = (xml: string) => /<saml:Assertion .*<\/saml:Assertion>/s.exec(xml)?.[0] ?? '';
const signatureOf = (xml: string) => /<ds:Signature .*?<\/ds:Signature>/s.exec(assertionOf(xml))?.[0] ?? '';
const bareOf = (xml: string) => assertionOf(xml).replace(signatureOf(xml), '');
const withId = (xml: string, id: string) => xml.replace(/ ID="[^"]*"/, ` ID="${id}"`);
const evilOf = (xml: string) => withId(asMallory(bareOf(xml)), '_evil');
const before = (xml: string, more: string) => xml.replace('<saml:Assertion ', (start) => `${more}${start}`);
const digestOf = (xml: string) =>
  createHash('sha256')
    .update(canonical(read(xml)))
    .digest('base64');

interface Published {
  year: number;
  what: string;
  /** Of a response whose assertion is signed. */
  attack: (xml: string) => string;
  reason: string;
}

export const published: readonly Published[] = [
  {
    year: 2018,
    what: 'a comment splits a NameID (CVE-2017-11427, CVE-2018-0489)',
    attack: (xml) => xml.replace(NAME, 'alice<!---->-4711'),
    reason: 'xml_comment',
  },
  {
    year: 2018,
    what: 'a processing instruction splits a NameID',
    attack: (xml) => xml.replace(NAME, 'alice<?x?>-4711'),
    reason: 'xml_processing_instruction',
  },
  {
    year: 2018,
    what: 'CDATA splits a NameID',
    attack: (xml) => xml.replace(NAME, 'alice<![CDATA[]]>-4711'),
    reason: 'xml_cdata',
  },
  {
    year: 2018,
    what: 'an element splits a NameID',
    attack: (xml) => xml.replace(NAME, 'alice<saml:x/>-4711'),
    reason: 'assertion_digest_value',
  },
  {
    year: 2019,
    what: 'a signature of another element vouches for this one (CVE-2019-3465)',
    attack: (xml) =>
      xml.replace(assertionOf(xml), () => evilOf(xml).replace('</saml:Issuer>', (end) => `${end}${signatureOf(xml)}`)),
    reason: 'assertion_signature_reference',
  },
  {
    year: 2020,
    what: 'an attribute without a namespace gets one on the way back (CVE-2020-29509)',
    attack: (xml) => xml.replace('<saml:Subject>', '<saml:Subject :xmlns="urn:x">'),
    reason: 'xml_malformed',
  },
  {
    year: 2020,
    what: 'a directive hides markup (CVE-2020-29510)',
    attack: (xml) => before(xml, '<!x <!---->>'),
    reason: 'xml_doctype',
  },
  {
    year: 2021,
    what: 'a thousand transforms (CVE-2021-39171)',
    attack: (xml) => xml.replace(/<ds:Transform [^>]*\/>/, (one) => one.repeat(1_000)),
    reason: 'assertion_signature_transforms',
  },
  {
    year: 2021,
    what: 'a document type between quotes (CVE-2021-21366, CVE-2021-32796)',
    attack: (xml) => `<!DOCTYPE x SYSTEM "'><a b='">${xml}`,
    reason: 'xml_doctype',
  },
  {
    year: 2022,
    what: 'two roots (CVE-2022-39299, CVE-2022-39353)',
    attack: (xml) => `${xml.replace(assertionOf(xml), () => evilOf(xml))}${xml}`,
    reason: 'xml_malformed',
  },
  {
    year: 2022,
    what: 'several assertions, the first of them unsigned (CVE-2022-41912)',
    attack: (xml) => before(xml, evilOf(xml)),
    reason: 'assertion_count',
  },
  {
    year: 2023,
    what: 'an assertion within another',
    attack: (xml) => xml.replace('</saml:Assertion>', (end) => `<saml:Advice>${evilOf(xml)}</saml:Advice>${end}`),
    reason: 'assertion_count',
  },
  {
    year: 2024,
    what: 'a DigestValue that the search finds first, in StatusDetail (CVE-2024-45409)',
    attack: smuggledDigest,
    reason: 'assertion_digest_value',
  },
  {
    year: 2024,
    what: 'an Object of the signature holds what was signed (CVE-2024-6800)',
    attack: (xml) =>
      xml.replace(assertionOf(xml), () =>
        evilOf(xml).replace(
          '</saml:Issuer>',
          (end) =>
            `${end}${signatureOf(xml).replace('</ds:Signature>', (last) => `<ds:Object>${bareOf(xml)}</ds:Object>${last}`)}`,
        ),
      ),
    reason: 'assertion_count',
  },
  {
    year: 2024,
    what: 'the place of a signature says what it signs, not its reference (CVE-2024-8698)',
    attack: (xml) =>
      xml.replace(assertionOf(xml), () => evilOf(xml)).replace('</saml:Issuer>', (end) => `${end}${signatureOf(xml)}`),
    reason: 'response_signature_reference',
  },
  {
    year: 2024,
    what: 'a second namespace for the same name',
    attack: (xml) =>
      before(
        xml,
        evilOf(xml).replace('urn:oasis:names:tc:SAML:2.0:assertion', 'urn:oasis:names:tc:SAML:2.0:assertion#'),
      ),
    reason: 'assertion_count',
  },
  {
    year: 2025,
    what: 'two SignedInfos, of which one is verified and one is read (CVE-2025-29774)',
    attack: (xml) => twoInfos(asMallory(xml)),
    reason: 'assertion_signature_shape',
  },
  {
    year: 2025,
    what: 'a comment in a DigestValue (CVE-2025-29775)',
    attack: (xml) =>
      asMallory(xml).replace('<ds:DigestValue>', (tag) => `${tag}<!--${digestOf(asMallory(bareOf(xml)))}-->`),
    reason: 'xml_comment',
  },
  {
    year: 2025,
    what: 'a document type that two parsers end elsewhere (CVE-2025-25291)',
    attack: (xml) => `<!DOCTYPE x [<!ENTITY y "'><!--">]>${xml}<!-- -->`,
    reason: 'xml_doctype',
  },
  {
    year: 2025,
    what: 'a signature in a namespace that one parser takes for the right one (CVE-2025-25292)',
    attack: (xml) => xml.replace(/<ds:Signature /, `<Signature xmlns="${DSIG}x"/><ds:Signature `),
    reason: 'signature_placement',
  },
  {
    year: 2025,
    what: 'a deflated message without end (CVE-2025-25293)',
    attack: (xml) => `${xml}${' '.repeat(600 * 1024)}`,
    reason: 'xml_size',
  },
  {
    year: 2025,
    what: 'an unsigned assertion before the one that was verified (CVE-2025-47949)',
    attack: (xml) => before(xml, evilOf(xml)),
    reason: 'assertion_count',
  },
  {
    year: 2025,
    what: 'the assertion read from what came, not from what was verified (CVE-2025-54419)',
    attack: (xml) => xml.replace(NAME, `${NAME}<!-- -->`),
    reason: 'xml_comment',
  },
  {
    year: 2025,
    what: 'a form without a canonical one, so that nothing is digested (CVE-2025-66568)',
    attack: (xml) =>
      asMallory(xml)
        .replace('<saml:Subject>', '<saml:Subject xmlns:x="1">')
        .replace(/(<ds:DigestValue>)[^<]*/, `$1${createHash('sha256').digest('base64')}`),
    reason: 'xml_namespace',
  },
  {
    year: 2025,
    what: 'an ID of a namespace, beside the plain one (attribute pollution)',
    attack: (xml) => before(xml, withId(evilOf(xml), '_evil').replace(' ID=', ' samlp:ID="_other" ID=')),
    reason: 'xml_id',
  },
  {
    year: 2025,
    what: 'entities in the ID',
    attack: (xml) => `<!DOCTYPE x [<!ATTLIST saml:Assertion ID CDATA "_evil">]>${xml}`,
    reason: 'xml_doctype',
  },
  {
    year: 2026,
    what: 'what is read is not what was signed, and bears its ID (CVE-2026-47201)',
    attack: (xml) =>
      before(xml, `<samlp:Extensions>${assertionOf(xml)}</samlp:Extensions>`).replace(
        /(<\/samlp:Extensions>).*(?=<\/samlp:Response>)/s,
        `$1${asMallory(bareOf(xml))}`,
      ),
    reason: 'xml_id',
  },
];

/** The digest of what the attacker has written, where a search through the whole document comes first. */
function smuggledDigest(xml: string): string {
  const digest = digestOf(asMallory(bareOf(xml)));
  const detail = `<samlp:StatusDetail><ds:DigestValue xmlns:ds="${DSIG}">${digest}</ds:DigestValue></samlp:StatusDetail>`;
  return asMallory(xml).replace('</samlp:Status>', (end) => `${detail}${end}`);
}

function twoInfos(xml: string): string {
  const info = /<ds:SignedInfo>.*?<\/ds:SignedInfo>/s.exec(xml)?.[0] ?? '';
  const digest = digestOf(bareOf(xml));
  return xml.replace(info, (own) => `${own.replace(/(<ds:DigestValue>)[^<]*/, `$1${digest}`)}${own}`);
}
