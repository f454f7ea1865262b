// Signatures that somebody has changed who has no key (XML Signature §4), and what each is refused for. A further one is a further line.
import { createHash, createHmac } from 'node:crypto';
import { ENVELOPED, EXCLUSIVE, RSA_SHA256 } from '../../support/saml/sign.js';

const MORE = 'http://www.w3.org/2001/04/xmldsig-more#';
const DSIG = 'http://www.w3.org/2000/09/xmldsig#';
const element = (name: string, inside = '') => `<ds:${name} xmlns:ds="${DSIG}">${inside}</ds:${name}>`;

const transformed = (xml: string, algorithm: string) =>
  xml.replace(`<ds:Transform Algorithm="${EXCLUSIVE}"/>`, `<ds:Transform Algorithm="${algorithm}"/>`);

/** Exclusive XML Canonicalization §4: InclusiveNamespaces is empty. */
const inside = (xml: string, name: string) =>
  xml.replace(
    `<ds:${name} Algorithm="${EXCLUSIVE}"/>`,
    `<ds:${name} Algorithm="${EXCLUSIVE}"><ec:InclusiveNamespaces xmlns:ec="${EXCLUSIVE}" PrefixList="xs"><ec:a/></ec:InclusiveNamespaces></ds:${name}>`,
  );

const withDigest = (xml: string, text: string) =>
  xml.replace(/(<ds:DigestValue>)[^<]*/, `$1${createHash('sha256').update(text).digest('base64')}`);

function hmac(xml: string): string {
  const certificate = /<ds:X509Certificate>([^<]*)/.exec(xml)?.[1] ?? '';
  const mac = createHmac('sha256', certificate).update('x').digest('base64');
  return xml
    .replace(`<ds:SignatureMethod Algorithm="${RSA_SHA256}"`, `<ds:SignatureMethod Algorithm="${MORE}hmac-sha256"`)
    .replace(/(<ds:SignatureValue>)[^<]*/, `$1${mac}`);
}

/** What somebody has changed in it, who has no key. */
export const changed: [what: string, change: (xml: string) => string, reason: string][] = [
  [
    'no signature at all (signature exclusion)',
    (xml) => xml.replace(/<ds:Signature .*<\/ds:Signature>/s, ''),
    'assertion_signature',
  ],
  ['one character of what was signed', (xml) => xml.replace('alice-4711', 'alice-4712'), 'assertion_digest_value'],
  [
    'one character of the signature',
    (xml) => xml.replace(/(<ds:SignatureValue>)(.)/, (_, tag, one) => tag + (one === 'A' ? 'B' : 'A')),
    'assertion_signature_value',
  ],
  ['an empty SignatureValue', (xml) => xml.replace(/(<ds:SignatureValue>)[^<]*/, '$1'), 'xml_base64'],
  [
    'another digest than was signed',
    (xml) => withDigest(xml.replace('alice-4711', 'mallory'), 'mallory'),
    'assertion_signature_value',
  ],
  [
    'an attribute added',
    (xml) =>
      xml.replace(
        '<saml:AttributeStatement>',
        '$&<saml:Attribute Name="role"><saml:AttributeValue>owner</saml:AttributeValue></saml:Attribute>',
      ),
    'assertion_digest_value',
  ],
  [
    'two SignedInfos (CVE-2025-29774)',
    (xml) => xml.replace(/<ds:SignedInfo>.*?<\/ds:SignedInfo>/s, '$&$&'),
    'assertion_signature_shape',
  ],
  [
    'a SignedInfo hidden in KeyInfo',
    (xml) => xml.replace(/(<ds:SignedInfo>.*?<\/ds:SignedInfo>)(.*?<ds:KeyInfo>)/s, '$2$1'),
    'assertion_signature_shape',
  ],
  ['two References', (xml) => xml.replace(/<ds:Reference .*?<\/ds:Reference>/s, '$&$&'), 'assertion_signature_shape'],
  ['no Reference', (xml) => xml.replace(/<ds:Reference .*?<\/ds:Reference>/s, ''), 'assertion_signature_shape'],
  [
    'two DigestValues',
    (xml) => xml.replace(/<ds:DigestValue>.*?<\/ds:DigestValue>/s, '$&$&'),
    'assertion_signature_shape',
  ],
  [
    'a comment in DigestValue (CVE-2025-29775)',
    (xml) => xml.replace('<ds:DigestValue>', '$&<!--AAAA-->'),
    'xml_comment',
  ],
  ['a comment in SignatureValue', (xml) => xml.replace('<ds:SignatureValue>', '$&<!---->'), 'xml_comment'],
  ['an element in DigestValue', (xml) => xml.replace('<ds:DigestValue>', '$&<ds:X/>'), 'assertion_signature_shape'],
  [
    'the digest of nothing, as of a canonical form that failed (CVE-2025-66568)',
    (xml) => xml.replace(/(<ds:DigestValue>)[^<]*/, `$1${createHash('sha256').digest('base64')}`),
    'assertion_signature_value',
  ],
  [
    'an Object in the signature',
    (xml) => xml.replace('</ds:Signature>', `${element('Object')}$&`),
    'assertion_signature_shape',
  ],
  [
    'a second signature beside it',
    (xml) => xml.replace(/<ds:Signature .*<\/ds:Signature>/s, '$&$&'),
    'signature_placement',
  ],
  [
    'a second one of another namespace',
    (xml) => xml.replace('<ds:Signature ', '<x:Signature xmlns:x="urn:x"/>$&'),
    'signature_placement',
  ],
  [
    'an URI that is empty: the whole document',
    (xml) => xml.replace(/URI="#[^"]+"/, 'URI=""'),
    'assertion_signature_reference',
  ],
  ['no URI', (xml) => xml.replace(/ URI="#[^"]+"/, ''), 'assertion_signature_reference'],
  [
    'an URI of elsewhere (server-side request forgery)',
    (xml) => xml.replace(/URI="#[^"]+"/, 'URI="http://169.254.169.254/"'),
    'assertion_signature_reference',
  ],
  ['an XPointer', (xml) => xml.replace(/URI="#([^"]+)"/, `URI="#xpointer(id('$1'))"`), 'assertion_signature_reference'],
  ['another ID', (xml) => xml.replace(/URI="#[^"]+"/, 'URI="#_other"'), 'assertion_signature_reference'],
  [
    'a transform by XSLT',
    (xml) => transformed(xml, `${DSIG.replace('2000/09/xmldsig#', 'TR/1999/REC-xslt-19991116')}`),
    'assertion_signature_transforms',
  ],
  [
    'a transform by XPath',
    (xml) => transformed(xml, 'http://www.w3.org/TR/1999/REC-xpath-19991116'),
    'assertion_signature_transforms',
  ],
  [
    'a transform by XPath Filter',
    (xml) => transformed(xml, 'http://www.w3.org/2002/06/xmldsig-filter2'),
    'assertion_signature_transforms',
  ],
  ['a transform by base64', (xml) => transformed(xml, `${DSIG}base64`), 'assertion_signature_transforms'],
  [
    'no transforms',
    (xml) => xml.replace(/<ds:Transform .*(?=<\/ds:Transforms>)/s, ''),
    'assertion_signature_transforms',
  ],
  ['something inside what a transform names', (xml) => inside(xml, 'Transform'), 'assertion_signature_transforms'],
  [
    'something inside what the canonicalisation of the signature names',
    (xml) => inside(xml, 'CanonicalizationMethod'),
    'assertion_signature_canonicalization',
  ],
  [
    'a thousand transforms (CVE-2021-39171)',
    (xml) => xml.replace(/<ds:Transform [^>]*\/>/, (one) => one.repeat(1000)),
    'assertion_signature_transforms',
  ],
  [
    'something within a transform',
    (xml) =>
      xml.replace(
        `<ds:Transform Algorithm="${ENVELOPED}"/>`,
        `<ds:Transform Algorithm="${ENVELOPED}"><ds:XPath>1</ds:XPath></ds:Transform>`,
      ),
    'assertion_signature_transforms',
  ],
  ['HMAC with our certificate for a secret (key confusion)', (xml) => hmac(xml), 'assertion_signature_algorithm'],
  [
    'HMACOutputLength (CVE-2009-0217)',
    (xml) =>
      xml.replace(/(<ds:SignatureMethod [^>]*)\/>/, `$1>${element('HMACOutputLength', '1')}</ds:SignatureMethod>`),
    'assertion_signature_shape',
  ],
  [
    'no algorithm',
    (xml) => xml.replace(/<ds:SignatureMethod Algorithm="[^"]*"/, '<ds:SignatureMethod Algorithm="none"'),
    'assertion_signature_algorithm',
  ],
  [
    'an algorithm that is a name of objects',
    (xml) => xml.replace(RSA_SHA256, '__proto__'),
    'assertion_signature_algorithm',
  ],
];
