// XML Signature as SAML profiles it (SAML Core §5.4): a signature stands in the element that it signs, and refers to that element alone. What it
// looks like is checked before what it says, and what was signed is read anew from the bytes that were signed: nothing beside them is ever seen.
import { createHash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { digests, isVerified, keyOf, signatureAlgorithms } from './gate-algorithms.js';
import type { Checks } from './gate-checks.js';
import { DSIG, ENVELOPED, EXCLUSIVE } from './gate-names.js';
import { canonical } from './xml/canonical.js';
import type { XmlElement } from './xml/element.js';
import { CANONICAL, MESSAGE } from './xml/limits.js';
import { fromBase64 } from './xml/octets.js';
import { parseXml } from './xml/parse.js';

/** What is asked of a signature: whose it must be, and what a check is called by. */
export interface Signer {
  /** `response`, `assertion`, `message`: the first word of each check. */
  of: string;
  certificates: readonly string[];
}

/** What was signed, and how: for a second reader. */
export interface SignedElement {
  element: XmlElement;
  xml: string;
  algorithm: string;
  digest: string;
}

/** @param signed which has exactly one signature for a child. @returns a tree of its own, of what was signed and nothing else */
export function verified(signed: XmlElement, { of, certificates }: Signer, checks: Checks): SignedElement {
  const signature = signed.only(DSIG, 'Signature');
  checks.must(`${of}_signature_count`, signature !== undefined);
  const parts = partsOf(signature);
  checks.must(`${of}_signature_shape`, parts !== undefined);
  const id = signed.attribute('ID') ?? '';
  const uri = parts.reference.attribute('URI');
  // XML Signature §4.4.3.2: an empty URI, an XPointer and an address are other things, all refused.
  checks.must(`${of}_signature_reference`, isId(id) && uri === `#${id}`, {
    ...(uri !== undefined && { seen: uri }),
    expected: `#${id}`,
  });
  const prefixes = prefixesOf(parts.transforms);
  const seen = parts.transforms.map((one) => one.attribute('Algorithm') ?? '');
  checks.must(`${of}_signature_transforms`, prefixes !== undefined, { seen, expected: [ENVELOPED, EXCLUSIVE] });
  const signedInfo = verifiedInfo(parts, keysOf(certificates, checks), of, checks);
  const xml = canonical(signed, { without: signature, prefixes });
  const digest = digested(parts, xml, of, checks);
  return {
    element: parseXml(xml, { limits: { ...MESSAGE, bytes: CANONICAL * 4 } }),
    xml,
    digest,
    algorithm: signedInfo,
  };
}

/** xs:ID, within ASCII. */
const isId = (id: string): boolean => /^[A-Za-z_][\w.-]{0,255}$/.test(id);

interface Parts {
  info: XmlElement;
  canonicalization: XmlElement;
  method: XmlElement;
  reference: XmlElement;
  transforms: XmlElement[];
  digestMethod: XmlElement;
  digestValue: string;
  value: string;
}

/** XML Signature §4.1, without Object, Manifest and all that is optional but KeyInfo, which nobody reads. */
function partsOf(signature: XmlElement): Parts | undefined {
  const [info, value, keyInfo, ...more] = signature.elements;
  if (!isAs(info, 'SignedInfo') || !isAs(value, 'SignatureValue') || more.length > 0) return undefined;
  if (keyInfo && !isAs(keyInfo, 'KeyInfo')) return undefined;
  const [canonicalization, method, reference, ...others] = info.elements;
  if (!isAs(canonicalization, 'CanonicalizationMethod') || !isAs(method, 'SignatureMethod')) return undefined;
  if (!isAs(reference, 'Reference') || others.length > 0 || method.elements.length > 0) return undefined;
  const [transforms, digestMethod, digestValue, ...rest] = reference.elements;
  if (!isAs(transforms, 'Transforms') || !isAs(digestMethod, 'DigestMethod')) return undefined;
  if (!isAs(digestValue, 'DigestValue') || rest.length > 0 || digestMethod.elements.length > 0) return undefined;
  if (!transforms.elements.every((one) => isAs(one, 'Transform'))) return undefined;
  const texts = [digestValue.text, value.text];
  if (texts.some((text) => text === undefined)) return undefined;
  return {
    info,
    canonicalization,
    method,
    reference,
    transforms: transforms.elements,
    digestMethod,
    digestValue: digestValue.text ?? '',
    value: value.text ?? '',
  };
}

const isAs = (element: XmlElement | undefined, local: string): element is XmlElement =>
  element?.is(DSIG, local) === true;

/** Enveloped first, exclusive canonicalisation then (SAML Core §5.4.4). @returns its InclusiveNamespaces */
function prefixesOf([first, second, ...more]: XmlElement[]): string[] | undefined {
  if (first?.attribute('Algorithm') !== ENVELOPED || first.elements.length > 0 || more.length > 0) return undefined;
  return second && inclusive(second);
}

/** Exclusive XML Canonicalization §4: what CanonicalizationMethod and Transform say alike. @returns undefined where it is another algorithm */
function inclusive(method: XmlElement): string[] | undefined {
  const [list, ...more] = method.elements;
  if (method.attribute('Algorithm') !== EXCLUSIVE || more.length > 0) return undefined;
  if (!list) return [];
  // Whatever stands in it would be canonicalised before anybody knows who has written it.
  if (list.elements.length > 0) return undefined;
  const prefixes = list.attribute('PrefixList')?.split(/\s+/).filter(Boolean);
  return list.is(EXCLUSIVE, 'InclusiveNamespaces') && prefixes && prefixes.length <= 20 ? prefixes : undefined;
}

function keysOf(certificates: readonly string[], checks: Checks): KeyObject[] {
  const keys = certificates.map(keyOf).filter((key) => key !== undefined);
  checks.must('signature_certificates', keys.length > 0, { seen: keys.length, setting: 'saml.idp.certificates' });
  return keys;
}

/** @returns the algorithm */
function verifiedInfo(parts: Parts, keys: KeyObject[], of: string, checks: Checks): string {
  const prefixes = inclusive(parts.canonicalization);
  const c14n = parts.canonicalization.attribute('Algorithm') ?? '';
  checks.must(`${of}_signature_canonicalization`, prefixes !== undefined, { seen: c14n, expected: EXCLUSIVE });
  const name = parts.method.attribute('Algorithm') ?? '';
  const algorithm = signatureAlgorithms.get(name);
  checks.must(`${of}_signature_algorithm`, algorithm !== undefined, {
    seen: name,
    expected: [...signatureAlgorithms.keys()],
  });
  const over = Buffer.from(canonical(parts.info, { prefixes }));
  const value = fromBase64(parts.value, 1024);
  const isSigned = keys.some((key) => isVerified(algorithm, key, over, value));
  checks.must(`${of}_signature_value`, isSigned, { setting: 'saml.idp.certificates' });
  return name;
}

/** @returns the algorithm */
function digested(parts: Parts, xml: string, of: string, checks: Checks): string {
  const name = parts.digestMethod.attribute('Algorithm') ?? '';
  const hash = digests.get(name);
  checks.must(`${of}_digest_algorithm`, hash !== undefined, { seen: name, expected: [...digests.keys()] });
  const expected = createHash(hash).update(xml).digest();
  const said = fromBase64(parts.digestValue, 64);
  checks.must(`${of}_digest_value`, said.length === expected.length && timingSafeEqual(said, expected));
  return name;
}
