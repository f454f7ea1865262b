// The only reader of the environment: values that were checked, or all mistakes at once.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { z } from 'zod';
import { developmentSecrets } from './development-secrets.js';
import { type apiTiers, isLoopback } from './protocol.js';
import { projectRoot } from './root.js';
import type { Variable } from './variable.js';
import { variables } from './variables.js';

type Name = keyof typeof variables;
type Given = { [K in Name]: z.output<(typeof variables)[K]['rule']> };
type Values = Given & { ISSUER: string };

export interface Config {
  issuer: string;
  tenantDomain: string | undefined;
  /** Of tenants whose tier nobody has said. */
  apiTier: keyof typeof apiTiers;
  /** Whether X-Organization is read. */
  organizationHeader: boolean;
  host: string;
  port: number;
  databaseUrl: string | undefined;
  /** Set where databaseUrl is a pooler in transaction mode. */
  databaseDirectUrl: string | undefined;
  databaseReadUrl: string | undefined;
  dataDir: string;
  auditArchiveDir: string | undefined;
  auditArchiveBucket: ArchiveBucket | undefined;
  redisUrl: string | undefined;
  encryptionKeys: ReadonlyMap<string, Buffer>;
  cookieKeys: readonly string[];
  mailUrl: string | undefined;
  turnstile: { siteKey: string; secret: string; testing: boolean } | undefined;
  /** RFC 9116 §2.5.3. */
  securityContact: string | undefined;
  trustProxy: readonly string[];
  tls: { cert: string; key: string } | undefined;
  mutualTls: MutualTls | undefined;
  egressAllow: readonly string[];
  /** Absent where another process answers for this one. */
  metricsPort: number | undefined;
  workers: number;
  role: 'all' | 'web' | 'jobs';
  drainDelayMs: number;
  applyFile: string | undefined;
  admin: { email: string; password: string } | undefined;
  demo: boolean;
  demoPort: number;
  logLevel: 'error' | 'warn' | 'info' | 'debug';
  environment: 'development' | 'test' | 'production';
}

/** Where it is, and who writes to it. */
export type ArchiveBucket = NonNullable<Given['AUDIT_ARCHIVE_URL']> & {
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined };
};

/** RFC 8705: where clients show certificates, and who says which. */
export interface MutualTls {
  origin: string;
  /** Of a listener of our own. */
  port: number | undefined;
  /** Path of the authorities that vouch for clients there. */
  ca: string | undefined;
  /** Names of headers, in lower case, in which a proxy says the certificate, and that an authority vouches for it. */
  header: string | undefined;
  verifiedHeader: string | undefined;
}

/** All mistakes at once, each by name, rule and example, never the value. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** @throws ConfigError naming every variable that is missing or wrong. */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const problems: string[] = [];
  const given = readVariables(environment, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const values: Values = { ...given, ISSUER: given.ISSUER ?? `http://localhost:${given.PORT || 3000}` };

  problems.push(...contradictions(values), ...(values.NODE_ENV === 'production' ? insecurities(values) : []));
  if (problems.length > 0) throw new ConfigError(problems);

  const dataDir = path.resolve(projectRoot, values.DATA_DIR);
  const secrets = values.ENCRYPTION_KEYS && values.COOKIE_KEYS ? undefined : developmentSecrets(dataDir);
  const url = new URL(values.ISSUER);
  return {
    issuer: values.ISSUER,
    tenantDomain: values.TENANT_DOMAIN,
    host: values.HOST,
    port: values.PORT ?? Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
    databaseUrl: values.DATABASE_URL,
    databaseDirectUrl: values.DATABASE_DIRECT_URL,
    databaseReadUrl: values.DATABASE_READ_URL,
    dataDir,
    auditArchiveDir: values.AUDIT_ARCHIVE_DIR && path.resolve(projectRoot, values.AUDIT_ARCHIVE_DIR),
    auditArchiveBucket: archiveBucket(values),
    redisUrl: values.REDIS_URL,
    encryptionKeys: values.ENCRYPTION_KEYS ?? new Map([['dev', Buffer.from(secrets?.encryption_key ?? '', 'base64')]]),
    cookieKeys: values.COOKIE_KEYS ?? [secrets?.cookie_key ?? ''],
    mailUrl: values.MAIL_URL?.startsWith('mailbox:') ? undefined : values.MAIL_URL,
    turnstile:
      values.TURNSTILE_SITE_KEY && values.TURNSTILE_SECRET
        ? {
            siteKey: values.TURNSTILE_SITE_KEY,
            secret: values.TURNSTILE_SECRET,
            testing: isTestKey(values.TURNSTILE_SITE_KEY),
          }
        : undefined,
    securityContact: values.SECURITY_CONTACT,
    trustProxy: values.TRUST_PROXY ?? [],
    tls: values.TLS_CERT && values.TLS_KEY ? { cert: values.TLS_CERT, key: values.TLS_KEY } : undefined,
    mutualTls: values.MTLS_ORIGIN
      ? {
          origin: values.MTLS_ORIGIN,
          port: values.MTLS_PORT,
          ca: values.MTLS_CA,
          header: values.MTLS_HEADER,
          verifiedHeader: values.MTLS_VERIFIED_HEADER,
        }
      : undefined,
    egressAllow: values.EGRESS_ALLOW ?? [],
    metricsPort: values.METRICS_PORT,
    workers: values.WORKERS === 'auto' ? availableParallelism() : values.WORKERS,
    role: values.ROLE,
    drainDelayMs: (values.DRAIN_DELAY ?? (values.NODE_ENV === 'production' ? 5 : 0)) * 1000,
    applyFile: values.APPLY_FILE,
    admin:
      values.ADMIN_EMAIL && values.ADMIN_PASSWORD
        ? { email: values.ADMIN_EMAIL, password: values.ADMIN_PASSWORD }
        : undefined,
    apiTier: values.API_TIER,
    organizationHeader: values.ORGANIZATION_HEADER,
    demo: values.DEMO ?? values.NODE_ENV === 'development',
    demoPort: values.DEMO_PORT,
    logLevel: values.LOG_LEVEL,
    environment: values.NODE_ENV,
  };
}

function readVariables(environment: NodeJS.ProcessEnv, problems: string[]): Given {
  const values: Record<string, unknown> = {};
  for (const [name, { rule, example, secret }] of Object.entries<Variable>(variables)) {
    const file = environment[`${name}_FILE`];
    let raw = environment[name] || undefined;
    if (raw !== undefined && file) problems.push(`${name}: set either ${name} or ${name}_FILE, not both`);
    if (raw === undefined && file) {
      try {
        raw = readFileSync(file, 'utf8').trim();
      } catch {
        problems.push(`${name}_FILE: the file cannot be read`);
        continue;
      }
    }
    // What everybody can read is nobody's secret.
    if (secret && raw === example) {
      problems.push(`${name}: is still what the example says`);
      continue;
    }
    const result = rule.safeParse(raw);
    if (result.success) values[name] = result.data;
    else problems.push(`${name}: ${result.error.issues.map((issue) => issue.message).join('; ')}. Example: ${example}`);
  }
  return values as Given;
}

const archiveBucket = (values: Values): ArchiveBucket | undefined =>
  values.AUDIT_ARCHIVE_URL && {
    ...values.AUDIT_ARCHIVE_URL,
    credentials: {
      accessKeyId: values.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: values.AWS_SECRET_ACCESS_KEY ?? '',
      sessionToken: values.AWS_SESSION_TOKEN,
    },
  };

function contradictions(values: Values): string[] {
  const problems: string[] = [];
  const many = values.WORKERS === 'auto' || values.WORKERS > 1;
  if (many && !values.DATABASE_URL)
    problems.push('DATABASE_URL: needed with more than one of WORKERS; the embedded database serves one process');
  if (many && !values.REDIS_URL) problems.push('REDIS_URL: needed with more than one of WORKERS');
  const part = values.ROLE !== 'all';
  if (part && !values.DATABASE_URL) problems.push('DATABASE_URL: needed where ROLE is a part of the server');
  if ((values.DATABASE_DIRECT_URL || values.DATABASE_READ_URL) && !values.DATABASE_URL)
    problems.push('DATABASE_URL: needed with DATABASE_DIRECT_URL and DATABASE_READ_URL');
  if (part && !values.REDIS_URL) problems.push('REDIS_URL: needed where ROLE is a part of the server');
  if (values.TENANT_DOMAIN && values.ISSUER.startsWith('http:') && !isLoopback(values.TENANT_DOMAIN))
    problems.push('TENANT_DOMAIN: must be below localhost where ISSUER is http');
  if (Boolean(values.TLS_CERT) !== Boolean(values.TLS_KEY)) problems.push('TLS_CERT, TLS_KEY: set both or neither');
  if (values.TLS_CERT && values.ISSUER.startsWith('http:'))
    problems.push('ISSUER: must be https where TLS_CERT is set');
  problems.push(...contradictionsOfMutualTls(values));
  if (Boolean(values.TURNSTILE_SITE_KEY) !== Boolean(values.TURNSTILE_SECRET))
    problems.push('TURNSTILE_SITE_KEY, TURNSTILE_SECRET: set both or neither');
  if (values.AUDIT_ARCHIVE_URL && values.AUDIT_ARCHIVE_DIR)
    problems.push('AUDIT_ARCHIVE_DIR, AUDIT_ARCHIVE_URL: set one of them');
  if (values.AUDIT_ARCHIVE_URL && !(values.AWS_ACCESS_KEY_ID && values.AWS_SECRET_ACCESS_KEY))
    problems.push('AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: needed with AUDIT_ARCHIVE_URL');
  if (Boolean(values.ADMIN_EMAIL) !== Boolean(values.ADMIN_PASSWORD))
    problems.push('ADMIN_EMAIL, ADMIN_PASSWORD: set both or neither');
  return problems;
}

function contradictionsOfMutualTls(values: Values): string[] {
  const { MTLS_ORIGIN: origin, MTLS_PORT: listener, MTLS_HEADER: header, TENANT_DOMAIN: domain } = values;
  const problems: string[] = [];
  if (!origin) {
    const parts = ['MTLS_PORT', 'MTLS_CA', 'MTLS_HEADER', 'MTLS_VERIFIED_HEADER'] as const;
    if (parts.some((name) => values[name] !== undefined))
      problems.push('MTLS_ORIGIN: needed with MTLS_PORT, MTLS_CA, MTLS_HEADER and MTLS_VERIFIED_HEADER');
    return problems;
  }
  // Browsers would ask people for a certificate, and a proxy that lets a header through at one host would do so for all.
  if (new URL(origin).host === new URL(values.ISSUER).host)
    problems.push('MTLS_ORIGIN: must be another host than ISSUER');
  // It would be the name of a tenant.
  if (domain && new URL(origin).hostname.endsWith(`.${domain}`))
    problems.push('MTLS_ORIGIN: must not be below TENANT_DOMAIN');
  if (values.ISSUER.startsWith('http:')) problems.push('ISSUER: must be https where MTLS_ORIGIN is set');
  if ((listener === undefined) === (header === undefined))
    problems.push('MTLS_PORT, MTLS_HEADER: set one of them with MTLS_ORIGIN');
  if (listener !== undefined && !values.TLS_CERT) problems.push('TLS_CERT, TLS_KEY: needed with MTLS_PORT');
  if (values.MTLS_CA && listener === undefined) problems.push('MTLS_PORT: needed with MTLS_CA');
  if (header && !values.TRUST_PROXY?.length) problems.push('TRUST_PROXY: needed with MTLS_HEADER');
  if (values.MTLS_VERIFIED_HEADER && !header) problems.push('MTLS_HEADER: needed with MTLS_VERIFIED_HEADER');
  if (header && header === values.MTLS_VERIFIED_HEADER)
    problems.push('MTLS_HEADER, MTLS_VERIFIED_HEADER: must be two headers');
  return problems;
}

function insecurities(values: Values): string[] {
  const problems: string[] = [];
  if (values.ISSUER.startsWith('http:'))
    problems.push('ISSUER: must be https in production. Example: https://id.example.com');
  if (!values.TLS_CERT && !values.TRUST_PROXY)
    problems.push('TLS_CERT and TLS_KEY, or TRUST_PROXY: production serves https itself or behind a proxy it knows');
  if (!values.ENCRYPTION_KEYS)
    problems.push(`ENCRYPTION_KEYS: required in production. Example: ${variables.ENCRYPTION_KEYS.example}`);
  if (!values.COOKIE_KEYS)
    problems.push(`COOKIE_KEYS: required in production. Example: ${variables.COOKIE_KEYS.example}`);
  if (!values.MAIL_URL || values.MAIL_URL.startsWith('mailbox:'))
    problems.push(`MAIL_URL: required in production. Example: ${variables.MAIL_URL.example}`);
  if ([values.TURNSTILE_SITE_KEY, values.TURNSTILE_SECRET].some((key) => key && isTestKey(key)))
    problems.push('TURNSTILE_SITE_KEY, TURNSTILE_SECRET: are keys for tests, which let everybody pass or nobody');
  if (values.DEMO) problems.push('DEMO: must be false or absent in production');
  return problems;
}

/** Keys that everybody knows and that pass, fail or ask always (Cloudflare Turnstile: Testing). */
const isTestKey = (key: string): boolean => /^[123]x0{10,}/.test(key);
