// npm run prove -- mutations [words]: takes out each statement that a race rests on, and shows that a test fails. With words: only those whose
// description has them, and no report is written.

import { mutations, type Verdict, Workshop } from '../support/mutations.js';
import { source, writeReport } from '../support/report.js';

/** @returns true where every mutation was caught. */
export async function proveMutations(words: string[]): Promise<boolean> {
  const wanted = words.join(' ');
  const chosen = mutations.filter(({ what }) => what.includes(wanted));
  const workshop = new Workshop();
  const verdicts: Verdict[] = [];
  try {
    for (const suite of new Set(chosen.map((one) => one.suite)))
      await workshop.passes(suite, [...new Set(chosen.filter((one) => one.suite === suite).map(({ test }) => test))]);
    console.log(`Every guard passes as it is; now ${chosen.length} statements are taken out, one at a time.`);
    for (const mutation of chosen) {
      const verdict = await workshop.try(mutation);
      verdicts.push(verdict);
      console.log(`${verdict.caught ? 'caught  ' : 'SURVIVED'} ${mutation.what} → ${mutation.suite}: ${mutation.test}`);
    }
  } finally {
    workshop.close();
  }
  if (!wanted) write(verdicts);
  return verdicts.length > 0 && verdicts.every(({ caught }) => caught);
}

function write(verdicts: Verdict[]): void {
  const rows = verdicts.map(
    ({ mutation: { what, file, suite, test }, caught }) =>
      `| ${what} | \`src/${file}.ts\` | \`test/${suite}.test.ts\`: ${test} | ${caught ? 'yes' : '**no**'} |`,
  );
  const caught = verdicts.filter((verdict) => verdict.caught).length;
  const text = `# What the race tests are worth

Each row takes one condition out of the compiled server and runs the one test that guards it, with two processes on PostgreSQL and Redis.
The same test passes while the condition is there. Made by \`npm run prove -- mutations\` of ${source()}.

${caught} of ${verdicts.length} were caught.

| taken out | where | guarded by | the test fails |
|---|---|---|---|
${rows.join('\n')}
`;
  writeReport('mutations', text);
}
