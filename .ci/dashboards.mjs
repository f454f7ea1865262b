// Called by lint-ops: every expression of the dashboards as a rule, which promtool can read. Windows and choices of Grafana become fixed ones.
import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';

const rules = process.argv.slice(2).flatMap((file) => {
  const { panels } = JSON.parse(readFileSync(file, 'utf8'));
  return panels.flatMap(({ id, targets }) =>
    targets.map(({ refId, expr }) => ({
      record: `dashboard:panel_${id}:${refId.toLowerCase()}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
      labels: { file },
    })),
  );
});
process.stdout.write(stringify({ groups: [{ name: 'dashboards', rules }] }));
