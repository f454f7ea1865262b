// Nothing goes unrun: what each suite runs on, and in which order.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { slowest } from '../support/sequencer.js';
import { leftBehind, surroundings } from '../support/surroundings.js';

interface Project {
  testPathIgnorePatterns: string[];
}

const { once, embedded } = (await import(path.join(projectRoot, 'jest.config.js'))) as {
  once: string[];
  embedded(isBeside: boolean): Project;
};

const folder = path.join(projectRoot, 'dist', 'test');
const suites = readdirSync(path.join(folder, 'http')).filter((file) => file.endsWith('.test.js'));
const leftOut = ({ testPathIgnorePatterns }: Project) =>
  suites.filter((suite) => testPathIgnorePatterns.some((one) => new RegExp(one).test(`${folder}/http/${suite}`)));

describe('the test run', () => {
  it('knows every suite that it asks once: each name is a file', () => {
    expect(once.filter((name) => !suites.includes(`${name}.test.js`))).toEqual([]);
  });

  it('runs every suite of test/http on the embedded database where there is no other, and else all but those', () => {
    expect(leftOut(embedded(false))).toEqual([]);
    expect(leftOut(embedded(true)).sort()).toEqual(once.map((name) => `${name}.test.js`).sort());
  });

  it('begins with suites that there are', () => {
    const files = slowest.map((name) => path.join(folder, `${name.replace(/^\w+\//, '')}.test.js`));
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  });
});

describe('suites of one process', () => {
  it('are told apart from what they leave behind: variables of the environment, another fetch, another folder', () => {
    const before = surroundings();
    expect(leftBehind(before)).toEqual([]);
    const [{ fetch }, folder] = [globalThis, process.cwd()];
    process.env.OSTIARY_LEFT = 'here';
    globalThis.fetch = async () => new Response();
    process.chdir('/');
    const left = leftBehind(before);
    delete process.env.OSTIARY_LEFT;
    globalThis.fetch = fetch;
    process.chdir(folder);
    expect(left.sort()).toEqual(['fetch', 'process.cwd()', 'process.env.OSTIARY_LEFT']);
    expect(leftBehind(before)).toEqual([]);
  });
});
