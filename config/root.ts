// Where the project lies, from source or compiled, and which version of it: views, migrations and the default DATA_DIR are found from here.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

/** Absolute path of the folder that holds package.json. */
export const projectRoot = existsSync(path.join(here, '..', 'package.json'))
  ? path.dirname(here)
  : path.resolve(here, '..', '..');

export const { version } = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8')) as {
  version: string;
};
