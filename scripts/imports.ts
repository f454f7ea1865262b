// Who may know whom (docs/architecture.md): main → app and wiring → doors → features → platform, and config as values from the top.
import path from 'node:path';

/** Source files by path from the project's root, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

type Room =
  | { kind: 'top' | 'platform' | 'demo' | 'migrations' | 'config' | 'other' }
  | { kind: 'feature' | 'door' | 'example'; name: string };

function roomOf(file: string): Room {
  const [root, room = '', feature = ''] = file.split('/');
  if (root === 'migrations') return { kind: 'migrations' };
  if (root === 'config') return { kind: 'config' };
  if (root === 'examples') return { kind: 'example', name: room };
  if (root !== 'src') return { kind: 'other' };
  if (room.endsWith('.ts')) return { kind: 'top' };
  if (room === 'platform') return { kind: 'platform' };
  if (room === 'demo') return { kind: 'demo' };
  if (room === 'wiring') return { kind: 'top' };
  return room === 'features' ? { kind: 'feature', name: feature } : { kind: 'door', name: room };
}

/** @returns one sentence for each arrow that points the wrong way. */
export function importViolations(sources: Sources): string[] {
  const problems: string[] = [];
  const ladder = new Map<string, Map<string, string>>();
  for (const [file, text] of sources) {
    problems.push(...placeProblems(file, text));
    for (const specifier of importsOf(text)) {
      const target = specifier.startsWith('.') ? resolve(file, specifier) : undefined;
      const reason = target ? forbidden(file, target) : forbiddenPackage(file, specifier);
      if (reason) problems.push(`${file} imports ${target ?? specifier}: ${reason}`);
      if (target) climb(ladder, file, target);
    }
  }
  return [...problems, ...cycles(ladder)];
}

const IMPORTS =
  /\b(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

/** Static, re-exported, for their side effect, dynamic; types too: a type is knowledge as well. */
export function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(IMPORTS)].map(([, from, effect, dynamic]) => from ?? effect ?? dynamic ?? '');
}

const resolve = (file: string, specifier: string): string =>
  path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts');

function forbidden(file: string, target: string): string | undefined {
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from.kind === 'other' || from.kind === 'top') return undefined;
  if (from.kind === 'migrations')
    return to.kind === 'migrations' ? undefined : 'a migration imports nothing of the project';
  if (from.kind === 'config') return to.kind === 'config' ? undefined : 'configuration knows nothing of the house';
  if (from.kind === 'platform')
    return to.kind === 'platform' ? undefined : 'the platform imports the platform and packages';
  if (from.kind === 'example')
    return to.kind === 'example' && to.name === from.name ? undefined : 'an example is an application of its own';
  if (from.kind === 'demo') return to.kind === 'demo' ? undefined : 'the demo is an application of its own';
  if (
    to.kind === 'demo' ||
    to.kind === 'example' ||
    to.kind === 'top' ||
    to.kind === 'other' ||
    to.kind === 'migrations'
  )
    return 'arrows point downwards: doors, features, platform';
  if (target === 'config/index.ts') return 'app.ts reads the configuration and passes values in';
  if (to.kind === 'door' && from.kind === 'feature') return 'a feature knows no door';
  if (to.kind === 'door' && from.kind === 'door' && from.name !== to.name) return 'a door never imports another door';
  if (to.kind === 'feature' && from.kind === 'feature' && from.name !== to.name && target.endsWith('.routes.ts'))
    return 'of another feature take its service or its entity';
  return undefined;
}

/** What the engine offers for grant types of one's own. It promises no semantic versioning there: what is relied on is tested (test/standards/rfc8693, rfc7523). */
const forGrants = 'oidc-provider/lib/helpers/grants.js';

/** With limits of time and size, and what is found is checked. */
const asksDns = new Set(['src/platform/dns.ts', 'src/platform/egress.ts']);

function forbiddenPackage(file: string, name: string): string | undefined {
  const { kind } = roomOf(file);
  if (kind === 'feature' && /^(koa|@koa\/.*|koa-.*)$/.test(name)) return 'features know no Koa';
  if (name === forGrants && file.startsWith('src/oidc/grants/')) return undefined;
  if (/^(node:)?dns(\/promises)?$/.test(name) && !asksDns.has(file))
    return 'DNS is asked by the platform: dns.ts, egress.ts';
  if (/^oidc-provider\/lib/.test(name)) return 'the internals of the engine are not an interface';
  return undefined;
}

function placeProblems(file: string, text: string): string[] {
  if (!file.startsWith('src/')) return [];
  const problems: string[] = [];
  if (/\/(utils?|helpers?|types|common|misc)\//.test(file))
    problems.push(`${file}: a file lies with the subject it serves`);
  if (/(^|\/)index\.ts$/.test(file)) problems.push(`${file}: no barrels, import the file that owns the name`);
  else if (
    /^\s*export\s+(type\s+)?(\*|\{[^}]*\})\s*from\b/.test(text) &&
    !/^(?!\s*(export\b.*\bfrom\b|\/\/|$)).+$/m.test(text)
  )
    problems.push(`${file}: no barrels, import the file that owns the name`);
  return problems;
}

function climb(ladder: Map<string, Map<string, string>>, file: string, target: string): void {
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from.kind !== 'feature' || to.kind !== 'feature' || from.name === to.name) return;
  const rungs = ladder.get(from.name) ?? new Map<string, string>();
  ladder.set(from.name, rungs.set(to.name, `${file} imports ${target}`));
}

/** Features are a ladder: depth first, and a feature met again on the way down closes a circle. */
function cycles(ladder: Map<string, Map<string, string>>): string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (feature: string, way: string[]): void => {
    const at = way.indexOf(feature);
    if (at >= 0) {
      const circle = [...way.slice(at), feature];
      const steps = circle.slice(1).map((next, index) => ladder.get(circle[index] ?? '')?.get(next));
      found.push(`features in a circle: ${circle.join(' → ')} (${steps.join('; ')})`);
      return;
    }
    if (done.has(feature)) return;
    for (const next of ladder.get(feature)?.keys() ?? []) visit(next, [...way, feature]);
    done.add(feature);
  };
  for (const feature of ladder.keys()) visit(feature, []);
  return found;
}
