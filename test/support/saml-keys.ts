// RSA keys with a certificate, as SAML wants them: RSA alone has signatures in every library.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SigningKey } from '../../src/saml/sending.js';

export function rsaKey(name = 'sp'): SigningKey {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-saml-'));
  const [certFile, keyFile] = [path.join(folder, 'crt'), path.join(folder, 'key')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
      ...['-keyout', keyFile, '-out', certFile],
    ],
    { stdio: 'pipe' },
  );
  const key = { certificate: readFileSync(certFile, 'utf8'), privateKey: readFileSync(keyFile, 'utf8') };
  rmSync(folder, { recursive: true });
  return key;
}
