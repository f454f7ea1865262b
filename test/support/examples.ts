// What the examples need: what examples/ostiary.yaml declares, at ports that are free here, and each as its reader starts it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../config/root.js';
import { Apply } from '../../src/features/declarations/apply.service.js';
import { parseDeclarations } from '../../src/features/declarations/declaration.parser.js';
import { until } from './pair.js';
import type { TestServer } from './server.js';

export interface Example {
  /** What it printed, line by line. */
  lines: string[];
  /** Resolves with the first line that holds these words. */
  said(words: string): Promise<string>;
  /** @returns the code with which it ended by itself. */
  ended(): Promise<number | null>;
  stop(): void;
}

/** `npm run example:NAME -- …` without the build. Nothing but what it is told is in its environment. */
export function runExample(name: string, environment: Record<string, string>, ...args: string[]): Example {
  const main = path.join(projectRoot, 'dist', 'examples', name, 'main.js');
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    cwd: projectRoot,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    if (stream) createInterface(stream).on('line', (line) => lines.push(line));
  const closed = once(child, 'close') as Promise<[number | null]>;
  const find = (words: string) => lines.find((line) => line.includes(words));
  return {
    lines,
    async said(words) {
      await until(
        `"${words}" in what ${name} says`,
        async () => {
          if (!find(words) && child.exitCode !== null)
            throw new Error(`${name} ended with ${child.exitCode}:\n${lines.join('\n')}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
          return find(words) !== undefined;
        },
        60_000,
      );
      return String(find(words));
    },
    ended: async () => (await closed)[0],
    stop: () => void child.kill('SIGKILL'),
  };
}

/** @returns the client secrets that were made, by client_id. @param ports what stands in the file → what is free here. */
export function declareExamples(server: TestServer, ports: Record<number, number> = {}): Promise<Map<string, string>> {
  const declared = readFileSync(path.join(projectRoot, 'examples', 'ostiary.yaml'), 'utf8');
  const text = declared.replace(/(?<=(?:localhost|127\.0\.0\.1):)\d+/g, (port) => String(ports[Number(port)] ?? port));
  return declare(server, text);
}

export async function declare(server: TestServer, text: string): Promise<Map<string, string>> {
  const { secrets } = await server.inside((services) => new Apply(services).run(parseDeclarations(text, 'examples')));
  return new Map(secrets.map(({ client_id, client_secret }) => [client_id, client_secret]));
}
