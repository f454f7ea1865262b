// What the tests of a source say: their sentences below the headings they have there; of a table of cases, what all share and each row in its words.
// Read from the text as the formatter leaves it: what lies deeper is indented further.

export interface Sentence {
  kind: 'describe' | 'it';
  /** Of how many headings it is below. */
  depth: number;
  text: string;
}

const quoted = /^(['"`])((?:\\.|(?!\1).)*)\1/s;
const one = '(%[sjidpo]|\\$\\w+)';
const placeholder = new RegExp(one, 'g');

export function sentencesIn(source: string): Sentence[] {
  const found: Sentence[] = [];
  const above: number[] = [];
  for (const { 1: indent = '', 2: kind, 3: each, index, 0: start } of source.matchAll(
    /^( *)(describe|it)(\.each)?(?=[(<])/gm,
  )) {
    const at = index + start.length;
    const table = each ? source.indexOf('(', afterTypes(source, at)) : undefined;
    const call = table === undefined ? at : endOf(source, table) + 1;
    const title = quoted.exec(source.slice(call + 1).trimStart())?.[2];
    if (title === undefined) continue;
    while (above.length > 0 && Number(above.at(-1)) >= indent.length) above.pop();
    const rows = table === undefined ? undefined : rowsOf(source, table);
    const depth = above.length;
    for (const text of worded(plain(title), rows)) found.push({ kind: kind as Sentence['kind'], depth, text });
    if (kind === 'describe') above.push(indent.length);
  }
  return found;
}

/** @param rows literal values of each, in the order of the placeholders; undefined where the table is computed. */
function worded(title: string, rows: (string | undefined)[][] | undefined): string[] {
  const places = title.match(placeholder)?.length ?? 0;
  if (places === 0 || rows === undefined) return [openEnded(title)];
  const words = rows.map((row) =>
    row
      .slice(0, places)
      .filter((word) => word !== undefined && word !== '')
      .join(', '),
  );
  if (words.some((word) => word === '')) return [openEnded(title)];
  if (title.replace(placeholder, '') === '') return words;
  const few = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  const isInside = places === 1 && !new RegExp(`(^${one}[:,]|${one}$)`).test(title) && words.length > 1;
  if (isInside && few.length < 60 && !words.join().includes(', ')) return [title.replace(placeholder, few)];
  return [`${openEnded(title)}: ${words.join('; ')}`];
}

/** Where a value stands at the beginning or at the end, it goes without saying that there is one. */
const openEnded = (title: string) =>
  title
    .replace(placeholder, '…')
    .replace(/^…[:,] (?!…)/, '')
    .replace(/(?<=.)(:|,)?( …,?)+$/, '');

const plain = (text: string) => text.replace(/\\(.)/g, '$1').replaceAll(/\s+/g, ' ');

/** Behind the type arguments of `each`, which are a tuple. */
const afterTypes = (source: string, at: number) => (source[at] === '<' ? source.indexOf(']>(', at) : at);

/** @param at of the bracket before the table. */
function rowsOf(source: string, at: number): (string | undefined)[][] | undefined {
  const text = source.slice(at + 1, endOf(source, at)).trim();
  if (text.startsWith('[')) return elements(text).map(wordsOf);
  const [, keys, name] = /^(Object\.(?:keys|entries)\()?(\w+)\)?$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  const declared = new RegExp(`\\bconst ${name}\\b[^;]*?\\s=\\s+(?=[[{])`).exec(source);
  if (!declared) return undefined;
  const value = source.slice(declared.index + declared[0].length);
  if (keys) return value.startsWith('{') ? elements(value).map((one) => [keyOf(one)]) : undefined;
  return value.startsWith('[') ? elements(value).map(wordsOf) : undefined;
}

const wordsOf = (row: string) => (row.startsWith('[') ? elements(row).map(literal) : [literal(row)]);

function literal(text: string): string | undefined {
  const [whole, , said = ''] = quoted.exec(text) ?? [];
  if (whole === text && !said.includes('${')) return plain(said);
  return /^(-?\d[\d_.]*|null|undefined|true|false)$/.test(text) ? text : undefined;
}

const keyOf = (member: string) => quoted.exec(member)?.[2] ?? /^(?:async )?(\w+)/.exec(member)?.[1];

/** Of an array or object that the text begins with, without comments. */
function elements(text: string): string[] {
  const end = endOf(text, 0);
  const found: string[] = [];
  let from = 1;
  for (let at = 1; at <= end; at = next(text, at)) {
    if (at < end && text[at] !== ',') continue;
    const one = text
      .slice(from, at)
      .replace(/^(\s|\/\/.*\n|\/\*[\s\S]*?\*\/)+/, '')
      .trim();
    if (one) found.push(one);
    from = at + 1;
  }
  return found;
}

/** @returns where the bracket at this place is closed. */
function endOf(text: string, at: number): number {
  let place = at + 1;
  while (place < text.length && !')]}'.includes(text[place] ?? '')) place = next(text, place);
  return place;
}

/** Behind what stands here: a character, or a string, comment, expression or bracket as a whole. */
function next(text: string, at: number): number {
  const rest = text.slice(at);
  const whole =
    quoted.exec(rest) ??
    /^(\/\/.*|\/\*[\s\S]*?\*\/)/.exec(rest) ??
    (beginsExpression(text, at) ? expression.exec(rest) : null);
  if (whole) return at + whole[0].length;
  return '([{'.includes(text[at] ?? '') ? endOf(text, at) + 1 : at + 1;
}

const expression = /^\/(?:\\.|\[(?:\\.|[^\]])*\]|[^/\n])+\/\w*/;
const beginsExpression = (text: string, at: number) =>
  text[at] === '/' && /[(,=:[!&|?{};>]\s*$/.test(text.slice(0, at));
