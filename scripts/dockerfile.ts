// The Dockerfile and the .dockerignore as data: image.ts runs what stands in them, tests hold rules over them.

export interface Instruction {
  /** In capitals: COPY, RUN … */
  name: string;
  /** --from=build and its kind. */
  flags: Readonly<Record<string, string>>;
  /** What follows the flags, continued lines joined. */
  text: string;
}

export interface Stage {
  name: string;
  from: string;
  instructions: Instruction[];
}

export function stagesOf(dockerfile: string): Stage[] {
  const stages: Stage[] = [];
  for (const line of logicalLines(dockerfile)) {
    const instruction = parse(line);
    if (instruction.name === 'FROM') {
      const [from = '', , name = String(stages.length)] = words(instruction.text);
      stages.push({ name, from, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (!stage) throw new Error(`${instruction.name} stands before the first FROM`);
      stage.instructions.push(instruction);
    }
  }
  return stages;
}

/** The words of an instruction, in either of its forms: `a b` and `["a", "b"]`. */
export function words(text: string): string[] {
  return text.startsWith('[') ? (JSON.parse(text) as string[]) : text.split(/\s+/).filter(Boolean);
}

/** ENV NAME=value …, as an object. */
export function assignments(text: string): Record<string, string> {
  return Object.fromEntries(
    words(text).map((word) => {
      const [name = '', ...value] = word.split('=');
      if (value.length === 0) throw new Error(`ENV ${text}: write NAME=value`);
      return [name, value.join('=')];
    }),
  );
}

/** Whether the build can see a path: the last line that speaks of it, or of a folder it lies in, decides. */
export function contextFilter(dockerignore: string): (path: string) => boolean {
  const rules = dockerignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => ({ seen: line.startsWith('!'), pattern: toPattern(line.replace(/^!/, '')) }));
  return (path) => rules.reduce((seen, rule) => (rule.pattern.test(path) ? rule.seen : seen), true);
}

function logicalLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() && !line.trimStart().startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n');
}

function parse(line: string): Instruction {
  const [, name = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? [];
  const flags: Record<string, string> = {};
  const text = rest.replace(
    /--([a-z-]+)=(\S+)\s+/g,
    (flag: string, key: string, value: string, at: number, all: string) => {
      // Only flags that stand in front: what comes later belongs to the command.
      if (!/^(--[a-z-]+=\S+\s+)*$/.test(all.slice(0, at))) return flag;
      flags[key] = value;
      return '';
    },
  );
  return { name: name.toUpperCase(), flags, text };
}

function toPattern(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*|\?/g, (wild) => (wild === '**/' ? '(?:.*/)?' : wild === '*' ? '[^/]*' : '[^/]'));
  return new RegExp(`^${source}(?:/.*)?$`);
}
