// What a failure means for the endpoint: after some in a row it is left alone for a while, after days of nothing else it is disabled, and whoever
// looks after it is told. An endpoint that answers 410 Gone has said so itself.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { MailService } from '../mail/mail.service.js';
import type { WebhookService } from './webhook.service.js';
import type { WebhookEndpoint } from './webhook-endpoint.entity.js';
import { GIVE_UP_AFTER_MS, resumesAt } from './webhook-retries.js';

export class WebhookFailures {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly webhooks: Pick<WebhookService, 'end'>,
    private readonly mail: Pick<MailService, 'send'>,
  ) {}

  /** Written where there is something to forget: most of the time nothing is. */
  async succeeded({ id, failures }: WebhookEndpoint): Promise<void> {
    if (failures > 0) await this.db.execute(FORGET, [currentTenantId(), id]);
  }

  /** Together, so that of two at once the later one has the word on how long it is left alone. */
  failed(endpoint: WebhookEndpoint): Promise<void> {
    return this.db.transaction(async () => {
      const now = this.clock.now();
      const [found] = await this.db.execute<Failing>(COUNT, [currentTenantId(), endpoint.id, now]);
      if (!found) return;
      const resumeAt = resumesAt(now, found.failures);
      if (resumeAt) await this.db.execute(LEAVE_ALONE, [currentTenantId(), endpoint.id, resumeAt]);
      if (now.getTime() - found.failing_since.getTime() >= GIVE_UP_AFTER_MS) await this.end(endpoint, 'failing');
    });
  }

  /** RFC 9110 §15.5.11, and Standard Webhooks 1.0: it does not want to be told any more. */
  gone(endpoint: WebhookEndpoint): Promise<void> {
    return this.end(endpoint, 'gone');
  }

  private end(endpoint: WebhookEndpoint, reason: 'failing' | 'gone'): Promise<void> {
    return this.db.transaction(async () => {
      if (!(await this.webhooks.end(endpoint, reason))) return;
      const { organizationId, url } = endpoint;
      const people = organizationId
        ? await this.db.execute<Person>(MANAGERS, [currentTenantId(), organizationId])
        : await this.db.execute<Person>(ADMINISTRATORS, [currentTenantId()]);
      const letter = { host: new URL(url).host, reason };
      for (const { email, locale } of people)
        await this.mail.send('webhook_disabled', email, letter, locale ?? undefined);
    });
  }
}

interface Failing {
  failures: number;
  failing_since: Date;
}

interface Person {
  email: string;
  locale: string | null;
}

const FORGET = {
  name: 'webhooks_forget_failures',
  text: `UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, resume_at = NULL WHERE tenant_id = $1 AND id = $2`,
};

const COUNT = {
  name: 'webhooks_count_failure',
  text: `
    UPDATE webhook_endpoints SET failures = failures + 1, failing_since = COALESCE(failing_since, $3)
     WHERE tenant_id = $1 AND id = $2 AND enabled_at IS NOT NULL RETURNING failures, failing_since`,
};

const LEAVE_ALONE = {
  name: 'webhooks_leave_alone',
  text: 'UPDATE webhook_endpoints SET resume_at = $3 WHERE tenant_id = $1 AND id = $2 AND failures > 0',
};

const REACHED = 'u.email_verified AND u.disabled_at IS NULL AND u.deletion_at IS NULL';

const ADMINISTRATORS = {
  name: 'webhooks_administrators',
  text: `
    SELECT u.email, u.claims ->> 'locale' AS locale FROM users u
     WHERE u.tenant_id = $1 AND 'ADMIN' = ANY (u.roles) AND ${REACHED} ORDER BY u.id LIMIT 20`,
};

const MANAGERS = {
  name: 'webhooks_managers',
  text: `
    SELECT u.email, u.claims ->> 'locale' AS locale
      FROM memberships m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
     WHERE m.tenant_id = $1 AND m.organization_id = $2 AND m.role IN ('owner', 'admin') AND m.suspended_at IS NULL AND ${REACHED}
     ORDER BY m.joined_at, m.user_id LIMIT 20`,
};
