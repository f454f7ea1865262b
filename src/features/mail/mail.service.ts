// Owns outgoing mail: queued in the transaction of the change, sent by the worker, kept sealed and no longer than needed.
// Hands off to: the outbox (platform/jobs.ts), the views that render it, and a driver.
import { setTimeout as delay } from 'node:timers/promises';
import { IsNull, Not } from 'typeorm';
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId, type Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, notFound } from '../../platform/errors.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type MailDriver, MailRefused, reasonOf } from './mail.driver.js';
import type { MailTemplates } from './mail.templates.js';
import { MailMessage } from './mail-message.entity.js';

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

/** Longer than the answer takes to whoever asked for a letter: rendering and sending, which only a known address has, never falls into it. */
const ANSWERED_MS = 100;

const Payload = z.object({ to: z.string().nullable(), locale: z.string(), data: z.record(z.string(), z.unknown()) });
const Rendered = z.object({ to: z.string(), subject: z.string(), text: z.string(), html: z.string() });

export class MailService {
  constructor(
    private readonly db: Database,
    private readonly outbox: Outbox,
    private readonly sealer: Sealer,
    private readonly render: RenderMail,
    private readonly driver: MailDriver,
    private readonly clock: Clock,
    private readonly audit: Pick<AuditLog, 'record'>,
  ) {}

  /**
   * No request waits for a mail server; where the change is rolled back, nothing is sent.
   * @param to nobody where undefined: whoever asks is answered by the same statements, and the worker throws the letter away.
   * @param locale of whoever reads it (OpenID Connect Core §5.1), not of whoever caused it.
   */
  send<T extends keyof MailTemplates>(
    template: T,
    to: string | undefined,
    data: MailTemplates[T],
    locale = 'en',
  ): Promise<void> {
    return this.db.transaction(async () => {
      const id = newId();
      const payload: z.infer<typeof Payload> = { to: to ?? null, locale, data: { ...data } };
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
   * @throws Error naming the reason, so that it is tried later; what is refused for good is not.
   */
  async deliver({ message_id: id }: z.infer<typeof SendMail>, last = false): Promise<void> {
    const message = await this.db.repo(MailMessage).findOneBy({ id });
    if (!message?.payloadSealed || message.status === 'sent') return;
    await this.afterTheAnswer(message);
    try {
      const { to, locale, data } = Payload.parse(
        JSON.parse(this.sealer.open(message.payloadSealed, sealContext(currentTenantId(), id, 'payload'))),
      );
      const rendered = await this.render(message.template as keyof MailTemplates, locale, data);
      // Rendered for nobody as for anybody: what this process works for a letter must not tell whether somebody has the address.
      if (to === null) {
        await this.db.repo(MailMessage).delete({ id });
        return;
      }
      await this.driver.send({ messageId: `<${id}@ostiary>`, to, ...rendered });
      await this.db.repo(MailMessage).update(
        { id },
        {
          status: 'sent',
          attempts: message.attempts + 1,
          lastError: null,
          payloadSealed: null,
          sentAt: this.clock.now(),
          ...(this.driver.keeps
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
      const refused = error instanceof MailRefused;
      const status = last || refused ? 'failed' : 'queued';
      // What another process has sent meanwhile stays sent.
      const open = { id, status: Not('sent' as const) };
      await this.db.repo(MailMessage).update(open, { status, attempts: message.attempts + 1, lastError });
      if (refused) return;
      // The queue keeps what is thrown, and a mail server's words may repeat the address.
      throw new Error(`the mail was not sent: ${lastError}`);
    }
  }

  private async afterTheAnswer({ createdAt }: MailMessage): Promise<void> {
    const early = createdAt.getTime() + ANSWERED_MS - this.clock.now().getTime();
    if (early > 0) await delay(Math.min(early, ANSWERED_MS));
  }

  async find(id: string): Promise<MailMessage> {
    const message = await this.db.repo(MailMessage).findOneBy({ id });
    if (!message) throw notFound('mail message');
    return message;
  }

  /** Once more from the first attempt, under the same Message-ID. A link in it may have ended meanwhile. @throws AppError 409 unless it was given up. */
  retry({ id }: MailMessage): Promise<MailMessage> {
    return this.db.transaction(async () => {
      // One statement: of two who ask at once, one does it.
      const changed = await this.db
        .repo(MailMessage)
        .update({ id, status: 'failed', payloadSealed: Not(IsNull()) }, { status: 'queued', lastError: null });
      if (changed === 0) throw conflict('mail_not_failed', 'Only mail that was given up is sent again');
      await this.outbox.enqueue(SEND_TASK, { message_id: id });
      await this.audit.record('mail.retried', { message_id: id });
      return this.find(id);
    });
  }

  /** The mailbox of development, newest first. */
  async mailbox(limit = 50): Promise<(RenderedMail & { id: string; to: string; sentAt: Date })[]> {
    if (!this.driver.keeps) return [];
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
