// Where the project lies, from source or compiled: views, migrations and the default DATA_DIR are found from here.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

/** Absolute path of the folder that holds package.json. */
export const projectRoot = existsSync(path.join(here, '..', 'package.json'))
  ? path.dirname(here)
  : path.resolve(here, '..', '..');
