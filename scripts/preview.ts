// Renders every page and letter with sample data into a folder, to be looked at in a browser: node dist/scripts/preview.js [folder]
// Hands off to test/support/pages.ts for the samples, which the tests of the pages share.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../config/root.js';
import { writePages } from '../test/support/pages.js';

const folder = path.resolve(process.argv[2] ?? path.join(projectRoot, 'dist', 'preview'));
mkdirSync(folder, { recursive: true });
const files = writePages(folder);
console.log(`${files.length} pages in ${folder}`);
