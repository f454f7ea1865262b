// Owns the copy of everything the house keeps about a person, as one JSON document (GDPR Article 20): written as it is read, so that a long
// life of an account takes no more memory than a short one.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { Limiter, RateLimits } from '../../platform/rate-limit.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { AccountSettings } from '../users/account-settings.js';
import type { User } from '../users/user.entity.js';
import { present } from '../users/user.schema.js';
import { activityOf, rowsOf, sections } from './data-export.queries.js';

const batch = 500;

export class DataExport {
  private readonly limiter: Limiter;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly clock: Clock,
    rateLimits: RateLimits,
    limits: { points: number; seconds: number },
  ) {
    this.limiter = rateLimits.limiter({ name: 'data_export', ...limits });
  }

  /** Counted and recorded before the first word. @throws AppError 429 */
  async of(user: User): Promise<AsyncIterable<string>> {
    await this.limiter.consume(`${currentTenantId()}\0${user.id}`);
    await this.audit.record('account.exported', { user_id: user.id });
    const issuer = this.tenants.issuerOf(await this.tenants.current());
    // Whoever reads the document asks from outside the request.
    return this.write(user, issuer, AsyncLocalStorage.snapshot());
  }

  private async *write(user: User, issuer: string, inside: Inside): AsyncGenerator<string> {
    const { version, ...profile } = present(user);
    const settings = AccountSettings.parse(user.settings);
    const head = { exported_at: this.clock.now().toISOString(), issuer, profile: { ...profile, settings } };
    yield JSON.stringify(head).slice(0, -1);
    for (const section of sections)
      yield `,"${section}":${JSON.stringify(await inside(() => rowsOf(this.db, user.id, section)))}`;
    yield ',"activity":[';
    let after: string | undefined;
    for (let full = true; full; ) {
      const rows = await inside(() => activityOf(this.db, user.id, after, batch));
      if (rows.length > 0) yield `${after ? ',' : ''}${JSON.stringify(rows).slice(1, -1)}`;
      after = String(rows.at(-1)?.id);
      full = rows.length === batch;
    }
    yield ']}\n';
  }
}

type Inside = <T>(work: () => T) => T;
