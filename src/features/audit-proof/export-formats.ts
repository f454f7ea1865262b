// How the record is written down: as JSON lines, which can be verified; as a table; as events of the Open Cybersecurity Schema Framework.
import { z } from 'zod';
import { ocsf } from './ocsf.js';
import type { Commitments, Salts, ShownEvent } from './sealed-event.js';

/** An event with its place in the chain; null where it is not sealed yet. */
export interface ExportedEvent extends ShownEvent {
  tenant_id: string;
  sequence: number | null;
  hash: string | null;
  commitments: Commitments;
  salts: Salts;
}

export interface ExportFormat {
  type: string;
  extension: string;
  head: string;
  line(event: ExportedEvent): string;
  /** Absent where it has no place for checkpoints. */
  checkpoint?(jws: string): string;
}

const COLUMNS: readonly (readonly [string, (event: ExportedEvent) => unknown])[] = [
  ['id', ({ id }) => id],
  ['occurred_at', ({ occurred_at }) => occurred_at],
  ['name', ({ name }) => name],
  ['actor_type', ({ actor }) => actor?.type],
  ['actor_id', ({ actor }) => actor?.id],
  ['ip', ({ ip }) => ip],
  ['user_agent', ({ user_agent }) => user_agent],
  ['request_id', ({ request_id }) => request_id],
  ['data', ({ data }) => data],
  ['tenant_id', ({ tenant_id }) => tenant_id],
  ['sequence', ({ sequence }) => sequence],
  ['hash', ({ hash }) => hash],
  ['commitments', ({ commitments }) => commitments],
  ['salts', ({ salts }) => salts],
];

export const exportFormats = {
  jsonl: {
    type: 'application/jsonl',
    extension: 'jsonl',
    head: '',
    line: (event) => `${JSON.stringify(event)}\n`,
    checkpoint: (jws) => `${JSON.stringify({ checkpoint: jws })}\n`,
  },
  csv: {
    type: 'text/csv; charset=utf-8',
    extension: 'csv',
    // RFC 4180 §2: lines end in CRLF.
    head: `${COLUMNS.map(([name]) => name).join(',')}\r\n`,
    line: (event) => `${COLUMNS.map(([, value]) => cell(value(event))).join(',')}\r\n`,
  },
  ocsf: {
    type: 'application/jsonl',
    extension: 'ocsf.jsonl',
    head: '',
    line: (event) => `${JSON.stringify(ocsf(event))}\n`,
  },
} as const satisfies Record<ExportFormatName, ExportFormat>;

export const ExportFormatChoice = z.enum(['jsonl', 'csv', 'ocsf']).meta({
  description: 'JSON lines, which can be verified; a table; or events of the Open Cybersecurity Schema Framework',
});
export type ExportFormatName = z.output<typeof ExportFormatChoice>;

/** What a spreadsheet would take for a formula is a text (OWASP, CSV Injection): an apostrophe stands in front. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const harmless = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
