// What goes from the record, kept as files: the events that one checkpoint was signed for, and a manifest that says what they hash to.
import { createHash } from 'node:crypto';
import { mkdir, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { type ExportedEvent, exportFormats } from './export-formats.js';

export interface ArchivedPart {
  tenantId: string;
  first: number;
  last: number;
  /** That of these events, behind the one before it. */
  checkpoints: string[];
  events: ExportedEvent[];
}

const { line, checkpoint } = exportFormats.jsonl;

export class AuditArchive {
  /** @param folder that every process which does jobs can write. */
  constructor(private readonly folder: string) {}

  /** So that whoever looks before anything is kept finds a folder that can be written, or hears that it cannot. */
  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Is on the disk when this resolves. Kept twice, it is the same file. */
  async keep({ tenantId, first, last, checkpoints, events }: ArchivedPart): Promise<void> {
    const folder = path.join(this.folder, tenantId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const name = `audit-${padded(first)}-${padded(last)}`;
    const text = [...events.map(line), ...checkpoints.map(checkpoint)].join('');
    const sha256 = createHash('sha256').update(text).digest('hex');
    const manifest = {
      file: `${name}.jsonl`,
      sha256,
      tenant_id: tenantId,
      first,
      last,
      events: events.length,
      checkpoints,
    };
    await written(path.join(folder, `${name}.jsonl`), text);
    await written(path.join(folder, `${name}.manifest.json`), `${JSON.stringify(manifest, null, 2)}\n`);
  }
}

/** In the order of the names as in that of the chain. */
const padded = (sequence: number): string => String(sequence).padStart(12, '0');

/** Whole or not at all. */
async function written(file: string, text: string): Promise<void> {
  const draft = `${file}.part`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}
