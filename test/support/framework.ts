// Jest's framework without a realm for each suite: what suites import is loaded once in a process and stays warm, which is from a fifth to more than
// half of the time they take. They share nothing by it: the source keeps nothing in modules, and each suite opens a server of its own.
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type Globals, setGlobals } from './globals.js';
import { type RunOn, runOn } from './run-on.js';
import { beginWithSpareKeys } from './spare-keys.js';
import { leftBehind, surroundings } from './surroundings.js';

interface Project {
  displayName: { name: string };
  globals: RunOn;
}

interface Environment {
  moduleMocker: Globals['jest'];
}

type Framework = (
  globalConfig: unknown,
  project: Project,
  environment: Environment,
  runtime: object,
  suite: string,
  ...more: unknown[]
) => Promise<unknown>;

const require = createRequire(import.meta.url);
const { default: circus } = require('jest-circus/runner') as { default: Framework };

register('./hooks.js', import.meta.url);

const framework: Framework = async (globalConfig, project, environment, runtime, suite, ...more) => {
  const { moduleMocker: jest } = environment;
  const before = surroundings();
  runOn(project.globals);
  beginWithSpareKeys();
  // Jest has it at 100, at which a refusal costs more than what it refuses.
  Error.stackTraceLimit = 10;
  const instead: Record<string, unknown> = {
    // The state of a suite lies in this module.
    requireInternalModule(file: string) {
      delete require.cache[file];
      return require(file);
    },
    setGlobalsForRuntime: (globals: Omit<Globals, 'jest'>) => setGlobals({ ...globals, jest }),
    unstable_shouldLoadAsEsm: () => true,
    unstable_importModule: (file: string) => import(addressOf(file, project)),
  };
  const here = new Proxy(runtime, { get: (target, name) => instead[String(name)] ?? bound(target, name) });
  try {
    const result = await circus(globalConfig, project, environment, here, suite, ...more);
    const left = leftBehind(before);
    if (left.length > 0) throw new Error(`left behind by this suite: ${left}`);
    return result;
  } finally {
    jest.restoreAllMocks();
    forget();
  }
};

export default framework;

const loaded = new Set<string>();

/** The suite itself is loaded anew for each project. */
function addressOf(file: string, { displayName }: Project): string {
  const { href } = pathToFileURL(file);
  if (loaded.has(href)) return `${href}?${displayName.name}`;
  loaded.add(href);
  return href;
}

function bound(target: object, name: string | symbol): unknown {
  const value = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}

/** What Jest keeps of a suite on the global object, under symbols of each time. */
function forget(): void {
  for (const symbol of Object.getOwnPropertySymbols(globalThis))
    if (/^(JEST_STATE_SYMBOL|EVENT_HANDLERS)$/.test(symbol.description ?? ''))
      Reflect.deleteProperty(globalThis, symbol);
}
