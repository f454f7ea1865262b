// SimpleSAMLphp (Debian's package) as an identity provider: in a folder of its own, served by PHP itself, with one person who signs in.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { samlKey } from './saml/keys.js';
import { freePort } from './server.js';

const home = '/usr/share/simplesamlphp';
export const simpleSamlPhpIsHere = existsSync(`${home}/www`) && spawnSync('php', ['-v']).status === 0;

export const person = { username: 'alice', password: 'alicepass', email: 'alice@acme.example' };

export interface SimpleSamlPhp {
  origin: string;
  entityId: string;
  /** It knows us by our own metadata. */
  know(metadata: string): void;
  /** @param content with which algorithm; as it comes it knows CBC alone (EncryptedAssertion::setAssertion). */
  encrypt(content: 'AES128_CBC' | 'AES256_GCM' | undefined): void;
  log(): string;
  stop(): Promise<void>;
}

export async function startSimpleSamlPhp(): Promise<SimpleSamlPhp> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-simplesamlphp-'));
  const place = (...names: string[]) => path.join(folder, ...names);
  for (const name of ['config', 'metadata', 'cert', 'log', 'data', 'tmp', 'sessions']) mkdirSync(place(name));
  const origin = `http://127.0.0.1:${await freePort()}`;
  const entityId = `${origin}/saml2/idp/metadata.php`;
  const { certificate, privateKey } = samlKey();
  writeFileSync(place('cert', 'idp.crt'), certificate);
  writeFileSync(place('cert', 'idp.pem'), privateKey);
  const know = (metadata: string) => writeFileSync(place('metadata', 'sp.xml'), metadata);
  know('<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>');
  writeFileSync(place('config', 'config.php'), config(origin, place));
  writeFileSync(place('config', 'authsources.php'), sources);
  const encrypt: SimpleSamlPhp['encrypt'] = (content) => {
    writeFileSync(place('metadata', 'saml20-idp-hosted.php'), hosted(entityId, content !== undefined));
    writeFileSync(place('changed.php'), withContent(content ?? 'AES128_CBC'));
  };
  encrypt(undefined);
  writeFileSync(place('first.php'), first(place('changed.php')));
  const child = serve(folder, origin);
  await answering(entityId, child);
  return {
    ...{ origin, entityId, know, encrypt },
    log: () => readFileSync(place('log', 'simplesamlphp.log'), 'utf8'),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

function serve(folder: string, origin: string): ChildProcess {
  const settings = {
    'session.save_path': path.join(folder, 'sessions'),
    auto_prepend_file: path.join(folder, 'first.php'),
    'opcache.enable': '0',
  };
  const given = Object.entries(settings).flatMap(([name, value]) => ['-d', `${name}=${value}`]);
  return spawn('php', [...given, '-S', new URL(origin).host, '-t', `${home}/www`], {
    stdio: 'ignore',
    env: { ...process.env, SIMPLESAMLPHP_CONFIG_DIR: path.join(folder, 'config') },
  });
}

async function answering(address: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (child.exitCode !== null) break;
    const answer = await fetch(address).catch(() => undefined);
    if (answer?.ok) return;
    await delay(100);
  }
  throw new Error('SimpleSAMLphp does not answer');
}

const config = (origin: string, place: (name: string) => string) => `<?php
$config = [
  'baseurlpath' => '${origin}/',
  'certdir' => '${place('cert')}/', 'loggingdir' => '${place('log')}/', 'datadir' => '${place('data')}/', 'tempdir' => '${place('tmp')}',
  'metadatadir' => '${place('metadata')}/',
  'metadata.sources' => [['type' => 'flatfile'], ['type' => 'xml', 'file' => '${place('metadata')}/sp.xml']],
  'secretsalt' => 'a salt of this run', 'auth.adminpassword' => 'nobody signs in by it',
  'technicalcontact_email' => 'nobody@example.org', 'timezone' => 'UTC',
  'logging.handler' => 'file', 'logging.logfile' => 'simplesamlphp.log', 'logging.level' => 6,
  'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
  'session.duration' => 3600, 'session.cookie.secure' => false, 'session.phpsession.savepath' => '${place('sessions')}',
  'store.type' => 'phpsession', 'language.default' => 'en', 'language.available' => ['en'],
];
`;

const sources = `<?php
$config = ['example' => ['exampleauth:UserPass',
  '${person.username}:${person.password}' => ['uid' => ['${person.username}'], 'mail' => ['${person.email}'], 'groups' => ['staff', 'admins']],
]];
`;

const hosted = (entityId: string, isEncrypted: boolean) => `<?php
$metadata['${entityId}'] = [
  'host' => '__DEFAULT__', 'privatekey' => 'idp.pem', 'certificate' => 'idp.crt', 'auth' => 'example',
  'sign.logout' => true, 'validate.logout' => true, 'validate.authnrequest' => true, 'redirect.sign' => true, 'redirect.validate' => true,
  'assertion.encryption' => ${isEncrypted ? 'true' : 'false'}, 'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'authproc' => [1 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent']],
];
`;

const source = `${home}/vendor/simplesamlphp/saml2/src/SAML2/EncryptedAssertion.php`;

/** The one word that says with what it encrypts is no setting there. */
const withContent = (content: string): string =>
  readFileSync(source, 'utf8').replace(
    'new XMLSecurityKey(XMLSecurityKey::AES128_CBC)',
    `new XMLSecurityKey(XMLSecurityKey::${content})`,
  );

const first = (changed: string) => `<?php
require_once '${home}/lib/_autoload.php';
spl_autoload_register(function ($class) {
  if ($class === 'SAML2\\\\EncryptedAssertion') require '${changed}';
}, true, true);
`;
