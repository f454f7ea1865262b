// What was injected, what was promised, what was seen: collected while the run goes on, written to docs/reports/faults.md at its end.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { postgresBinaries } from '../../support/own-servers.js';
import { hardware, source, writeReport } from '../../support/report.js';

/** Of one fault: each thing that must hold, and numbers worth telling. */
export class Sight {
  private readonly words: string[] = [];
  private broken = false;
  missing = false;

  must(what: string, held: boolean): void {
    this.words.push(held ? what : `**not: ${what}**`);
    if (!held) this.broken = true;
  }

  note(what: string): void {
    this.words.push(what);
  }

  /** The part of the server that this is about does not exist: neither kept nor broken. */
  notThere(what: string): void {
    this.missing = true;
    this.words.push(what);
  }

  get kept(): boolean {
    return !this.broken && !this.missing;
  }

  get verdict(): string {
    if (this.broken) return '**no**';
    return this.missing ? 'not there yet' : 'yes';
  }

  get text(): string {
    return this.words.join('; ');
  }
}

interface Line {
  group: string;
  fault: string;
  promise: string;
  sight: Sight;
  seconds: number;
}

export class Report {
  private readonly lines: Line[] = [];
  private readonly started = Date.now();

  /** @param wanted only faults whose description has each of these words. */
  constructor(private readonly wanted: string) {}

  wants(group: string, fault = ''): boolean {
    const text = `${group} ${fault}`.toLowerCase();
    return this.wanted
      .toLowerCase()
      .split(' ')
      .every((word) => text.includes(word));
  }

  async record(group: string, fault: string, promise: string, work: (sight: Sight) => Promise<void>): Promise<void> {
    if (!this.wants(group, fault)) return;
    const sight = new Sight();
    const started = Date.now();
    try {
      await work(sight);
    } catch (error) {
      sight.must(
        `it went to its end (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`,
        false,
      );
      if (process.env.VERBOSE) console.error(error);
    }
    const seconds = Math.round((Date.now() - started) / 1000);
    this.lines.push({ group, fault, promise, sight, seconds });
    const mark = sight.kept ? 'kept  ' : sight.missing ? 'absent' : 'BROKEN';
    console.log(`${mark} ${group}: ${fault} (${seconds} s)\n         ${sight.text}`);
  }

  /** What does not exist yet breaks no promise. */
  get kept(): boolean {
    return this.lines.length > 0 && this.lines.every(({ sight }) => sight.kept || sight.verdict === 'not there yet');
  }

  write(): void {
    const count = (verdict: string) => this.lines.filter(({ sight }) => sight.verdict === verdict).length;
    const groups = [...new Set(this.lines.map(({ group }) => group))];
    const tables = groups.map((group) => {
      const rows = this.lines
        .filter((line) => line.group === group)
        .map(
          ({ fault, promise, sight }) => `| ${[fault, promise, sight.text].map(cell).join(' | ')} | ${sight.verdict} |`,
        );
      return `## ${group}\n\n| fault | promise | seen | kept |\n|---|---|---|---|\n${rows.join('\n')}\n`;
    });
    const text = `# What the server does when something breaks

Real processes of the server, with a PostgreSQL and a Redis of their own that are killed, stopped, flushed, slowed and filled; mail goes to an
SMTP receiver that hangs or refuses. Made by \`npm run prove -- faults\` in ${Math.round((Date.now() - this.started) / 1000)} seconds of ${source()} on
${machine()}.

${this.lines.length} faults: ${count('yes')} promises kept, ${count('**no**')} broken, ${count('not there yet')} about parts that do not exist yet.

${tables.join('\n')}`;
    writeReport('faults', text);
  }
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function machine(): string {
  const postgres = execFileSync(path.join(postgresBinaries ?? '', 'postgres'), ['--version'], { encoding: 'utf8' });
  const redis = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
  const versions = [
    `Node.js ${process.versions.node}`,
    `PostgreSQL ${/[\d.]+/.exec(postgres)?.[0]}`,
    `Redis ${/v=([\d.]+)/.exec(redis)?.[1]}`,
  ];
  return `${hardware()}, ${versions.join(', ')}`;
}

/** Resident memory of a process in megabytes. */
export function memoryOf(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kilobytes) / 1024);
}
