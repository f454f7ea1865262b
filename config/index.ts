// The only reader of the environment. Every variable is described here once; .env.example and the README table are printed from it.

import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { projectRoot } from './root.js';

const boolean = z.enum(['true', 'false']).transform((value) => value === 'true');
const port = z.coerce.number().int().min(0).max(65535);
const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

const issuer = z
  .url({ protocol: /^https?$/, hostname: /^[^/]+$/ })
  .refine((value) => !value.endsWith('/') && !/[?#]/.test(value) && new URL(value).pathname === '/', {
    message: 'must be an origin without path, query, fragment or a slash at the end',
  });

const encryptionKeys = z.string().transform((value, context) => {
  const fail = () => {
    context.addIssue({ code: 'custom', message: 'must be JSON: version → 32 bytes in base64, newest first' });
    return z.NEVER;
  };
  try {
    const entries = Object.entries(
      z.record(z.string().regex(/^[a-z][a-z0-9]{0,15}$/), z.string()).parse(JSON.parse(value)),
    );
    const keys = new Map(entries.map(([version, key]) => [version, Buffer.from(key, 'base64')]));
    return keys.size > 0 && [...keys.values()].every((key) => key.length === 32) ? keys : fail();
  } catch {
    return fail();
  }
});

interface Variable<T extends z.ZodType = z.ZodType> {
  rule: T;
  about: string;
  example: string;
  /** What applies when it is absent, in words; undefined means it has no default. */
  default?: string;
  secret?: boolean;
}
const variable = <T extends z.ZodType>(definition: Variable<T>): Variable<T> => definition;

export const variables = {
  ISSUER: variable({
    rule: issuer.default('http://localhost:3000'),
    about: 'Public origin of the server: the issuer of the default tenant and the base of all others.',
    example: 'https://id.example.com',
    default: 'http://localhost:3000',
  }),
  HOST: variable({
    rule: z.string().min(1).default('127.0.0.1'),
    about: 'Address to listen on.',
    example: '0.0.0.0',
    default: '127.0.0.1',
  }),
  PORT: variable({
    rule: port.optional(),
    about: 'Port to listen on.',
    example: '3000',
    default: 'the port of ISSUER',
  }),
  DATABASE_URL: variable({
    rule: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    about: 'PostgreSQL 15 or later.',
    example: 'postgres://ostiary:change-me@localhost:5432/ostiary',
    default: 'an embedded database in DATA_DIR, one process only',
    secret: true,
  }),
  DATA_DIR: variable({
    rule: z.string().min(1).default('./.ostiary'),
    about: 'Folder of the embedded database and, in development, of generated secrets. Relative to the project.',
    example: '/var/lib/ostiary',
    default: './.ostiary',
  }),
  REDIS_URL: variable({
    rule: z.url({ protocol: /^rediss?$/ }).optional(),
    about: 'Redis, needed where there is more than one process.',
    example: 'redis://localhost:6379/0',
    default: 'kept in the process, one process only',
    secret: true,
  }),
  ENCRYPTION_KEYS: variable({
    rule: encryptionKeys.optional(),
    about: 'Keys for encryption at rest as JSON, version to 32 bytes in base64, newest first.',
    example: '{"v1":"<output of: openssl rand -base64 32>"}',
    default: 'generated into DATA_DIR, development only',
    secret: true,
  }),
  COOKIE_KEYS: variable({
    rule: list
      .refine((keys) => keys.length > 0 && keys.every((key) => key.length >= 32), {
        message: 'must be one or more values of at least 32 characters, separated by commas, newest first',
      })
      .optional(),
    about: 'Keys that sign cookies, newest first, separated by commas, at least 32 characters each.',
    example: '<output of: openssl rand -hex 32>',
    default: 'generated into DATA_DIR, development only',
    secret: true,
  }),
  MAIL_URL: variable({
    rule: z.url({ protocol: /^smtps?$/ }).optional(),
    about: 'SMTP server for outgoing mail; `?from=` sets the sender.',
    example: 'smtp://user:password@mail.example.com:587?from=no-reply@example.com',
    default: 'a mailbox page at /dev/mailbox, development only',
    secret: true,
  }),
  TRUST_PROXY: variable({
    rule: list.optional(),
    about: 'Addresses (CIDR) of proxies whose X-Forwarded-For is believed.',
    example: '10.0.0.0/8,192.168.0.0/16',
    default: 'none',
  }),
  TLS_CERT: variable({
    rule: z.string().optional(),
    about: 'Path of a PEM certificate chain; with TLS_KEY the server speaks https.',
    example: '/etc/ostiary/tls.crt',
  }),
  TLS_KEY: variable({
    rule: z.string().optional(),
    about: 'Path of the PEM private key of TLS_CERT.',
    example: '/etc/ostiary/tls.key',
  }),
  EGRESS_ALLOW: variable({
    rule: list.optional(),
    about: 'Hosts or CIDRs that outgoing calls may reach although they are private.',
    example: 'idp.internal,10.20.0.0/16',
    default: 'none',
  }),
  METRICS_PORT: variable({
    rule: port.default(9464),
    about: 'Port of the Prometheus endpoint; 0 picks a free one.',
    example: '9464',
    default: '9464',
  }),
  WORKERS: variable({
    rule: z.union([z.literal('auto'), z.coerce.number().int().min(1).max(256)]).default(1),
    about: 'Web processes; `auto` is one per core. More than one needs DATABASE_URL and REDIS_URL.',
    example: 'auto',
    default: '1',
  }),
  APPLY_FILE: variable({
    rule: z.string().optional(),
    about: 'Path of a YAML or JSON file with tenants, clients, users and resources, applied at start.',
    example: './ostiary.yaml',
  }),
  ADMIN_EMAIL: variable({
    rule: z.email().optional(),
    about: 'E-mail of the first administrator, created at the first start; with ADMIN_PASSWORD.',
    example: 'admin@example.com',
    default: 'a setup link is printed',
  }),
  ADMIN_PASSWORD: variable({
    rule: z.string().min(12).max(1024).optional(),
    about: 'First password of ADMIN_EMAIL; it must be changed at the first sign-in.',
    example: '<at least 12 characters>',
    secret: true,
  }),
  DEMO: variable({
    rule: boolean.optional(),
    about: 'Start the demo application beside the server.',
    example: 'false',
    default: 'true in development, false in production',
  }),
  DEMO_PORT: variable({
    rule: port.default(3001),
    about: 'Port of the demo application.',
    example: '3001',
    default: '3001',
  }),
  LOG_LEVEL: variable({
    rule: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
    about: 'Least severe level that is logged.',
    example: 'info',
    default: 'info',
  }),
  NODE_ENV: variable({
    rule: z.enum(['development', 'test', 'production']).default('development'),
    about: '`production` refuses insecure settings.',
    example: 'production',
    default: 'development',
  }),
};

type Name = keyof typeof variables;
type Values = { [K in Name]: z.output<(typeof variables)[K]['rule']> };

export interface Config {
  issuer: string;
  host: string;
  port: number;
  databaseUrl: string | undefined;
  dataDir: string;
  redisUrl: string | undefined;
  encryptionKeys: ReadonlyMap<string, Buffer>;
  cookieKeys: readonly string[];
  mailUrl: string | undefined;
  trustProxy: readonly string[];
  tls: { cert: string; key: string } | undefined;
  egressAllow: readonly string[];
  metricsPort: number;
  workers: number;
  applyFile: string | undefined;
  admin: { email: string; password: string } | undefined;
  demo: boolean;
  demoPort: number;
  logLevel: 'error' | 'warn' | 'info' | 'debug';
  environment: 'development' | 'test' | 'production';
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
  const values = readVariables(environment, problems);
  if (problems.length > 0) throw new ConfigError(problems);

  problems.push(...contradictions(values), ...(values.NODE_ENV === 'production' ? insecurities(values) : []));
  if (problems.length > 0) throw new ConfigError(problems);

  const dataDir = path.resolve(projectRoot, values.DATA_DIR);
  const secrets = values.ENCRYPTION_KEYS && values.COOKIE_KEYS ? undefined : developmentSecrets(dataDir);
  const url = new URL(values.ISSUER);
  return {
    issuer: values.ISSUER,
    host: values.HOST,
    port: values.PORT ?? Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
    databaseUrl: values.DATABASE_URL,
    dataDir,
    redisUrl: values.REDIS_URL,
    encryptionKeys: values.ENCRYPTION_KEYS ?? new Map([['dev', Buffer.from(secrets?.encryption_key ?? '', 'base64')]]),
    cookieKeys: values.COOKIE_KEYS ?? [secrets?.cookie_key ?? ''],
    mailUrl: values.MAIL_URL,
    trustProxy: values.TRUST_PROXY ?? [],
    tls: values.TLS_CERT && values.TLS_KEY ? { cert: values.TLS_CERT, key: values.TLS_KEY } : undefined,
    egressAllow: values.EGRESS_ALLOW ?? [],
    metricsPort: values.METRICS_PORT,
    workers: values.WORKERS === 'auto' ? availableParallelism() : values.WORKERS,
    applyFile: values.APPLY_FILE,
    admin:
      values.ADMIN_EMAIL && values.ADMIN_PASSWORD
        ? { email: values.ADMIN_EMAIL, password: values.ADMIN_PASSWORD }
        : undefined,
    demo: values.DEMO ?? values.NODE_ENV === 'development',
    demoPort: values.DEMO_PORT,
    logLevel: values.LOG_LEVEL,
    environment: values.NODE_ENV,
  };
}

function readVariables(environment: NodeJS.ProcessEnv, problems: string[]): Values {
  const values: Record<string, unknown> = {};
  for (const [name, { rule, example }] of Object.entries(variables)) {
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
    const result = rule.safeParse(raw);
    if (result.success) values[name] = result.data;
    else problems.push(`${name}: ${result.error.issues.map((issue) => issue.message).join('; ')}. Example: ${example}`);
  }
  return values as Values;
}

function contradictions(values: Values): string[] {
  const problems: string[] = [];
  const many = values.WORKERS === 'auto' || values.WORKERS > 1;
  if (many && !values.DATABASE_URL)
    problems.push('DATABASE_URL: needed with more than one of WORKERS; the embedded database serves one process');
  if (many && !values.REDIS_URL) problems.push('REDIS_URL: needed with more than one of WORKERS');
  if (Boolean(values.TLS_CERT) !== Boolean(values.TLS_KEY)) problems.push('TLS_CERT, TLS_KEY: set both or neither');
  if (values.TLS_CERT && values.ISSUER.startsWith('http:'))
    problems.push('ISSUER: must be https where TLS_CERT is set');
  if (Boolean(values.ADMIN_EMAIL) !== Boolean(values.ADMIN_PASSWORD))
    problems.push('ADMIN_EMAIL, ADMIN_PASSWORD: set both or neither');
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
  if (!values.MAIL_URL) problems.push(`MAIL_URL: required in production. Example: ${variables.MAIL_URL.example}`);
  if (values.DEMO) problems.push('DEMO: must be false or absent in production');
  return problems;
}

/** Generated once into DATA_DIR, readable by the owner only; never in production, where both variables are required. */
function developmentSecrets(dataDir: string): { encryption_key: string; cookie_key: string } {
  const file = path.join(dataDir, 'secrets.json');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) {
    const secrets = { encryption_key: randomBytes(32).toString('base64'), cookie_key: randomBytes(32).toString('hex') };
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    try {
      // A link appears whole or not at all, and never over another: of two first starts one wins, and a killed one leaves no half file.
      linkSync(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  return z.object({ encryption_key: z.string(), cookie_key: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8')));
}
