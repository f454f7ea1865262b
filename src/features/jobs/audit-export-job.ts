// The audit log as a file that is written while nobody waits: the same lines as GET /audit-events/export.
import type { AuditExport, ExportFilter } from '../audit-proof/audit-export.js';
import { isChain } from '../audit-proof/audit-export.js';
import { type ExportFormat, type ExportFormatName, exportFormats } from '../audit-proof/export-formats.js';
import type { Job } from './job.entity.js';
import type { JobKind, Step } from './job-kind.js';

/** `filter.to` is always said, so that it has an end. */
export interface AuditExportParams {
  format: ExportFormatName;
  filter: ExportFilter;
}

/** Events first, then the checkpoints that prove them, where the form has a place for them. */
type Place = { events?: string } | { checkpoints: number };

/** More than that nobody waits for to be counted. */
const MOST_COUNTED = 1_000_000;

export class AuditExportJob implements JobKind {
  readonly scope = 'audit:export';
  readonly readableHalf = false;

  constructor(
    private readonly exports: AuditExport,
    private readonly page = 500,
  ) {}

  file({ params, createdAt }: Job) {
    const { type, extension }: ExportFormat = exportFormats[(params as AuditExportParams).format];
    return { type, name: `audit-${createdAt.toISOString().slice(0, 10)}.${extension}` };
  }

  total({ params }: Job): Promise<number | null> {
    return this.exports.count((params as AuditExportParams).filter, MOST_COUNTED);
  }

  step({ params, cursor, createdAt }: Job): Promise<Step> {
    const { format, filter } = params as AuditExportParams;
    const place = (cursor ?? {}) as Place;
    const form: ExportFormat = exportFormats[format];
    if (!('checkpoints' in place)) return this.events(form, filter, place.events);
    const asked = createdAt.getTime();
    return this.checkpoints(form, place.checkpoints, new Date(Math.min(asked, Date.parse(filter.to ?? '') || asked)));
  }

  private async events(form: ExportFormat, filter: ExportFilter, after: string | undefined): Promise<Step> {
    const events = await this.exports.eventsAfter(filter, after, this.page);
    const head = after === undefined ? form.head : '';
    return {
      text: head + events.map((event) => form.line(event)).join(''),
      done: events.length,
      next: this.afterEvents(form, filter, events.length === this.page ? events.at(-1)?.id : undefined),
    };
  }

  private afterEvents(form: ExportFormat, filter: ExportFilter, last: string | undefined): Place | undefined {
    if (last !== undefined) return { events: last };
    return form.checkpoint && isChain(filter) ? { checkpoints: 0 } : undefined;
  }

  /** Those that were there by then: later ones are signed for what this file ends before, as though that had been taken out of it. */
  private async checkpoints(form: ExportFormat, after: number, until: Date): Promise<Step> {
    const found = await this.exports.checkpointsAfter(after, this.page, until);
    const last = found.length === this.page ? found.at(-1) : undefined;
    return {
      text: found.map(({ jws }) => form.checkpoint?.(jws) ?? '').join(''),
      done: 0,
      next: last && { checkpoints: last.number },
    };
  }
}
