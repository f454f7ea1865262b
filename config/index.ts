// The only reader of the environment: values that were checked, or all mistakes at once.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { contradictions, insecurities, isTestKey } from './contradictions.js';
import { developmentSecrets } from './development-secrets.js';
import type { apiTiers } from './protocol.js';
import { projectRoot } from './root.js';
import type { Variable } from './variable.js';
import { type Given, type Values, variables } from './variables.js';

export interface Config {
  issuer: string;
  tenantDomain: string | undefined;
  /** Of tenants whose tier nobody has said. */
  apiTier: keyof typeof apiTiers;
  /** Whether the management API is shown in the browser. */
  apiDocs: boolean;
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
  /** OpenTelemetry, where it is asked for. */
  tracing: TraceSettings | undefined;
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

export interface TraceSettings {
  /** Whole, with its path. */
  url: string | undefined;
  protocol: 'http/protobuf' | 'http/json';
  serviceName: string | undefined;
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
    tracing: tracingOf(values),
    workers: values.WORKERS === 'auto' ? availableParallelism() : values.WORKERS,
    role: values.ROLE,
    drainDelayMs: (values.DRAIN_DELAY ?? (values.NODE_ENV === 'production' ? 5 : 0)) * 1000,
    applyFile: values.APPLY_FILE,
    admin:
      values.ADMIN_EMAIL && values.ADMIN_PASSWORD
        ? { email: values.ADMIN_EMAIL, password: values.ADMIN_PASSWORD }
        : undefined,
    apiTier: values.API_TIER,
    apiDocs: values.API_DOCS === 'on',
    organizationHeader: values.ORGANIZATION_HEADER,
    demo: values.DEMO ?? values.NODE_ENV === 'development',
    demoPort: values.DEMO_PORT,
    logLevel: values.LOG_LEVEL,
    environment: values.NODE_ENV,
  };
}

/** What its own packages read beside (headers, samplers, batches) is theirs. Addresses are ours to read: they may stand in a file. */
function tracingOf(values: Values): Config['tracing'] {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whole } = values;
  const asked = values.OTEL_TRACES_EXPORTER ?? whole ?? base;
  if (values.OTEL_SDK_DISABLED || !asked || asked === 'none') return undefined;
  const url = whole ?? (base && `${base.replace(/\/$/, '')}/v1/traces`);
  return { url, protocol: values.OTEL_EXPORTER_OTLP_PROTOCOL, serviceName: values.OTEL_SERVICE_NAME };
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
