// Owns outgoing mail: queued in the transaction of the change, sent by the worker, kept sealed and no longer than needed.
// Hands off to: the outbox (platform/jobs.ts), the views that render it, and a transport.
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId, type Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { MailTransport } from './mail.transport.js';
import { MailMessage } from './mail-message.entity.js';

/** Template (views/emails/<name>) → what it says. */
export interface MailTemplates {
  set_password: { link: string; minutes: number };
  account_locked: { until: string };
  repeated_lockouts: { until: string };
  new_sign_in: { link: string; minutes: number; at: string; ip: string | undefined; device: string | undefined };
  account_unlocked: Record<string, never>;
  second_factors_removed: Record<string, never>;
}

export interface RenderedMail {
  subject: string;
  text: string;
  html: string;
}

export type RenderMail = (
  template: keyof MailTemplates,
  locale: string,
  data: object,
) => Promise<RenderedMail> | RenderedMail;

/** The outbox: joins the surrounding transaction. */
export interface Outbox {
  enqueue(task: string, payload: object): Promise<void>;
}

export const SEND_TASK = 'mail.send';
export const SendMail = z.strictObject({ message_id: z.uuid() });

const Payload = z.object({ to: z.string(), locale: z.string(), data: z.record(z.string(), z.unknown()) });
const Rendered = z.object({ to: z.string(), subject: z.string(), text: z.string(), html: z.string() });

export class MailService {
  constructor(
    private readonly db: Database,
    private readonly outbox: Outbox,
    private readonly sealer: Sealer,
    private readonly render: RenderMail,
    private readonly transport: MailTransport,
    private readonly clock: Clock,
  ) {}

  /**
   * No request waits for a mail server; where the change is rolled back, nothing is sent.
   * @param locale of whoever reads it (OpenID Connect Core §5.1), not of whoever caused it.
   */
  send<T extends keyof MailTemplates>(template: T, to: string, data: MailTemplates[T], locale = 'en'): Promise<void> {
    return this.db.transaction(async () => {
      const id = newId();
      const payload: z.infer<typeof Payload> = { to, locale, data };
      const message = Object.assign(new MailMessage(), {
        id,
        template,
        payloadSealed: this.sealer.seal(JSON.stringify(payload), sealContext(currentTenantId(), id, 'payload')),
        createdAt: this.clock.now(),
      });
      await this.db.repo(MailMessage).insert(message);
      await this.outbox.enqueue(SEND_TASK, { message_id: id });
    });
  }

  /**
   * The job. Safe to run twice: what is sent is not sent again.
   * @param last nobody tries again after this: the message is given up, and stays to be looked into.
   * @throws Error naming the reason, so that it is tried later.
   */
  async deliver({ message_id: id }: z.infer<typeof SendMail>, last = false): Promise<void> {
    const message = await this.db.repo(MailMessage).findOneBy({ id });
    if (!message?.payloadSealed || message.status === 'sent') return;
    try {
      const { to, locale, data } = Payload.parse(
        JSON.parse(this.sealer.open(message.payloadSealed, sealContext(currentTenantId(), id, 'payload'))),
      );
      const rendered = await this.render(message.template as keyof MailTemplates, locale, data);
      await this.transport.send({ messageId: `<${id}@ostiary>`, to, ...rendered });
      await this.db.repo(MailMessage).update(
        { id },
        {
          status: 'sent',
          attempts: message.attempts + 1,
          lastError: null,
          payloadSealed: null,
          sentAt: this.clock.now(),
          ...(this.transport.keeps
            ? {
                renderedSealed: this.sealer.seal(
                  JSON.stringify({ to, ...rendered }),
                  sealContext(currentTenantId(), id, 'rendered'),
                ),
              }
            : {}),
        },
      );
    } catch (error) {
      const lastError = reasonOf(error);
      const status = last ? 'failed' : 'queued';
      await this.db.repo(MailMessage).update({ id }, { status, attempts: message.attempts + 1, lastError });
      // The queue keeps what is thrown, and a mail server's words may repeat the address.
      throw new Error(`the mail was not sent: ${lastError}`);
    }
  }

  /** The mailbox of development, newest first. */
  async mailbox(limit = 50): Promise<(RenderedMail & { id: string; to: string; sentAt: Date })[]> {
    if (!this.transport.keeps) return [];
    const messages = await this.db
      .repo(MailMessage)
      .find({ where: { status: 'sent' }, order: { id: 'DESC' }, take: limit });
    return messages.flatMap(({ id, renderedSealed, sentAt }) =>
      renderedSealed && sentAt
        ? [
            {
              id,
              sentAt,
              ...Rendered.parse(
                JSON.parse(this.sealer.open(renderedSealed, sealContext(currentTenantId(), id, 'rendered'))),
              ),
            },
          ]
        : [],
    );
  }
}

const sealContext = (tenantId: string, id: string, column: 'payload' | 'rendered') =>
  `mail_messages:${tenantId}:${id}:${column}`;

export const sealedMail: SealedColumn[] = (['payload', 'rendered'] as const).map((column) => ({
  table: 'mail_messages',
  column: `${column}_sealed`,
  key: ['tenant_id', 'id'],
  context: ({ tenant_id, id }) => sealContext(String(tenant_id), String(id), column),
}));

/** Only the code: a mail server's words may repeat the address. */
function reasonOf(error: unknown): string {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  const parts = [code, responseCode].filter((part) => typeof part === 'string' || typeof part === 'number');
  return parts.length > 0 ? parts.join(' ') : error instanceof Error ? error.name : 'unknown';
}
