// docs/standards.md: each specification that has a folder of tests, whether it is on, and what its tests say, read from their source.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../config/root.js';

const root = path.join(projectRoot, 'test', 'standards');

export interface Specification {
  id: string;
  title: string;
  url: string;
  on: boolean;
  /** Members that discovery has where it is on, and has not where it is off. */
  discovery?: string[];
  note?: string;
  /** What each of its tests says. */
  tests: string[];
}

/** In the order of their names: RFCs by number, then the others. */
export function specifications(): Specification[] {
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => read(path.join(root, name))).sort((a, b) => byNumber.compare(a.id, b.id));
}

export function standards(): string {
  const all = specifications();
  const rows = all.map(({ id, title, url, on, tests, note }) =>
    row([`[${id}](${url})`, title, on ? 'on' : 'off', String(tests.length), note ?? '']),
  );
  const chapters = all.map(({ id, title, tests }) =>
    [`## ${id}: ${title}`, tests.map((test) => `- ${test}`).join('\n')].filter(Boolean).join('\n\n'),
  );
  return `${[
    '# Standards',
    'What the tests of each specification say, in its words. Printed from `test/standards` by `npm run generate`.',
    [row(['Specification', 'Title', '', 'Tests', 'Note']), row(Array(5).fill('---')), ...rows].join('\n'),
    ...chapters,
  ].join('\n\n')}\n`;
}

/** What the tests of a source say, in their order: of a table of cases, the sentence that all of them share. */
export function testsIn(source: string): string[] {
  const found: string[] = [];
  for (const { 1: each, index } of source.matchAll(/(?<![\w.])it(\.each\b)?[(<]/g)) {
    const rest = source.slice(index);
    const [, , text] =
      (each ? /\)\(\s*(['"`])((?:\\.|(?!\1).)*)\1/s : /^it\(\s*(['"`])((?:\\.|(?!\1).)*)\1/s).exec(rest) ?? [];
    if (text !== undefined) found.push(text.replace(/\\(.)/g, '$1').replaceAll(/\s+/g, ' '));
  }
  return found;
}

function read(folder: string): Specification {
  const said = JSON.parse(readFileSync(path.join(folder, 'specification.json'), 'utf8')) as Omit<
    Specification,
    'tests'
  >;
  const suites = readdirSync(folder).filter((file) => file.endsWith('.test.ts'));
  return { ...said, tests: suites.sort().flatMap((file) => testsIn(readFileSync(path.join(folder, file), 'utf8'))) };
}

const byNumber = new Intl.Collator('en', { numeric: true });
const row = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
