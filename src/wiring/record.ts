// What proves the record, and what becomes of it: sealed, signed, verified, exported. Stands on the ground, and nobody stands on it.

import { AuditAlerts } from '../features/audit-alerts/audit-alerts.js';
import { type Archive, AuditArchive } from '../features/audit-proof/audit-archive.js';
import { AuditExport } from '../features/audit-proof/audit-export.js';
import { AuditRetention } from '../features/audit-proof/audit-retention.js';
import { BucketArchive } from '../features/audit-proof/bucket-archive.js';
import { AuditCheckpoints } from '../features/audit-proof/checkpoints.js';
import { AuditSealing } from '../features/audit-proof/sealing.js';
import { TenantVerification } from '../features/audit-proof/tenant-verification.js';
import { Bucket } from '../platform/bucket.js';
import { withContext } from '../platform/context.js';
import type { Ground } from './ground.js';

export type RecordProof = ReturnType<typeof openRecord>;

export function openRecord({ db, audit, keys, tenants, clock, logger, mail, config, bucket }: Ground) {
  const archive: Archive | undefined = bucket
    ? new BucketArchive(new Bucket(bucket.egress, bucket, clock), bucket.prefix)
    : config.auditArchiveDir
      ? new AuditArchive(config.auditArchiveDir)
      : undefined;
  return {
    auditArchive: archive,
    auditSealing: new AuditSealing(db),
    // At the installation too: who has changed the record of a tenant may have its administration.
    auditCheckpoints: new AuditCheckpoints(db, keys, tenants, clock, logger, async (tenantId) => {
      const { id: installation } = await tenants.ensureDefault();
      for (const one of new Set([tenantId, installation]))
        await withContext({ tenantId: one }, () => audit.record('audit_log.broken', { tenant_id: tenantId }));
    }),
    auditRetention: new AuditRetention(db, audit, tenants, clock, logger, archive),
    auditAlerts: new AuditAlerts(db, audit, mail, clock, logger),
    auditVerification: new TenantVerification(db, keys),
    auditExport: new AuditExport(db),
  };
}
