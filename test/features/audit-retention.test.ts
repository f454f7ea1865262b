import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditArchive } from '../../src/features/audit-proof/audit-archive.js';
import { AuditRetention } from '../../src/features/audit-proof/audit-retention.js';
import { verifyFile } from '../../src/features/audit-proof/file-verification.js';
import { TenantVerification } from '../../src/features/audit-proof/tenant-verification.js';
import { kinds } from '../support/postgres.js';
import { type AuditHouse, openAuditHouse } from './audit-house.js';

const day = 24 * 3600;

describe.each(kinds)('how long the record is kept, on %s', (kind) => {
  let house: AuditHouse;
  let folder: string;
  const failures: unknown[] = [];
  const logger = { error: (_message: string, { error }: { error?: unknown } = {}) => void failures.push(error) };

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ostiary-archive-'));
    failures.length = 0;
    house = await openAuditHouse(kind);
    await house.recorded(12);
    house.clock.forward(20 * day);
    await house.recorded(9);
    house.clock.forward(20 * day);
    await house.recorded(3);
  }, 60_000);
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await house?.close();
  });

  const retention = (archive?: Pick<AuditArchive, 'keep'>) =>
    new AuditRetention(house.db, house.audit, house.tenants, house.clock, logger as never, archive);
  const keep = (days: number | null) =>
    house.tenants.update(house.tenant, { settings: { audit: { retention_days: days } } });
  const count = async () => (await house.verify()).events;
  async function* linesOf(file: string) {
    yield* readFileSync(file, 'utf8').split('\n');
  }
  const verified = async (file: string) => {
    const verification = new TenantVerification(house.db, house.keys);
    const [keys, others] = await house.inside(() =>
      Promise.all([verification.publicKeys(), verification.checkpoints()]),
    );
    return verifyFile(linesOf(file), { keys, others, isPart: true });
  };

  it('is for good, unless the tenant says otherwise', async () => {
    const before = await count();
    expect([await retention().run(), await count()]).toEqual([0, before]);
    await keep(50);
    expect(await retention().run()).toBe(0);
  });

  it('ends by checkpoints: what is left begins where one was signed, and is still proved', async () => {
    const before = await count();
    await keep(30);
    const gone = await retention().run();
    expect(gone).toBeGreaterThanOrEqual(12);
    expect(await house.verify()).toMatchObject({ findings: [], events: before - gone });
    await house.sealing.run();
    const [told] = await house.inside(() => house.eventsOf('audit_log.trimmed'));
    expect(told).toEqual({ events: gone, archived: false });
    expect(await retention().run()).toBe(0);
    const [{ left }] = await house.query('SELECT min(sequence)::int AS left FROM audit_seals');
    expect(left).toBe(gone + 1);
  });

  it('leaves nothing behind that is not in the archive, whose files prove themselves', async () => {
    await keep(30);
    const gone = await retention(new AuditArchive(folder)).run();
    const kept = path.join(folder, house.tenant.id);
    const [manifest = '', file = ''] = readdirSync(kept).sort().reverse();
    const said = JSON.parse(readFileSync(path.join(kept, manifest), 'utf8'));
    const bytes = readFileSync(path.join(kept, file));
    expect(said).toMatchObject({ file, first: 1, last: gone, events: gone, tenant_id: house.tenant.id });
    expect(said.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(await verified(path.join(kept, file))).toMatchObject({ findings: [], events: gone, proven: gone });
  });

  it('is longer where the archive cannot be written, and goes on when it can', async () => {
    await keep(30);
    const before = await count();
    const full = { keep: async () => Promise.reject(new Error('disk full')) };
    expect([await retention(full).run(), await count(), failures]).toEqual([0, before, [new Error('disk full')]]);
    expect(await retention(new AuditArchive(folder)).run()).toBeGreaterThan(0);
  });

  it('is not written over with nothing by a process that comes too late', async () => {
    await keep(30);
    const archive = new AuditArchive(folder);
    const { execute } = house.db;
    let gone = 0;
    house.db.execute = async (statement, values) => {
      if (statement.name === 'audit_events_of_checkpoint' && gone === 0) {
        house.db.execute = execute;
        gone = await retention(archive).run();
      }
      return (await execute.call(house.db, statement, values)) as never;
    };
    expect(await retention(archive).run()).toBe(0);
    const kept = path.join(folder, house.tenant.id);
    const [file = ''] = readdirSync(kept).filter((name) => name.endsWith('.jsonl'));
    expect(gone).toBeGreaterThan(0);
    expect(await verified(path.join(kept, file))).toMatchObject({ findings: [], events: gone, proven: gone });
  });

  it('goes once, and is the same file where it is written twice', async () => {
    await keep(30);
    const before = await count();
    const archive = new AuditArchive(folder);
    const twice = async (part: Parameters<AuditArchive['keep']>[0]) => {
      await archive.keep(part);
      await archive.keep(part);
    };
    const runs = [await retention({ keep: twice }).run()];
    runs.push(await retention(archive).run());
    expect(runs[1]).toBe(0);
    expect(await count()).toBe(before - (runs[0] ?? 0));
    expect(readdirSync(path.join(folder, house.tenant.id))).toHaveLength(2);
  });
});
