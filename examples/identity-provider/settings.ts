// Where everything is, and the key that signs. The key is kept in a file, so that whoever trusts its certificate does so after a restart too.
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export const { ISSUER = 'http://localhost:3000', ORIGIN = 'http://localhost:8090' } = process.env;
export const { HOST = '127.0.0.1', KEY_FILE = 'identity-provider.pem' } = process.env;

function newKey(): string {
  const what = ['-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=company.example'];
  return execFileSync('openssl', ['req', '-x509', ...what, '-keyout', '-'], { encoding: 'utf8', stdio: 'pipe' });
}

const partOf = (pem: string, name: string): string =>
  new RegExp(`-----BEGIN ${name}-----[^-]+-----END ${name}-----`).exec(pem)?.[0] ?? '';

export interface Key {
  /** PEM. */
  certificate: string;
  /** PKCS #8, PEM. */
  privateKey: string;
}

const keyIn = (pem: string): Key => ({
  certificate: partOf(pem, 'CERTIFICATE'),
  privateKey: partOf(pem, 'PRIVATE KEY'),
});

if (!existsSync(KEY_FILE)) writeFileSync(KEY_FILE, newKey(), { mode: 0o600, flag: 'wx' });
export const key = keyIn(readFileSync(KEY_FILE, 'utf8'));

let stranger: Key | undefined;
/** One that nobody was told of, as after a certificate was replaced and one side has not heard of it. */
export function unknownKey(): Key {
  stranger ??= keyIn(newKey());
  return stranger;
}

/** For OpenID Connect. */
export const jwk = { ...createPrivateKey(key.privateKey).export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
