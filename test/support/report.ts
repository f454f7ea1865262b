// What every proof says in the end: on which machine, and where it can be read.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { projectRoot } from '../../config/root.js';

export function hardware(): string {
  const [{ model = 'unknown' } = {}] = cpus();
  return `${cpus().length} cores (${model.trim()}), ${Math.round(totalmem() / 1024 ** 3)} GB`;
}

/** As docs/reports/{name}.md. */
export function writeReport(name: string, text: string): void {
  const folder = path.join(projectRoot, 'docs', 'reports');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.md`), text);
}
