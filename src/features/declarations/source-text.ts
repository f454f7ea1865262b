// A YAML or JSON text as plain values that still know where they stand. Anchors work; what an alias may unfold to is bounded.
import { Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { DeclarationError, type Finding, type Path, type Problem, written } from './declaration.problems.js';

const MAX_BYTES = 5_000_000;
/** Nodes that may be reached through aliases: ten lines of YAML can stand for a billion. */
const MAX_ALIASED = 20_000;
const MAX_DEPTH = 64;
/** JSON files use the same syntax, but a dollar sign and braces are meant as a reference by whoever writes nothing else. */
const REFERENCE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;

export class SourceText {
  readonly value: unknown;
  private readonly lines = new LineCounter();
  private readonly problems: Problem[] = [];
  private readonly told = new Set<string>();
  private readonly targets = new Map<Alias, Node>();
  private readonly open = new Set<Node>();
  private readonly contents: Node | null;
  private aliased = 0;

  constructor(
    text: string,
    readonly fileName: string,
  ) {
    if (Buffer.byteLength(text) > MAX_BYTES)
      throw new DeclarationError(fileName, [
        { line: 1, column: 1, path: '', message: 'the file is larger than 5 MB; divide it into several' },
      ]);
    // Duplicate keys are found below: the parser compares each key with every other one.
    const options = { lineCounter: this.lines, prettyErrors: false, uniqueKeys: false, schema: 'core' } as const;
    const document = parseDocument(text, options);
    for (const { code, message, pos } of [...document.errors, ...document.warnings])
      this.problemAt(pos[0], [], syntax(code, message));
    this.contents = document.contents;
    if (this.problems.length > 0) this.conclude();
    if (this.contents) this.linkAliases(this.contents);
    this.value = this.contents ? this.convert(this.contents, [], 0) : {};
  }

  report({ path, message, at }: Finding): void {
    const name = written(path);
    this.problemAt(this.locate(path, at), path, name ? `${name}: ${message}` : message);
  }

  /** @throws DeclarationError where anything was reported since, in the order of the file. */
  conclude(): void {
    if (this.problems.length === 0) return;
    const problems = this.problems.splice(0);
    this.told.clear();
    const exhausted = problems.find(({ message }) => message === TOO_DEEP);
    const order = (a: Problem, b: Problem) => a.line - b.line || a.column - b.column;
    throw new DeclarationError(this.fileName, exhausted ? [exhausted] : problems.sort(order));
  }

  /** Offset of what stands at a path; of its nearest parent where nothing does. */
  private locate(path: Path, at?: 'key'): number {
    let node: unknown = this.contents;
    let offset = this.contents?.range?.[0] ?? 0;
    for (const [index, part] of path.entries()) {
      const target = isAlias(node) ? this.targets.get(node) : node;
      let key: unknown;
      let next: unknown;
      if (isSeq(target)) next = target.items[Number(part)];
      else if (isMap(target)) {
        const pair = target.items.find((one) => nameOf(one.key) === part);
        key = pair?.key;
        next = pair?.value;
      }
      const place = at === 'key' && index === path.length - 1 ? key : next;
      const start = (place as Node | undefined)?.range?.[0];
      if (start === undefined) return offset;
      offset = start;
      node = next;
    }
    return offset;
  }

  private problemAt(offset: number, path: Path, message: string): void {
    const { line, col } = this.lines.linePos(offset);
    const problem = { line: Math.max(line, 1), column: Math.max(col, 1), path: written(path), message };
    // One value may break two rules that say the same.
    const key = `${problem.line}:${problem.column}:${message}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    this.problems.push(problem);
  }

  /** YAML 1.2 §3.2.2.2: an alias means the nearest anchor of its name above it. */
  private linkAliases(contents: Node): void {
    const anchors = new Map<string, Node>();
    visit(contents, {
      Node: (_key, node) => {
        if (node instanceof Alias) {
          const target = anchors.get(node.source);
          if (target) this.targets.set(node, target);
        } else if (node.anchor) anchors.set(node.anchor, node);
      },
    });
  }

  private convert(node: unknown, path: Path, depth: number, viaAlias = false): unknown {
    if (depth > MAX_DEPTH) {
      this.problemAt((node as Node).range?.[0] ?? 0, [], TOO_DEEP);
      this.conclude();
    }
    if (viaAlias) {
      this.aliased += 1;
      if (this.aliased === MAX_ALIASED) this.report({ path, message: 'the aliases unfold to more than is allowed' });
      if (this.aliased >= MAX_ALIASED) return undefined;
    }
    if (isAlias(node)) return this.follow(node, path, depth);
    if (isSeq(node)) return node.items.map((item, index) => this.convert(item, [...path, index], depth + 1, viaAlias));
    if (isMap(node)) {
      const members = new Map<string, unknown>();
      for (const { key, value } of node.items) {
        const name = nameOf(key);
        const at = [...path, name ?? ''];
        if (name === undefined) this.problemAt((key as Node | null)?.range?.[0] ?? 0, path, 'a key must be plain text');
        else if (members.has(name)) this.problemAt((key as Node).range?.[0] ?? 0, at, `${written(at)}: duplicate key`);
        else members.set(name, this.convert(value, at, depth + 1, viaAlias));
      }
      return Object.fromEntries(members);
    }
    const value = isScalar(node) ? node.value : null;
    if (typeof value === 'string' && REFERENCE.test(value))
      this.report({ path, message: 'references to the environment are not supported; write the value itself' });
    return value;
  }

  private follow(alias: Alias, path: Path, depth: number): unknown {
    const target = this.targets.get(alias);
    if (!target) return this.report({ path, message: `there is no anchor &${alias.source} above` });
    if (this.open.has(target)) return this.report({ path, message: `the alias *${alias.source} contains itself` });
    this.open.add(target);
    const value = this.convert(target, path, depth + 1, true);
    this.open.delete(target);
    return value;
  }
}

const TOO_DEEP = 'nested too deeply';

const nameOf = (key: unknown): string | undefined =>
  isScalar(key) && ['string', 'number', 'boolean'].includes(typeof key.value) ? String(key.value) : undefined;

function syntax(code: string, message: string): string {
  if (code === 'RESOURCE_EXHAUSTION') return TOO_DEEP;
  return code === 'MULTIPLE_DOCS' ? 'the file must be a single document, without ---' : message;
}
