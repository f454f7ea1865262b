// What every proof says in the end: of which source, on which machine, and where it can be read.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { projectRoot } from '../../config/root.js';

export function hardware(): string {
  const [{ model = 'unknown' } = {}] = cpus();
  return `${cpus().length} cores (${model.trim()}), ${Math.round(totalmem() / 1024 ** 3)} GB`;
}

/** The commit that is measured; what was changed since then is told, files made by a proof excepted. */
export function source(): string {
  const git = (...words: string[]) => spawnSync('git', words, { cwd: projectRoot, encoding: 'utf8' }).stdout?.trim();
  const commit = git('rev-parse', '--short=10', 'HEAD');
  if (!commit) return 'a source without git';
  return git('status', '--porcelain', '--', ':!docs/reports') ? `commit ${commit} with changes` : `commit ${commit}`;
}

/** As docs/reports/{name}.md. */
export function writeReport(name: string, text: string): void {
  const folder = path.join(projectRoot, 'docs', 'reports');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.md`), text);
}
