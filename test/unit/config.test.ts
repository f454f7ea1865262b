import { describe, expect, it } from '@jest/globals';
import { type ConfigError, loadConfig } from '../../config/index.js';

const two = { DATABASE_URL: 'postgres://localhost/x', REDIS_URL: 'redis://localhost' };
const secrets = {
  COOKIE_KEYS: 'x'.repeat(32),
  ENCRYPTION_KEYS: JSON.stringify({ v1: Buffer.alloc(32).toString('base64') }),
};
const load = (environment: Record<string, string>) => loadConfig({ ...secrets, ...environment });
const problems = (environment: Record<string, string>): readonly string[] => {
  try {
    load(environment);
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
};

describe('a configuration of one process', () => {
  it.each<Record<string, string>>([{}, { PORT: '4000' }, { ISSUER: 'http://localhost:5000' }])(
    '%j: the issuer is where it listens',
    (environment) => {
      const { issuer, port } = load(environment);
      expect(issuer).toBe(`http://localhost:${port}`);
    },
  );
});

describe('the issuer (RFC 8414 §2, OpenID Connect Discovery §3)', () => {
  it.each([
    'https://id.example.com',
    'https://10.0.0.1:8443',
    'http://localhost',
    'http://localhost:3000',
    'http://id.localhost:3000',
    'http://127.0.0.1:3000',
    'http://127.8.8.8',
    'http://[::1]:3000',
  ])('may be %s', (ISSUER) => {
    expect(load({ ISSUER }).issuer).toBe(ISSUER);
  });

  it.each([
    'http://id.example.com',
    'http://10.0.0.1:3000',
    'http://192.168.1.2',
    'http://0.0.0.0:3000',
    'http://[::]:3000',
    'http://[::ffff:10.0.0.1]',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'http://notlocalhost',
    'http://localhost@id.example.com',
    'http://localhost.',
    'HTTP://id.example.com',
    'ftp://localhost',
  ])('is no http one that leaves this machine, in any environment: %s', (ISSUER) => {
    for (const NODE_ENV of ['development', 'test', 'production'])
      expect(problems({ ISSUER, NODE_ENV })).toContainEqual(expect.stringMatching(/^ISSUER: /));
  });
});

describe('the domain of tenants (RFC 8414 §2)', () => {
  it.each([
    ['http://localhost:3000', 'tenants.localhost', []],
    ['http://localhost:3000', 'id.example.com', ['TENANT_DOMAIN']],
    ['https://id.example.com', 'id.example.com', []],
  ])('beside %s: %s', (ISSUER, TENANT_DOMAIN, names) => {
    expect(problems({ ISSUER, TENANT_DOMAIN }).map((problem) => problem.split(':', 1)[0])).toEqual(names);
  });
});

describe('a configuration of several processes', () => {
  it.each<[Record<string, string>, string[]]>([
    [{ WORKERS: '2' }, ['DATABASE_URL', 'REDIS_URL']],
    [{ ROLE: 'web' }, ['DATABASE_URL', 'REDIS_URL']],
    [{ ROLE: 'jobs', DATABASE_URL: two.DATABASE_URL }, ['REDIS_URL']],
    [{ DATABASE_DIRECT_URL: two.DATABASE_URL }, ['DATABASE_URL']],
    [{ DATABASE_READ_URL: two.DATABASE_URL }, ['DATABASE_URL']],
    [{ ...two, REDIS_URL: 'redis://a:1,http://b:2' }, ['REDIS_URL']],
    [{ ...two, ROLE: 'worker' }, ['ROLE']],
    [{ ...two, DRAIN_DELAY: '-1' }, ['DRAIN_DELAY']],
    [{ ...two, WORKERS: '2', ROLE: 'web', REDIS_URL: 'redis://a:1,redis://b:2' }, []],
  ])('%j names %j', (environment, names) => {
    expect(problems(environment).map((problem) => problem.split(':', 1)[0])).toEqual(names);
  });

  it('waits for balancers in production, and for nobody on the way to a new start elsewhere', () => {
    const production = { NODE_ENV: 'production', ISSUER: 'https://id.example.com', TRUST_PROXY: '10.0.0.0/8' };
    const mail = { MAIL_URL: 'smtp://localhost' };
    expect(load({ ...two }).drainDelayMs).toBe(0);
    expect(load({ ...two, ...production, ...mail }).drainDelayMs).toBe(5_000);
    expect(load({ ...two, ...production, ...mail, DRAIN_DELAY: '0' }).drainDelayMs).toBe(0);
  });
});

describe('traces (OpenTelemetry Environment Variable Specification)', () => {
  it.each([
    ['nothing', {}, undefined],
    ['an endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318' }, { url: 'http://otel:4318/v1/traces' }],
    ['an endpoint below a path', { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a/b/' }, { url: 'https://a/b/v1/traces' }],
    [
      'an address of traces, as it is',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other/x' },
      { url: 'http://other/x' },
    ],
    ['an exporter', { OTEL_TRACES_EXPORTER: 'otlp', OTEL_SERVICE_NAME: 'id' }, { serviceName: 'id' }],
    [
      'a protocol',
      { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
      { protocol: 'http/json' },
    ],
    ['no exporter', { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }, undefined],
    ['off', { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }, undefined],
  ])('are asked for by %s', (_what, environment, expected) => {
    const { tracing } = loadConfig({ ...secrets, NODE_ENV: 'test', ...environment });
    const otherwise = { url: undefined, serviceName: undefined, protocol: 'http/protobuf' };
    expect(tracing).toEqual(expected && { ...otherwise, ...expected });
  });

  it('are not sent by gRPC, nor printed among the lines of the log', () => {
    const asked = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_EXPORTER: 'console' };
    const load = () => loadConfig({ ...secrets, NODE_ENV: 'test', ...asked });
    expect(load).toThrow(/OTEL_EXPORTER_OTLP_PROTOCOL: must be http\/protobuf or http\/json/);
    expect(load).toThrow(/OTEL_TRACES_EXPORTER/);
  });
});

describe('certificates of clients (RFC 8705 §5, §6.5)', () => {
  const https = { ISSUER: 'https://id.example.com', TLS_CERT: '/c', TLS_KEY: '/k' };
  const MTLS_ORIGIN = 'https://mtls.id.example.com';

  it('are shown at a listener of our own, or said by a proxy', () => {
    expect(load({ ...https, MTLS_ORIGIN, MTLS_PORT: '8443', MTLS_CA: '/ca' }).mutualTls).toMatchObject({
      port: 8443,
      ca: '/ca',
    });
    const behind = { ISSUER: https.ISSUER, TRUST_PROXY: '10.0.0.1', MTLS_ORIGIN, MTLS_HEADER: 'Client-Cert' };
    expect(load(behind).mutualTls).toMatchObject({ header: 'client-cert', port: undefined });
    expect(load(https).mutualTls).toBeUndefined();
  });

  it.each<Record<string, string>>([
    { MTLS_PORT: '8443' },
    { MTLS_CA: '/ca' },
    { MTLS_HEADER: 'Client-Cert', TRUST_PROXY: '10.0.0.1' },
    { MTLS_ORIGIN },
    { MTLS_ORIGIN: https.ISSUER, MTLS_PORT: '8443' },
    { MTLS_ORIGIN: 'http://localhost:8443', MTLS_PORT: '8443' },
    { MTLS_ORIGIN, MTLS_PORT: '8443', TENANT_DOMAIN: 'id.example.com' },
    { MTLS_ORIGIN, MTLS_HEADER: 'Client-Cert' },
    { MTLS_ORIGIN, MTLS_HEADER: 'Authorization', TRUST_PROXY: '10.0.0.1' },
    { MTLS_ORIGIN, MTLS_HEADER: 'X-Forwarded-For', TRUST_PROXY: '10.0.0.1' },
    { MTLS_ORIGIN, MTLS_HEADER: 'a-b', MTLS_VERIFIED_HEADER: 'A-B', TRUST_PROXY: '10.0.0.1' },
    { MTLS_ORIGIN, MTLS_PORT: '8443', MTLS_HEADER: 'Client-Cert', TRUST_PROXY: '10.0.0.1' },
    { MTLS_ORIGIN, MTLS_PORT: '8443', TLS_CERT: '', TLS_KEY: '' },
  ])('are nothing half: %j', (environment) => {
    expect(problems({ ...https, ...environment })).not.toEqual([]);
  });
});

describe('a bucket for the archive of the audit log', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };

  it('is at Amazon, or at an endpoint of its own', () => {
    const bucket = (AUDIT_ARCHIVE_URL: string) => load({ ...keys, AUDIT_ARCHIVE_URL }).auditArchiveBucket;
    expect(bucket('s3://audit?region=eu-central-1')).toEqual({
      origin: 'https://s3.eu-central-1.amazonaws.com',
      region: 'eu-central-1',
      bucket: 'audit',
      prefix: '',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined },
    });
    expect(bucket('s3://audit/a/b/?endpoint=https://objects.example.com')).toMatchObject({
      origin: 'https://objects.example.com',
      region: 'us-east-1',
      prefix: 'a/b/',
    });
    expect(load({}).auditArchiveBucket).toBeUndefined();
  });

  it.each<Record<string, string>>([
    { AUDIT_ARCHIVE_URL: 'https://audit.example.com', ...keys },
    { AUDIT_ARCHIVE_URL: 's3://audit?endpoint=https://objects.example.com/path', ...keys },
    { AUDIT_ARCHIVE_URL: 's3://audit?endpoint=https://name:word@objects.example.com', ...keys },
    { AUDIT_ARCHIVE_URL: 's3://audit?acl=public-read', ...keys },
    { AUDIT_ARCHIVE_URL: 's3://audit?region=eu/central', ...keys },
    { AUDIT_ARCHIVE_URL: 's3://audit' },
    { AUDIT_ARCHIVE_URL: 's3://audit', AWS_ACCESS_KEY_ID: 'id' },
    { AUDIT_ARCHIVE_URL: 's3://audit', AUDIT_ARCHIVE_DIR: '/var/audit', ...keys },
  ])('is nothing half or strange: %j', (environment) => {
    expect(problems(environment)).not.toEqual([]);
  });
});
