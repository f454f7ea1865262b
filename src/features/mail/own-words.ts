// The words of a tenant for its letters: kept, changed and recorded here, cached for whoever writes letters. Hands off to: mail-markup.ts, which says what is
// wrong with them; letter-writing.ts, which writes with them.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Cache, Caching } from '../tenants/caching.js';
import { faultsOf, type MailWords } from './mail-markup.js';
import { MailTemplate } from './mail-template.entity.js';
import type { TemplateParams, Words } from './mail-template.schema.js';
import { mailVariables, variablesOf } from './mail-variables.js';

const TOPIC = 'mail-template';

export class OwnWords {
  /** Most letters have none: that is kept, too. */
  private readonly cache: Cache<{ words?: MailWords }>;

  constructor(
    private readonly db: Database,
    private readonly audit: Pick<AuditLog, 'record'>,
    private readonly clock: Clock,
    private readonly caching: Caching,
    readonly locales: readonly string[],
  ) {
    this.cache = caching.cache({ max: 2000, topic: TOPIC, load: (key) => this.load(key) });
  }

  /** Of the language that the letter is written in. */
  async of(name: string, locale: string): Promise<MailWords | undefined> {
    return (await this.cache.get(keyOf({ name, locale })))?.words;
  }

  /** Every letter there is, and in which languages it has words of the tenant's own. */
  async list(): Promise<{ name: string; customised: ReadonlySet<string> }[]> {
    const rows = await this.db.repo(MailTemplate).find();
    return Object.keys(mailVariables).map((name) => ({
      name,
      customised: new Set(rows.filter((row) => row.name === name).map(({ locale }) => locale)),
    }));
  }

  /** @throws AppError 404 where the words of the house are in force. */
  async find(key: TemplateParams): Promise<MailTemplate> {
    this.assertKnown(key);
    const row = await this.db.repo(MailTemplate).findOneBy(pick(key));
    if (!row) throw notFound('mail template of your own');
    return row;
  }

  /** @throws AppError 422 for words that name what is not there, or leave out what must be said. */
  put(key: TemplateParams, { subject, heading = null, text }: Words, ifMatch?: number): Promise<MailTemplate> {
    this.assertGood(key, { subject, heading, text });
    return this.change(key, ifMatch, async (row) => {
      const now = this.clock.now();
      const words = { subject, heading, text, updatedAt: now };
      const changed = row
        ? await this.db.repo(MailTemplate).save(Object.assign(row, words, { version: row.version + 1 }))
        : await this.db
            .repo(MailTemplate)
            .insert(Object.assign(new MailTemplate(), pick(key), words, { createdAt: now }));
      await this.audit.record('mail_template.replaced', { template: key.name, locale: key.locale });
      return changed;
    });
  }

  /** The words of the house are in force again. @throws AppError 404 where they are. */
  remove(key: TemplateParams, ifMatch?: number): Promise<void> {
    this.assertKnown(key);
    return this.change(key, ifMatch, async (row) => {
      if (!row) throw notFound('mail template of your own');
      await this.db.repo(MailTemplate).delete(pick(key));
      await this.audit.record('mail_template.removed', { template: key.name, locale: key.locale });
    });
  }

  /** @throws AppError 404 */
  assertKnown({ name, locale }: TemplateParams): void {
    if (!variablesOf(name) || !this.locales.includes(locale)) throw notFound('mail template');
  }

  /** @param at where the words stand in what was sent. @throws AppError 404 or 422 */
  assertGood(key: TemplateParams, words: MailWords, at = ''): void {
    this.assertKnown(key);
    const faults = faultsOf(words, variablesOf(key.name) ?? {});
    if (faults.length > 0)
      throw invalid(
        'The words cannot be used',
        faults.slice(0, 20).map(({ pointer, message }) => ({ pointer: `${at}${pointer}`, message })),
      );
  }

  private change<T>(
    key: TemplateParams,
    ifMatch: number | undefined,
    work: (row: MailTemplate | null) => Promise<T>,
  ): Promise<T> {
    return this.db.transaction(async () => {
      const { name, locale } = key;
      const rows = this.db
        .repo(MailTemplate)
        .query('m')
        .andWhere('m.name = :name AND m.locale = :locale', { name, locale });
      const row = await rows.setLock('pessimistic_write').getOne();
      if (ifMatch !== undefined && ifMatch !== row?.version)
        throw preconditionFailed('The mail template has changed since');
      const done = await work(row);
      await this.caching.publish(TOPIC, keyOf(key));
      return done;
    });
  }

  private async load(key: string): Promise<{ words?: MailWords }> {
    const [, name = '', locale = ''] = key.split(':');
    const row = await this.db.repo(MailTemplate).findOneBy({ name, locale });
    return row ? { words: { subject: row.subject, heading: row.heading, text: row.text } } : {};
  }
}

const keyOf = ({ name, locale }: TemplateParams): string => `${currentTenantId()}:${name}:${locale}`;

const pick = ({ name, locale }: TemplateParams): TemplateParams => ({ name, locale });
