// Beside the ladder's top: long work that people ask for, and what each kind of it stands on.
import { AuditExportJob } from '../features/jobs/audit-export-job.js';
import { JobService } from '../features/jobs/job.service.js';
import { JobAskers } from '../features/jobs/job-askers.js';
import { JobEndings } from '../features/jobs/job-endings.js';
import { JobFiles } from '../features/jobs/job-files.js';
import type { JobKinds } from '../features/jobs/job-kind.js';
import { JobTurns } from '../features/jobs/job-turns.js';
import { UserBulkJob } from '../features/jobs/user-bulk-job.js';
import type { Accounts } from './accounts.js';
import type { Applications } from './applications.js';
import type { Ground } from './ground.js';
import type { People } from './people.js';
import type { RecordProof } from './record.js';
import type { Roles } from './roles.js';

export type LongWork = ReturnType<typeof openLongWork>;

type Below = Pick<People, 'users'> &
  Pick<Roles, 'roles'> &
  Pick<Applications, 'clients'> &
  Pick<Accounts, 'userBulk'> &
  Pick<RecordProof, 'auditExport'>;

export function openLongWork(
  { db, audit, clock, sealer, jobs, logger }: Ground,
  { users, roles, clients, userBulk, auditExport }: Below,
) {
  const files = new JobFiles(db, sealer);
  const kinds: JobKinds = {
    audit_export: new AuditExportJob(auditExport),
    users_bulk: new UserBulkJob(files, userBulk),
  };
  const endings = new JobEndings(db, clock, kinds, files);
  const askers = new JobAskers(db, clock, users, clients, roles);
  return {
    longWork: new JobService({ db, audit, clock, kinds, files, endings, jobs }),
    jobTurns: new JobTurns({ db, audit, clock, kinds, askers, files, endings, jobs, logger }),
  };
}
