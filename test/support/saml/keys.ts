// Keys that identity providers and service providers of SAML sign and decrypt with, each in a certificate of its own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface SamlKey {
  /** PEM */
  certificate: string;
  /** PEM, PKCS#8 */
  privateKey: string;
}

const kinds = {
  'RSA 1024': ['rsa:1024'],
  'RSA 2048': ['rsa:2048'],
  'P-256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'P-224': ['ec', '-pkeyopt', 'ec_paramgen_curve:secp224r1'],
  secp256k1: ['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
} as const;

export function samlKey(kind: keyof typeof kinds = 'RSA 2048'): SamlKey {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-saml-'));
  const [cert, key] = [path.join(folder, 'cert'), path.join(folder, 'key')];
  try {
    const files = ['-nodes', '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', '-newkey', ...kinds[kind], ...files, '-days', '2', '-subj', '/CN=saml'], {
      stdio: 'pipe',
    });
    return { certificate: readFileSync(cert, 'utf8'), privateKey: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
