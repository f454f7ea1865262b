// Every table's entity and every migration, in the order in which they are built.

import { Tenants1700000000001 } from '../migrations/0001-tenants.js';
import { AuditEvents1700000000002 } from '../migrations/0002-audit-events.js';
import { SigningKeys1700000000003 } from '../migrations/0003-signing-keys.js';
import { AuditEvent } from './features/audit/audit-event.entity.js';
import { SigningKey } from './features/keys/signing-key.entity.js';
import { Tenant } from './features/tenants/tenant.entity.js';

export const entities = [Tenant, AuditEvent, SigningKey];

export const migrations = [Tenants1700000000001, AuditEvents1700000000002, SigningKeys1700000000003];
