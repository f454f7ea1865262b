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

/** Keeps a part, whole, where the chain can be followed later; it is there when this resolves. Kept twice, it is the same. */
export interface Archive {
  keep(part: ArchivedPart): Promise<void>;
  prepare?(): Promise<void>;
}

/** On a disk. */
export class AuditArchive implements Archive {
  /** @param folder that every process which does jobs can write. */
  constructor(private readonly folder: string) {}

  /** So that whoever looks before anything is kept finds a folder that can be written, or hears that it cannot. */
  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  async keep(part: ArchivedPart): Promise<void> {
    const folder = path.join(this.folder, part.tenantId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const sha256 = await written(path.join(folder, fileOf(part)), linesOf(part));
    await written(path.join(folder, manifestOf(part)), [manifest(part, sha256)]);
  }
}

/** In the order of the names as in that of the chain. */
const padded = (sequence: number): string => String(sequence).padStart(12, '0');
const nameOf = ({ first, last }: ArchivedPart) => `audit-${padded(first)}-${padded(last)}`;

export const fileOf = (part: ArchivedPart) => `${nameOf(part)}.jsonl`;
export const manifestOf = (part: ArchivedPart) => `${nameOf(part)}.manifest.json`;

/** As many bytes at a time; fewer at the end. */
export function* piecesOf(texts: Iterable<string>, bytes: number): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for (const text of texts) {
    waiting.push(Buffer.from(text));
    size += waiting.at(-1)?.length ?? 0;
    if (size < bytes) continue;
    let all = Buffer.concat(waiting);
    for (; all.length >= bytes; all = all.subarray(bytes)) yield all.subarray(0, bytes);
    waiting = [all];
    size = all.length;
  }
  if (size > 0) yield Buffer.concat(waiting);
}

export function* linesOf({ events, checkpoints }: ArchivedPart): Generator<string> {
  for (const event of events) yield line(event);
  for (const jws of checkpoints) yield checkpoint(jws);
}

export function manifest(part: ArchivedPart, sha256: string): string {
  const { tenantId: tenant_id, first, last, checkpoints } = part;
  const said = { file: fileOf(part), sha256, tenant_id, first, last, events: part.events.length, checkpoints };
  return `${JSON.stringify(said, null, 2)}\n`;
}

/** Whole or not at all. @returns what it hashes to. */
async function written(file: string, texts: Iterable<string>): Promise<string> {
  const draft = `${file}.part`;
  const hash = createHash('sha256');
  const handle = await open(draft, 'w', 0o600);
  try {
    for (const piece of piecesOf(texts, 1024 * 1024)) {
      hash.update(piece);
      await handle.appendFile(piece);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  return hash.digest('hex');
}
