// The redirect binding (SAML Bindings §3.4): the signature is over the octets of the query as they were sent, not over what anybody makes of them.
import { isVerified, keyOf, signatureAlgorithms } from './gate-algorithms.js';
import type { Checks } from './gate-checks.js';
import { MESSAGE, REDIRECT_BYTES } from './xml/limits.js';
import { fromBase64, fromUtf8, inflated } from './xml/octets.js';

export type MessageName = 'SAMLRequest' | 'SAMLResponse';

const DEFLATE = 'urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE';
const KNOWN = ['SAMLRequest', 'SAMLResponse', 'RelayState', 'SigAlg', 'Signature', 'SAMLEncoding'];

export interface QuerySigner {
  certificates: readonly string[];
  /** Of an authentication request only where it was agreed that none is signed: then a signature that is there counts all the same. */
  required: boolean;
}

/** @param query as it stood behind the question mark. @returns the message, inflated */
export function fromQuery(
  query: string,
  name: MessageName,
  { certificates, required }: QuerySigner,
  checks: Checks,
): string {
  checks.must('query_size', query.length <= REDIRECT_BYTES, { seen: query.length, expected: REDIRECT_BYTES });
  const raw = parametersOf(query);
  checks.must('query_parameters', raw !== undefined);
  checks.must('query_message', raw.has(name) && !raw.has(otherOf(name)), { expected: name });
  const encoding = raw.get('SAMLEncoding');
  checks.must('query_encoding', encoding === undefined || decoded(encoding) === DEFLATE);
  if (required || raw.has('Signature') || raw.has('SigAlg')) verifiedQuery(raw, name, certificates, checks);
  const message = inflated(fromBase64(decoded(raw.get(name) ?? ''), REDIRECT_BYTES), MESSAGE.bytes);
  return fromUtf8(message);
}

const otherOf = (name: MessageName): MessageName => (name === 'SAMLRequest' ? 'SAMLResponse' : 'SAMLRequest');

/** Each of ours once, under its plain name: who reads `%52elayState` as RelayState must not find another one. */
function parametersOf(query: string): Map<string, string> | undefined {
  const raw = new Map<string, string>();
  for (const parameter of query.split('&')) {
    const at = parameter.indexOf('=');
    const written = at < 0 ? parameter : parameter.slice(0, at);
    const name = decoded(written);
    if (!KNOWN.some((one) => one.toLowerCase() === name.toLowerCase())) continue;
    if (name !== written || !KNOWN.includes(name) || raw.has(name)) return undefined;
    raw.set(name, at < 0 ? '' : parameter.slice(at + 1));
  }
  return raw;
}

function verifiedQuery(
  raw: ReadonlyMap<string, string>,
  name: MessageName,
  certificates: readonly string[],
  checks: Checks,
): void {
  checks.must('message_signature', raw.has('Signature') && raw.has('SigAlg'), { setting: 'saml.idp.certificates' });
  const keys = certificates.map(keyOf).filter((key) => key !== undefined);
  checks.must('signature_certificates', keys.length > 0, { seen: keys.length, setting: 'saml.idp.certificates' });
  const seen = decoded(raw.get('SigAlg') ?? '');
  const algorithm = signatureAlgorithms.get(seen);
  checks.must('message_signature_algorithm', algorithm !== undefined, {
    seen,
    expected: [...signatureAlgorithms.keys()],
  });
  const signed = [name, 'RelayState', 'SigAlg'].filter((one) => raw.has(one)).map((one) => `${one}=${raw.get(one)}`);
  const value = fromBase64(decoded(raw.get('Signature') ?? ''), 1024);
  const over = Buffer.from(signed.join('&'));
  const isSigned = keys.some((key) => isVerified(algorithm, key, over, value));
  checks.must('message_signature_value', isSigned, { setting: 'saml.idp.certificates' });
}

/** What cannot be decoded is nothing that counts. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
