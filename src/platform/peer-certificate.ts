// The certificate of whoever has connected, by TLS or by the word of a proxy that ended it. What a sender claims is taken off every request here;
// whose word counts, and at which host, the front decides.
import { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

export interface PeerCertificate {
  certificate: X509Certificate;
  /** An authority that was named for this vouches for it: whoever ended TLS has verified the path (RFC 5280 §6), we never do. */
  vouched: boolean;
}

export interface ProxyHeaders {
  header: string | undefined;
  verifiedHeader: string | undefined;
}

/** What the headers said, before they went. */
export interface Claimed {
  certificate: string | undefined;
  verified: boolean;
}

/** Removes what may be said of a certificate from a request, whoever sent it. */
export function takeClaims(headers: IncomingHttpHeaders, { header, verifiedHeader }: ProxyHeaders): Claimed {
  const said = header ? headers[header] : undefined;
  const verified = verifiedHeader ? headers[verifiedHeader] : undefined;
  for (const name of [header, verifiedHeader]) if (name && name in headers) delete headers[name];
  return {
    certificate: typeof said === 'string' && said !== '' ? said : undefined,
    verified: verified === 'SUCCESS',
  };
}

/** @param header its name, which says the form of the value. @returns undefined for what is no single certificate: a list is two senders' words. */
export function claimedCertificate(header: string, { certificate, verified }: Claimed): PeerCertificate | undefined {
  if (certificate === undefined || certificate.length > LONGEST) return undefined;
  const der = header === 'client-cert' ? fromByteSequence(certificate) : fromPem(certificate);
  const parsed = der && parse(der);
  return parsed && { certificate: parsed, vouched: verified };
}

/** @param hasAuthorities whether the listener was given any: TLS without them vouches for nobody. */
export function shownCertificate({ socket }: IncomingMessage, hasAuthorities: boolean): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate && { certificate, vouched: hasAuthorities && socket.authorized };
}

/** As much as all headers together may be. */
const LONGEST = 16 * 1024;

/** RFC 9440 §2.1: a byte sequence of RFC 8941 §3.3.5. */
function fromByteSequence(value: string): Buffer | undefined {
  const [, base64] = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value) ?? [];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

/** As proxies write it: PEM (RFC 7468 §5) in percent-encoding. */
function fromPem(value: string): Buffer | undefined {
  let pem: string;
  try {
    pem = decodeURIComponent(value);
  } catch {
    return undefined;
  }
  const [, base64] = /^-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/.exec(pem) ?? [];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

function parse(der: Buffer): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(der);
    // Nothing stands behind it: what is hashed is what was parsed.
    return certificate.raw.equals(der) ? certificate : undefined;
  } catch {
    return undefined;
  }
}
