// What neither the compiler nor the linter sees: the arrows of the house, licences of what is shipped, generated files.
// Prints each violation by name and exits 1 when there is one.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../config/root.js';
import { stale } from './generate.js';
import { importViolations, type Sources } from './imports.js';
import { type LockedPackage, licenceViolations } from './licences.js';

export async function violations(): Promise<string[]> {
  const lock = readFileSync(path.join(projectRoot, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(lock) as { packages: Record<string, LockedPackage> };
  return [
    ...importViolations(sources()),
    ...licenceViolations(packages),
    ...(await stale()).map((file) => `${file} is not current: run npm run generate`),
  ];
}

function sources(): Sources {
  const found = new Map<string, string>();
  for (const folder of ['src', 'config', 'migrations', 'examples'])
    for (const file of typescript(folder)) found.set(file, read(file));
  return found;
}

function typescript(folder: string): string[] {
  try {
    return readdirSync(path.join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => path.posix.join(folder, ...file.split(path.sep)));
  } catch {
    return []; // a folder that is not there breaks no rule
  }
}

const read = (file: string): string => readFileSync(path.join(projectRoot, file), 'utf8');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = await violations();
  for (const problem of problems) console.error(problem);
  console.log(
    problems.length > 0 ? `${problems.length} rules broken` : 'Imports, licences and generated files are in order',
  );
  process.exitCode = problems.length > 0 ? 1 : 0;
}
