// xmlsec1: signatures in XML as somebody else reads them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const hasXmlsec = spawnSync('xmlsec1', ['--version']).status === 0;

/** @param element local name of the signed element, of the namespace. @returns whether xmlsec1 finds the signature good under this certificate alone. */
export function xmlsecVerifies(xml: string, certificate: string, [namespace, element]: [string, string]): boolean {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-xmlsec-'));
  const [document, key] = [path.join(folder, 'message.xml'), path.join(folder, 'key.pem')];
  writeFileSync(document, xml);
  writeFileSync(key, certificate);
  const { status } = spawnSync(
    'xmlsec1',
    [
      '--verify',
      '--enabled-key-data',
      'rsa',
      '--pubkey-cert-pem',
      key,
      '--id-attr:ID',
      `${namespace}:${element}`,
      document,
    ],
    { encoding: 'utf8' },
  );
  rmSync(folder, { recursive: true });
  return status === 0;
}
