// What each variable allows by itself, and all of them together do not.
import { isLoopback } from './protocol.js';
import { type Values, variables } from './variables.js';

/** What does not go together. */
export function contradictions(values: Values): string[] {
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

/** What production does not start with. */
export function insecurities(values: Values): string[] {
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
export const isTestKey = (key: string): boolean => /^[123]x0{10,}/.test(key);
