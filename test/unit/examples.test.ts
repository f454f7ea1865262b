// What is an example to others is complete: a command, a line in its table, a test, and short enough to be read.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { parseDeclarations } from '../../src/features/declarations/declaration.parser.js';

const read = (...parts: string[]) => readFileSync(path.join(projectRoot, ...parts), 'utf8');
const folder = path.join(projectRoot, 'examples');
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe('examples/', () => {
  it.each(names)('%s has a command and a line in docs/examples.md', (name) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(scripts[`example:${name}`]).toContain(`dist/examples/${name}/main.js`);
    expect(read('docs', 'examples.md')).toContain(`[${name}](../examples/${name})`);
  });

  it('each is run by a test', () => {
    const tests = ['examples', 'browser'].flatMap((place) =>
      readdirSync(path.join(projectRoot, 'test', place)).map((file) => read('test', place, file)),
    );
    expect(names.filter((name) => !tests.some((text) => text.includes(`runExample('${name}'`)))).toEqual([]);
  });

  it('each file is at most 150 lines, but what is generated', () => {
    const files = names.flatMap((name) => readdirSync(path.join(folder, name)).map((file) => path.join(name, file)));
    const written = files.filter((file) => !read('examples', file).startsWith('// Generated from '));
    expect(written.filter((file) => read('examples', file).split('\n').length > 151)).toEqual([]);
  });

  it('they are declared without a secret and without a person', () => {
    const text = read('examples', 'ostiary.yaml');
    expect(() => parseDeclarations(text, 'examples/ostiary.yaml')).not.toThrow();
    expect(text).not.toMatch(/client_secret|password/);
  });

  it('no other file of ours leads to one that is not there', () => {
    const links = [...read('docs', 'examples.md').matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target]) =>
      String(target),
    );
    expect(links.filter((target) => !existsSync(path.join(projectRoot, 'docs', target)))).toEqual([]);
  });
});
