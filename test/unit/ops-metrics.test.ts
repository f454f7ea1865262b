// R162: alerts, objectives and dashboards watch measures that the server exports, and each alert has its runbook. That Prometheus can read their
// expressions is held by .ci/lint-ops.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { projectRoot } from '../../config/root.js';
import { countersOf, observeJobs, observeResources, observeWorkers } from '../../src/measures.js';
import { Metrics } from '../../src/platform/metrics.js';
import type { Services } from '../../src/services.js';

const read = (file: string) => readFileSync(path.join(projectRoot, file), 'utf8');
const within = (folder: string) => readdirSync(path.join(projectRoot, folder)).map((file) => `${folder}/${file}`);

interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}
interface Dashboard {
  uid: string;
  templating: { list: { name: string; query: string }[] };
  panels: { id: number; title: string; description: string; targets: { expr: string }[] }[];
}

const rules = within('ops/prometheus').flatMap((file) =>
  (parse(read(file)) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules),
);
const alerts = rules.filter(({ alert }) => alert);
const dashboards = within('ops/grafana').map((file) => [file, JSON.parse(read(file)) as Dashboard] as const);
const runbooks = read('docs/runbooks.md');

/** As they are registered by whoever has a door, does jobs and keeps workers. */
function exported(): Set<string> {
  const metrics = new Metrics({ routes: [] });
  const services = {} as Services;
  countersOf(metrics);
  observeResources(metrics, services);
  observeJobs(metrics, services);
  observeWorkers(metrics, () => 0);
  const names = metrics.registry.getMetricsAsArray().map(({ name }) => name);
  return new Set(names.flatMap((name) => [name, ...['_bucket', '_count', '_sum'].map((part) => name + part)]));
}

/** Everything in front of a selector, and what rules have recorded. */
const namesIn = (expr: string): string[] => [
  ...[...expr.matchAll(/([a-z_][a-z_0-9]*)\{/g)].map(([, name = '']) => name),
  ...[...expr.matchAll(/\bostiary:[a-z_0-9:]+/g)].map(([name]) => name),
];

describe('what is watched', () => {
  const recorded = rules.flatMap(({ record }) => record ?? []);
  const expressions: [string, string][] = [
    ...rules.map(({ alert, record, expr }): [string, string] => [alert ?? record ?? '', expr]),
    ...dashboards.flatMap(([file, { panels }]) =>
      panels.flatMap(({ title, targets }) => targets.map(({ expr }): [string, string] => [`${file}: ${title}`, expr])),
    ),
    ...dashboards.flatMap(([file, { templating }]) =>
      templating.list
        .filter(({ query }) => query.includes('('))
        .map(({ name, query }): [string, string] => [`${file}: ${name}`, query]),
    ),
  ];

  const there = exported();

  it.each(expressions)('%s is a measure that the server exports', (_where, expr) => {
    const watched = namesIn(expr);
    expect(watched.length).toBeGreaterThan(0);
    expect(watched.filter((name) => name !== 'up' && !there.has(name) && !recorded.includes(name))).toEqual([]);
  });

  it('labels have values that the server gives', () => {
    const text = expressions.map(([, expr]) => expr).join('\n');
    const measures = read('src/measures.ts');
    for (const [, outcomes = ''] of text.matchAll(/outcome=~?"([^"]+)"/g))
      for (const outcome of outcomes.split('|')) expect(measures).toContain(`'${outcome}'`);
    // A histogram has no series for a bound that is no bucket.
    const metrics = read('src/platform/metrics.ts');
    for (const [, bound = ''] of text.matchAll(/\ble="([^"]+)"/g)) expect(metrics).toContain(` ${bound},`);
  });
});

describe('alerts', () => {
  it.each(alerts.map((rule) => [rule.alert ?? '', rule] as const))(
    '%s says how urgent it is, in words, and where to read on',
    (name, { labels, annotations }) => {
      expect(labels?.severity).toMatch(/^(page|ticket)$/);
      expect(annotations?.summary).toMatch(/\w{3,}/);
      expect(annotations?.runbook).toBe(`docs/runbooks.md#${name.toLowerCase()}`);
      const [, section = ''] = runbooks.split(`\n## ${name}\n`);
      expect(section.split('\n## ')[0]).toMatch(/\*\*Means:\*\* .+ \*\*Hurts:\*\* [\s\S]+\n- [\s\S]+\*\*Do:\*\* .+/);
    },
  );

  it('each runbook is of an alert', () => {
    const sections = [...runbooks.matchAll(/^## (Ostiary\w+)$/gm)].map(([, name = '']) => name);
    expect(sections.sort()).toEqual(alerts.map(({ alert = '' }) => alert).sort());
  });
});

describe('dashboards', () => {
  it.each(dashboards)('%s: every panel has its own number, a title and what it means', (_file, { uid, panels }) => {
    expect(uid).toMatch(/^[a-z-]{1,40}$/);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { title, description } of panels)
      expect([title, description]).toEqual([expect.stringMatching(/^[A-Z]/), expect.stringMatching(/\.$/)]);
  });
});
