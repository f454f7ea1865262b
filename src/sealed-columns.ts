// Every column that holds sealed values, beside schema.ts: what has no place here stays behind when an encryption key is taken away.
// Not here: values in Redis, gone within the hour; and the cookie of remembered accounts, sealed anew whenever it is written.
import { sealedAnswers } from './api/idempotency.js';
import { sealedConnectionKeys } from './features/connections/connection-keys.js';
import { sealedConnectionSecrets } from './features/connections/connection-secret.js';
import { sealedFederatedSignIns } from './features/connections/federated-sign-ins.js';
import { sealedIdentities } from './features/connections/identities.js';
import { sealedUpstreamSessions } from './features/connections/upstream-sessions.js';
import { sealedTotp } from './features/credentials/totp.service.js';
import { sealedJobChunks } from './features/jobs/job-files.js';
import { sealedSigningKeys } from './features/keys/key-material.js';
import { sealedMail } from './features/mail/mail.service.js';
import { sealedRows } from './features/protocol/engine-row-form.js';
import { sealedSessionState } from './features/protocol/session-payload.js';
import { sealedTenantSecrets } from './features/tenants/tenant-secrets.js';
import { sealedFindings, sealedRecordings } from './features/traces/traces.js';
import { sealedWebhookSecrets } from './features/webhooks/webhook-secrets.js';
import type { SealedColumn } from './platform/rewrap.js';

export const sealedColumns: readonly SealedColumn[] = [
  sealedTenantSecrets,
  sealedSigningKeys,
  sealedTotp,
  sealedConnectionSecrets,
  sealedConnectionKeys,
  ...sealedMail,
  ...sealedRows,
  sealedSessionState,
  sealedFindings,
  sealedRecordings,
  sealedFederatedSignIns,
  sealedIdentities,
  sealedUpstreamSessions,
  ...sealedWebhookSecrets,
  sealedJobChunks,
  sealedAnswers,
];
