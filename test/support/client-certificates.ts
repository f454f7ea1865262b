// Certificates that clients show: of an authority, or self-signed; and requests that show one.
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Agent, fetch as undiciFetch } from 'undici';

export interface ClientCertificate {
  cert: string;
  key: string;
  parsed: X509Certificate;
  /** RFC 8705 §3.1. */
  thumbprint: string;
  /** RFC 7517 §4.7: as a client registers it. */
  jwk: Record<string, unknown>;
  /** RFC 9440 §2.1. */
  header: string;
}

interface Wanted {
  /** As openssl takes it: first relative name first, `/O=Example/CN=client`. */
  subject?: string;
  /** subjectAltName, as openssl takes it. */
  names?: string;
  /** Of the past, where it is negative. */
  days?: number;
}

export class CertificateMaker {
  private readonly folder = mkdtempSync(path.join(tmpdir(), 'ostiary-clients-'));
  private made = 0;

  /** @returns its path, as MTLS_CA takes it. */
  authority(name: string): string {
    const [cert, key] = [path.join(this.folder, `${name}.crt`), path.join(this.folder, `${name}.key`)];
    openssl([...newKey(key), '-x509', '-days', '2', '-out', cert, '-subj', `/CN=${name}`]);
    return cert;
  }

  selfSigned(wanted: Wanted = {}): ClientCertificate {
    const { cert, key } = this.files();
    openssl([...newKey(key), '-x509', '-days', '2', '-out', cert, ...subjectOf(wanted)]);
    return read(cert, key);
  }

  signedBy(authority: string, wanted: Wanted = {}): ClientCertificate {
    const { cert, key } = this.files();
    const by = ['-CA', authority, '-CAkey', authority.replace(/crt$/, 'key')];
    const asked = `${cert}.csr`;
    openssl([...newKey(key), '-new', '-out', asked, ...subjectOf(wanted)]);
    openssl([
      'x509',
      '-req',
      '-in',
      asked,
      ...by,
      '-out',
      cert,
      '-copy_extensions',
      'copyall',
      '-days',
      String(wanted.days ?? 1),
    ]);
    return read(cert, key);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private files() {
    this.made += 1;
    return { cert: path.join(this.folder, `${this.made}.crt`), key: path.join(this.folder, `${this.made}.key`) };
  }
}

/** fetch that shows a certificate, or none, and believes one server. */
export function showing(serverCertificate: string, shown?: ClientCertificate): typeof fetch {
  const connect = { ca: serverCertificate, ...(shown ? { cert: shown.cert, key: shown.key } : {}) };
  const dispatcher = new Agent({ connect });
  return ((url: string, init?: RequestInit) => undiciFetch(url, { ...init, dispatcher } as never)) as never;
}

const openssl = (args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });

const newKey = (file: string) =>
  ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file] as const;

const subjectOf = ({ subject = '/CN=client', names }: Wanted) => [
  ...['-utf8', '-subj', subject],
  ...(names ? ['-addext', `subjectAltName=${names}`] : []),
];

function read(certFile: string, keyFile: string): ClientCertificate {
  const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
  const parsed = new X509Certificate(cert);
  const base64 = parsed.raw.toString('base64');
  return {
    cert,
    key,
    parsed,
    thumbprint: createHash('sha256').update(parsed.raw).digest('base64url'),
    jwk: { ...parsed.publicKey.export({ format: 'jwk' }), x5c: [base64] },
    header: `:${base64}:`,
  };
}
