// docs/standards.md: each specification that has a folder of tests, whether it is on, and what its tests say, read from their source.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../config/root.js';
import { type Sentence, sentencesIn } from './sentences.js';

const root = path.join(projectRoot, 'test', 'standards');

export interface Specification {
  id: string;
  title: string;
  url: string;
  on: boolean;
  /** In which case: of what is off, until when; of what is on, for whom or where. */
  when?: string;
  /** Members that discovery has where it is on, and has not where it is off. */
  discovery?: string[];
  note?: string;
  /** What its tests say. */
  sentences: Sentence[];
}

/** In the order of their names: RFCs by number, then the others. */
export function specifications(): Specification[] {
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => read(path.join(root, name))).sort((a, b) => byNumber.compare(a.id, b.id));
}

export function standards(): string {
  const all = specifications();
  const rows = all.map((one) =>
    row([`[${one.id}](${one.url})`, one.title, state(one), String(testsOf(one)), one.note ?? '']),
  );
  const chapters = all.map(({ id, title, sentences }) => `## ${id}: ${title}\n\n${sentences.map(item).join('\n')}`);
  return `${[
    '# Standards',
    'What the tests of each specification say, in its words. Printed from `test/standards` by `npm run generate`.',
    'On is what every tenant and every client has without a setting, or what a client or resource has by its own metadata alone; off needs the setting that is named.',
    [row(['Specification', 'Title', 'On', 'Tests', 'Note']), row(Array(5).fill('---')), ...rows].join('\n'),
    ...chapters,
  ].join('\n\n')}\n`;
}

export const testsOf = ({ sentences }: Pick<Specification, 'sentences'>): number =>
  sentences.filter(({ kind }) => kind === 'it').length;

const state = ({ on, when }: Specification) =>
  [on ? 'on' : 'off', when && (on ? `, ${when}` : ` until ${when}`)].filter(Boolean).join('');
const item = ({ kind, depth, text }: Sentence) =>
  `${'  '.repeat(depth)}- ${kind === 'describe' && depth === 0 ? `**${text}**` : text}`;

function read(folder: string): Specification {
  const said = JSON.parse(readFileSync(path.join(folder, 'specification.json'), 'utf8')) as Omit<
    Specification,
    'sentences'
  >;
  const suites = readdirSync(folder).filter((file) => file.endsWith('.test.ts'));
  return {
    ...said,
    sentences: suites.sort().flatMap((file) => sentencesIn(readFileSync(path.join(folder, file), 'utf8'))),
  };
}

const byNumber = new Intl.Collator('en', { numeric: true });
const row = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
