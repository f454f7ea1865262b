import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ArchivedPart } from '../../src/features/audit-proof/audit-archive.js';
import { AuditRetention } from '../../src/features/audit-proof/audit-retention.js';
import { BucketArchive } from '../../src/features/audit-proof/bucket-archive.js';
import { verifyFile } from '../../src/features/audit-proof/file-verification.js';
import { TenantVerification } from '../../src/features/audit-proof/tenant-verification.js';
import { Bucket, bucketLimits } from '../../src/platform/bucket.js';
import { Egress } from '../../src/platform/egress.js';
import { type BucketServer, startBucket } from '../support/bucket.js';
import { openAuditHouse } from './audit-house.js';

const day = 24 * 3600;
const clock = { now: () => new Date() };
const tenantId = '00000000-0000-7000-8000-000000000001';

const partOf = (count: number): ArchivedPart => ({
  tenantId,
  first: 1,
  last: count,
  checkpoints: ['a.b.c'],
  events: Array.from({ length: count }, (_, n) => ({
    tenant_id: tenantId,
    id: `event-${n}`,
    name: 'user.updated',
    data: { text: 'ä'.repeat(400) },
    actor: null,
    ip: null,
    user_agent: null,
    request_id: null,
    occurred_at: '2026-01-01T00:00:00.000Z',
    sequence: n + 1,
    hash: 'hash',
    commitments: {},
    salts: {},
  })),
});

describe('an archive in a bucket that speaks S3', () => {
  let server: BucketServer;
  let egress: Egress;
  let archive: BucketArchive;
  const archiveWith = (change: Partial<BucketServer['settings']> = {}, through = egress) =>
    new BucketArchive(new Bucket(through, { ...server.settings, ...change }, clock), 'eu/');
  beforeEach(async () => {
    server = await startBucket();
    egress = new Egress({ ...bucketLimits, allow: ['127.0.0.1'] });
    archive = archiveWith();
  });
  afterEach(async () => {
    await egress.close();
    await server.close();
  });
  const nothingIsThere = () => expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);

  it('is sent in pieces of five megabytes and read back, the manifest last', async () => {
    await archive.keep(partOf(10_000));
    const folder = `/ostiary-audit/eu/${tenantId}`;
    const [file, manifest] = [
      `${folder}/audit-000000000001-000000010000.jsonl`,
      `${folder}/audit-000000000001-000000010000.manifest.json`,
    ];
    expect([...server.objects.keys()]).toEqual([file, manifest]);
    const bytes = server.objects.get(file) ?? Buffer.alloc(0);
    expect(bytes.toString().trimEnd().split('\n')).toHaveLength(10_001);
    expect(JSON.parse(String(server.objects.get(manifest)))).toMatchObject({
      file: 'audit-000000000001-000000010000.jsonl',
      events: 10_000,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    const sent = server.requests.filter(({ method, path }) => method === 'PUT' && path === file);
    expect(sent.length).toBe(Math.ceil(bytes.length / bucketLimits.maxBytes));
    expect(sent.length).toBeGreaterThan(1);
    for (const { bytes: size } of sent) expect(size).toBeLessThanOrEqual(5 * 1024 * 1024);
    expect(server.uploads.size).toBe(0);
  });

  it('is the same where it is kept twice', async () => {
    await archive.keep(partOf(10));
    const before = [...server.objects].map(([name, bytes]) => [name, bytes.toString()]);
    await archive.keep(partOf(10));
    expect([...server.objects].map(([name, bytes]) => [name, bytes.toString()])).toEqual(before);
  });

  it('is not there where the bucket has damaged it, which nobody but the reader notices', async () => {
    server.trouble.damages = true;
    await expect(archive.keep(partOf(10))).rejects.toThrow('is not what was written there');
    expect([...server.objects.keys()].filter((name) => name.endsWith('manifest.json'))).toEqual([]);
  });

  it('is given up where the bucket says no, also when it says so behind a 200', async () => {
    server.trouble.completesWithError = true;
    await expect(archive.keep(partOf(10))).rejects.toThrow('was not put together');
    nothingIsThere();
    server.trouble.status = 503;
    await expect(archive.keep(partOf(10))).rejects.toThrow('answers 503 SlowDown');
    nothingIsThere();
  });

  it('needs the secret', async () => {
    const credentials = { ...server.settings.credentials, secretAccessKey: 'another' };
    await expect(archiveWith({ credentials }).keep(partOf(10))).rejects.toThrow('answers 403 SignatureDoesNotMatch');
    nothingIsThere();
  });

  it('reaches no private address that is not listed', async () => {
    const guarded = new Egress({ ...bucketLimits, allow: [] });
    await expect(archiveWith({}, guarded).keep(partOf(10))).rejects.toMatchObject({ name: 'EgressError' });
    expect(server.requests).toEqual([]);
    await guarded.close();
  });

  it('has what retention takes away, and proves it; while it cannot be written nothing goes', async () => {
    const house = await openAuditHouse('embedded');
    try {
      await house.recorded(12);
      house.clock.forward(40 * day);
      await house.recorded(3);
      await house.tenants.update(house.tenant, { settings: { audit: { retention_days: 30 } } });
      const failures: unknown[] = [];
      const logger = { error: (_message: string, { error }: { error?: unknown } = {}) => void failures.push(error) };
      const retention = new AuditRetention(house.db, house.audit, house.tenants, house.clock, logger as never, archive);
      server.trouble.status = 500;
      expect([await retention.run(), failures.length]).toEqual([0, 1]);
      delete server.trouble.status;
      const gone = await retention.run();
      expect(gone).toBeGreaterThanOrEqual(12);
      const [text = ''] = [...server.objects.values()].map(String);
      const proof = new TenantVerification(house.db, house.keys, 7);
      const [keys, others] = await house.inside(
        async () => [await proof.publicKeys(), await proof.checkpoints()] as const,
      );
      const lines = (async function* () {
        yield* text.split('\n');
      })();
      expect(await verifyFile(lines, { keys, others, isPart: true })).toMatchObject({
        findings: [],
        events: gone,
        proven: gone,
      });
    } finally {
      await house.close();
    }
  }, 60_000);
});
