import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { endpoint } from '../../platform/endpoint.js';
import { AuditFilter } from '../audit/audit.schema.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type AuditExport, isChain } from './audit-export.js';
import { type ExportedEvent, type ExportFormat, ExportFormatChoice, exportFormats } from './export-formats.js';

const ExportQuery = z.strictObject({
  format: ExportFormatChoice.default('jsonl'),
  ...AuditFilter,
});

export const auditExportRoutes = (exports: AuditExport, audit: AuditLog, clock: Clock) => [
  endpoint({
    method: 'get',
    path: '/audit-events/export',
    scope: 'audit:export',
    summary: 'Export what happened, oldest first, however much it is',
    description:
      'JSON lines of everything end with the checkpoints that prove them: `ostiary audit verify` reads them.',
    query: ExportQuery,
    streams: Object.values(exportFormats).map(({ type }) => type),
    async handle({ query: { format, ...filter } }) {
      const isWhole = Object.values(filter).every((value) => value === undefined);
      await audit.record('audit_log.exported', { format, whole: isWhole });
      const chosen: ExportFormat = exportFormats[format];
      return {
        type: chosen.type,
        name: `audit-${clock.now().toISOString().slice(0, 10)}.${chosen.extension}`,
        chunks: written(chosen, exports.events(filter), isChain(filter) ? exports.checkpoints() : undefined),
      };
    },
  }),
];

async function* written(
  format: ExportFormat,
  events: AsyncIterable<ExportedEvent[]>,
  checkpoints: AsyncIterable<string[]> | undefined,
): AsyncGenerator<string> {
  if (format.head) yield format.head;
  for await (const page of events) yield page.map((event) => format.line(event)).join('');
  if (!format.checkpoint || !checkpoints) return;
  for await (const page of checkpoints) yield page.map((jws) => format.checkpoint?.(jws)).join('');
}
