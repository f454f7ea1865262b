// Every variable the server reads: its rule, what it is for, an example. .env.example and the README's table are printed from this.
import { z } from 'zod';
import { apiTiers } from './protocol.js';
import { boolean, bucket, domain, encryptionKeys, headerName, issuer, list, port } from './values.js';
import { variable } from './variable.js';

export const variables = {
  ISSUER: variable({
    rule: issuer.optional(),
    about:
      'Public origin of the server: the issuer of the default tenant and the base of all others. https, or http on localhost.',
    example: 'https://id.example.com',
    default: 'http://localhost:3000, or the port of PORT',
  }),
  TENANT_DOMAIN: variable({
    rule: domain.optional(),
    about: 'Domain below which tenants without a host of their own answer: `acme.id.example.com` instead of `/t/acme`.',
    example: 'id.example.com',
    default: 'tenants answer below /t/ of ISSUER',
  }),
  API_TIER: variable({
    rule: z.enum(Object.keys(apiTiers) as [keyof typeof apiTiers]).default('unlimited'),
    about:
      'How often the management API is answered a minute, of tenants whose tier nobody has said: free (60), starter (120), professional (300), enterprise (1000), unlimited.',
    example: 'professional',
    default: 'unlimited',
  }),
  API_DOCS: variable({
    rule: z.enum(['on', 'off']).default('on'),
    about:
      'The management API in the browser, at `/api/docs` of each tenant, to be read and tried out by whoever signs in.',
    example: 'off',
    default: 'on',
  }),
  ORGANIZATION_HEADER: variable({
    rule: boolean.default(true),
    about: 'Whether a request to the API that names an organization in X-Organization is answered for that one alone.',
    example: 'false',
    default: 'true',
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
  DATABASE_DIRECT_URL: variable({
    rule: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    about:
      'PostgreSQL itself, where DATABASE_URL is PgBouncer in transaction mode: for LISTEN, jobs and migrations. Statements are then not named.',
    example: 'postgres://ostiary:change-me@localhost:5432/ostiary',
    default: 'DATABASE_URL',
    secret: true,
  }),
  DATABASE_READ_URL: variable({
    rule: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    about:
      'A replica that answers the lists of the management API, a moment behind; without it they are asked of DATABASE_URL.',
    example: 'postgres://ostiary:change-me@replica:5432/ostiary',
    default: 'DATABASE_URL',
    secret: true,
  }),
  DATA_DIR: variable({
    rule: z.string().min(1).default('./.ostiary'),
    about: 'Folder of the embedded database and, in development, of generated secrets. Relative to the project.',
    example: '/var/lib/ostiary',
    default: './.ostiary',
  }),
  AUDIT_ARCHIVE_DIR: variable({
    rule: z.string().min(1).optional(),
    about:
      'Folder in which audit events are kept that are older than a tenant keeps them; the same one for every process that does jobs. Relative to the project.',
    example: '/var/lib/ostiary-audit',
    default: 'none: they are deleted',
  }),
  AUDIT_ARCHIVE_URL: variable({
    rule: bucket.optional(),
    about:
      'Instead of a folder, a bucket that speaks S3. An endpoint that is private or without TLS has to be in EGRESS_ALLOW. Of Amazon no endpoint is said.',
    example: 's3://ostiary-audit/eu?endpoint=https://objects.example.com&region=eu-central-1',
    default: 'none',
  }),
  AWS_ACCESS_KEY_ID: variable({
    rule: z.string().min(1).optional(),
    about: 'Who writes to AUDIT_ARCHIVE_URL.',
    example: 'AKIAIOSFODNN7EXAMPLE',
    default: 'none',
  }),
  AWS_SECRET_ACCESS_KEY: variable({
    rule: z.string().min(1).optional(),
    about: 'With AWS_ACCESS_KEY_ID.',
    example: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    default: 'none',
    secret: true,
  }),
  AWS_SESSION_TOKEN: variable({
    rule: z.string().min(1).optional(),
    about: 'With AWS_ACCESS_KEY_ID, where that is a temporary one.',
    example: 'IQoJb3JpZ2luX2VjEXAMPLE',
    default: 'none',
    secret: true,
  }),
  REDIS_URL: variable({
    rule: z
      .string()
      .refine((value) => value.split(',').every((one) => z.url({ protocol: /^rediss?$/ }).safeParse(one).success), {
        message: 'must be a redis:// or rediss:// address, or several of a cluster, separated by commas',
      })
      .optional(),
    about:
      'Redis, needed where there is more than one process. Several nodes of a Redis Cluster are separated by commas.',
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
    rule: z.url({ protocol: /^(smtps?|mailbox)$/ }).optional(),
    about: 'SMTP server for outgoing mail; `?from=` sets the sender. `mailbox:` keeps it, in development.',
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
  MTLS_ORIGIN: variable({
    rule: issuer
      .refine((value) => value.startsWith('https:'), { message: 'must be https: certificates are shown in TLS' })
      .optional(),
    about:
      'Origin of a host of its own at which clients show certificates (RFC 8705): published as `mtls_endpoint_aliases`, with MTLS_PORT or MTLS_HEADER.',
    example: 'https://mtls.example.com',
    default: 'no client has a certificate',
  }),
  MTLS_PORT: variable({
    rule: port.optional(),
    about:
      'Port at which this server itself asks for certificates, with TLS_CERT, which has to name the host of MTLS_ORIGIN too.',
    example: '8443',
    default: 'a proxy asks for them: MTLS_HEADER',
  }),
  MTLS_CA: variable({
    rule: z.string().optional(),
    about:
      'Path of the PEM certificates of authorities that vouch for clients at MTLS_PORT: needed for `tls_client_auth` there.',
    example: '/etc/ostiary/clients-ca.crt',
    default: 'nobody vouches: self-signed certificates and bound tokens only',
  }),
  MTLS_HEADER: variable({
    rule: headerName.optional(),
    about:
      'Header in which a proxy of TRUST_PROXY says the certificate at MTLS_ORIGIN: `Client-Cert` as RFC 9440 says, any other as PEM in percent-encoding.',
    example: 'Client-Cert',
    default: 'no header is believed',
  }),
  MTLS_VERIFIED_HEADER: variable({
    rule: headerName.optional(),
    about:
      'Header in which the same proxy says `SUCCESS` where an authority vouches for the certificate: needed for `tls_client_auth` behind a proxy.',
    example: 'X-Client-Verify',
    default: 'nobody vouches: self-signed certificates and bound tokens only',
  }),
  TURNSTILE_SITE_KEY: variable({
    rule: z.string().min(8).max(100).optional(),
    about:
      'Site key of Cloudflare Turnstile, which asks whether a person is there after failed sign-ins; with TURNSTILE_SECRET.',
    example: '<site key from the Cloudflare dashboard>',
    default: 'nothing is asked, no script of others is loaded',
  }),
  TURNSTILE_SECRET: variable({
    rule: z.string().min(8).max(200).optional(),
    about: 'Secret key of TURNSTILE_SITE_KEY.',
    example: '<secret key from the Cloudflare dashboard>',
    secret: true,
  }),
  SECURITY_CONTACT: variable({
    rule: z.url({ protocol: /^(mailto|https|tel)$/ }).optional(),
    about: 'Whom to tell of a weakness: the contact that `/.well-known/security.txt` names (RFC 9116).',
    example: 'mailto:security@example.com',
    default: 'there is no security.txt',
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
  OTEL_EXPORTER_OTLP_ENDPOINT: variable({
    rule: z.url({ protocol: /^https?$/ }).optional(),
    about:
      'OpenTelemetry: where traces go, without `/v1/traces`. The other variables of OpenTelemetry (`OTEL_…`: headers, samplers, batches, resource attributes) are read by its packages.',
    example: 'http://localhost:4318',
    default: 'nothing is traced, and nothing of it loaded',
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: variable({
    rule: z.url({ protocol: /^https?$/ }).optional(),
    about: 'OpenTelemetry: the same as a whole address, with its path.',
    example: 'http://localhost:4318/v1/traces',
  }),
  OTEL_EXPORTER_OTLP_PROTOCOL: variable({
    rule: z
      .enum(['http/protobuf', 'http/json'], { message: 'must be http/protobuf or http/json: gRPC is not spoken' })
      .default('http/protobuf'),
    about: 'OpenTelemetry: how traces are written, `http/protobuf` or `http/json`.',
    example: 'http/json',
    default: 'http/protobuf',
  }),
  OTEL_TRACES_EXPORTER: variable({
    rule: z.enum(['otlp', 'none']).optional(),
    about: 'OpenTelemetry: `otlp` also without an address, to the one on this machine; `none` for no traces.',
    example: 'otlp',
    default: 'otlp, where an address is set',
  }),
  OTEL_SERVICE_NAME: variable({
    rule: z.string().min(1).max(100).optional(),
    about: 'OpenTelemetry: what traces call this server.',
    example: 'ostiary-eu',
    default: '`service.name` of OTEL_RESOURCE_ATTRIBUTES, or ostiary',
  }),
  OTEL_SDK_DISABLED: variable({
    rule: boolean.default(false),
    about: 'OpenTelemetry: off, whatever else is set.',
    example: 'true',
    default: 'false',
  }),
  WORKERS: variable({
    rule: z.union([z.literal('auto'), z.coerce.number().int().min(1).max(256)]).default(1),
    about:
      'Web processes; `auto` is one per core. With more than one, another one does the jobs; needs DATABASE_URL and REDIS_URL.',
    example: 'auto',
    default: '1',
  }),
  ROLE: variable({
    rule: z.enum(['all', 'web', 'jobs']).default('all'),
    about: 'What runs here: `web` answers requests, `jobs` sends mail and cleans up in one process, `all` is both.',
    example: 'web',
    default: 'all',
  }),
  DRAIN_DELAY: variable({
    rule: z.coerce.number().int().min(0).max(60).optional(),
    about: 'Seconds on SIGTERM in which requests are still taken while `/readyz` says 503, so that balancers notice.',
    example: '5',
    default: '5 in production, otherwise 0',
  }),
  APPLY_FILE: variable({
    rule: z.string().optional(),
    about:
      'Path of a YAML or JSON file with tenants, clients, users, resources and exchange policies, applied at start.',
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
export type Given = { [K in Name]: z.output<(typeof variables)[K]['rule']> };
export type Values = Given & { ISSUER: string };
