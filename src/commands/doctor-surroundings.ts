// The checks of what is around the server: Node.js, files, Redis, mail, certificates.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Redis } from 'ioredis';
import { mailDriver } from '../features/mail/mail.driver.js';
import { type Check, type DoctorConfig, fail, ok, warn } from './doctor-check.js';

const patienceMs = 5_000;
const DAY = 24 * 3600 * 1000;

/** As package.json says. */
export function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const supported =
    (major === 20 && minor >= 19) || (major === 22 && minor >= 13) || (major === 24 && minor >= 11) || major > 24;
  if (supported) return ok('node', version);
  return fail('node', `${version} is not supported`, 'use Node.js 20.19, 22.13, 24.11 or later');
}

export function dataDirCheck({ dataDir, databaseUrl }: DoctorConfig): Check {
  const name = 'data folder';
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  if (!stat) return ok(name, databaseUrl ? `${dataDir} is not needed` : `${dataDir} is made at the first start`);
  if (!stat.isDirectory()) return fail(name, `${dataDir} is not a folder`, 'set DATA_DIR to a folder');
  try {
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return fail(name, `${dataDir} cannot be written`, 'give it to the user that runs the server');
  }
  // It holds the database and, in development, the keys that everything is sealed with.
  if ((stat.mode & 0o077) !== 0) return warn(name, `${dataDir} is open to other users`, `run: chmod 700 ${dataDir}`);
  return ok(name, dataDir);
}

export async function redisCheck({ redisUrl, workers }: DoctorConfig): Promise<Check> {
  if (!redisUrl) return ok('redis', workers > 1 ? 'not set' : 'not set, and not needed with one process');
  // Of a cluster, the first node: whoever answers knows the others.
  const [first = ''] = redisUrl.split(',');
  const client = new Redis(first, { lazyConnect: true, connectTimeout: patienceMs, retryStrategy: () => null });
  let reason = '';
  client.on('error', (error: NodeJS.ErrnoException) => {
    reason = error.code ?? error.message;
  });
  try {
    await client.connect();
    await client.ping();
    return ok('redis', 'answers');
  } catch (error) {
    const advice = 'check REDIS_URL, and that Redis is running and lets this user in';
    return fail('redis', `does not answer (${reason || (error as Error).message})`, advice);
  } finally {
    client.disconnect();
  }
}

/** Connects, waits for the greeting (RFC 5321 §3.1), and shows our credentials where there are any; sends nothing. */
export async function mailCheck({ mailUrl, environment }: DoctorConfig): Promise<Check> {
  if (!mailUrl) {
    if (environment !== 'production') return ok('mail', 'not set; kept on /dev/mailbox in development');
    return fail('mail', 'not set', 'set MAIL_URL');
  }
  const { protocol, hostname, port } = new URL(mailUrl);
  const secure = protocol === 'smtps:';
  const address = { host: hostname, port: Number(port || (secure ? 465 : 587)) };
  const socket = secure ? connectTls({ ...address, servername: hostname }) : connect(address);
  try {
    const greeting = await firstLine(socket);
    if (greeting.startsWith('220')) return await takesMail(mailUrl, `${address.host}:${address.port}`);
    return fail('mail', `${address.host}:${address.port} is not ready (${greeting.slice(0, 60)})`, 'ask its operator');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const advice = 'check MAIL_URL: host, port, and smtps for TLS from the start';
    return fail('mail', `${address.host}:${address.port} cannot be reached (${code ?? message})`, advice);
  } finally {
    socket.destroy();
  }
}

/** As the server itself would begin: TLS, and the user of MAIL_URL. */
async function takesMail(mailUrl: string, where: string): Promise<Check> {
  if (!new URL(mailUrl).username) return ok('mail', `${where} answers`);
  const driver = mailDriver(mailUrl, '');
  try {
    const health = await driver.check();
    if (health === 'healthy') return ok('mail', `${where} answers and lets us in`);
    return fail(
      'mail',
      `${where} answers and does not let us in (${health.reason})`,
      'check user and password in MAIL_URL, and its certificate',
    );
  } finally {
    driver.close();
  }
}

const firstLine = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    socket.setTimeout(patienceMs, () => reject(new Error('no greeting within 5 seconds')));
    socket.once('error', reject);
    socket.once('end', () => reject(new Error('closed without a greeting')));
    socket.once('data', (data) => resolve(data.toString('latin1').trim()));
  });

export function tlsCheck({ tls, issuer, mutualTls }: DoctorConfig, now = new Date()): Check {
  if (!tls) return ok('tls', issuer.startsWith('https:') ? 'left to the proxy in front' : 'not set');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readFileSync(tls.cert));
    const key = createPrivateKey(readFileSync(tls.key));
    if (!certificate.checkPrivateKey(key))
      return fail('tls', 'TLS_KEY is not the key of TLS_CERT', 'use the two that belong together');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return fail('tls', `TLS_CERT or TLS_KEY cannot be read (${code ?? message})`, 'use PEM files this user may read');
  }
  const ends = new Date(certificate.validTo);
  const days = Math.floor((ends.getTime() - now.getTime()) / DAY);
  if (days < 0) return fail('tls', `the certificate expired on ${ends.toISOString()}`, 'renew it');
  if (new Date(certificate.validFrom) > now)
    return fail('tls', 'the certificate is not valid yet', 'check the clock of this machine');
  const origins = [issuer, ...(mutualTls?.port === undefined ? [] : [mutualTls.origin])];
  const unnamed = origins.map((origin) => new URL(origin).hostname).find((host) => !certificate.checkHost(host));
  if (unnamed)
    return warn(
      'tls',
      `the certificate does not name ${unnamed}`,
      `use one for the host of ${mutualTls ? 'ISSUER and MTLS_ORIGIN' : 'ISSUER'}`,
    );
  if (days < 14) return warn('tls', `the certificate ends in ${days} days`, 'renew it');
  return ok('tls', `the certificate is good for ${days} days`);
}
