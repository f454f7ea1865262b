// npm run prove -- audit [rows]: a million events, sealed, exported by a server while its memory is watched, and verified.
import { readFileSync } from 'node:fs';
import { tokenWith } from '../support/api.js';
import { startPair } from '../support/pair.js';
import { hardware, source, writeReport } from '../support/report.js';

const mostMegabytes = 250;
const formats = ['jsonl', 'csv', 'ocsf'] as const;

/** @returns true where the export stays below its bound and what was sealed is what was recorded. */
export async function proveAudit([count = '1000000']: string[]): Promise<boolean> {
  const rows = Number(count);
  const pair = await startPair({ ROLE: 'web' });
  try {
    const { services, inside, members } = pair;
    const token = await tokenWith(pair.server, 'audit:export');
    const began = performance.now();
    await inside(({ tenants }) => tenants.current().then(({ id }) => fill(services.db.pool, id, rows)));
    await inside(({ auditSealing }) => auditSealing.run());
    const sealedSeconds = (performance.now() - began) / 1000;
    await inside(({ auditCheckpoints }) => auditCheckpoints.sign());
    const lines: string[] = [];
    let isKept = true;
    for (const format of formats) {
      const watch = watched(Number(members[0]?.child.pid));
      const started = performance.now();
      const answer = await pair.ask(0, `/api/v1/audit-events/export?format=${format}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      let bytes = 0;
      for await (const chunk of answer.body ?? []) bytes += (chunk as Uint8Array).length;
      const { before, most } = watch.end();
      isKept &&= answer.status === 200 && most < mostMegabytes;
      const seconds = (performance.now() - started) / 1000;
      lines.push(
        `| ${format} | ${Math.round(bytes / 1e6)} MB | ${seconds.toFixed(1)} s | ${before} MB | ${most} MB | ${most < mostMegabytes ? 'yes' : '**no**'} |`,
      );
    }
    const started = performance.now();
    const { findings, events, proven } = await inside(({ auditVerification }) => auditVerification.run());
    const verified = `${events} events verified where they lie in ${((performance.now() - started) / 1000).toFixed(0)} s: ${proven} signed for, ${findings.length} findings.`;
    const text = report(rows, sealedSeconds, lines, verified);
    if (rows >= 1_000_000) writeReport('audit', text);
    else console.log(text);
    return isKept && findings.length === 0 && proven >= rows;
  } finally {
    await pair.close();
  }
}

interface Queries {
  query(sql: string, values?: unknown[]): Promise<unknown>;
}

async function fill(pool: Queries, tenantId: string, rows: number): Promise<void> {
  const batch = 20_000;
  for (let from = 0; from < rows; from += batch)
    await pool.query(
      `INSERT INTO audit_events (tenant_id, id, name, data, actor_type, actor_id, ip, user_agent, request_id, occurred_at)
       SELECT $1, (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') ||
                   '8' || lpad(to_hex(n), 15, '0'))::uuid,
              'sign_in.succeeded', jsonb_build_object('user_id', gen_random_uuid(), 'amr', '["pwd"]'::jsonb, 'client_id', 'web'),
              'user', 'somebody', '198.51.100.7', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', gen_random_uuid(), now()
         FROM generate_series($2::int, $3::int) n`,
      [tenantId, from + 1, Math.min(rows, from + batch)],
    );
}

/** Resident megabytes of a process, looked at ten times a second. */
function watched(pid: number) {
  const resident = () =>
    Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
  const before = resident();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, resident());
  }, 100);
  return {
    end() {
      clearInterval(timer);
      return { before, most };
    },
  };
}

const report = (
  rows: number,
  sealedSeconds: number,
  lines: string[],
  verified: string,
): string => `# A million events as a file

Made by \`npm run prove -- audit\` of ${source()}. ${hardware()}, shared by servers, database and client; Node.js ${process.versions.node}.

${rows.toLocaleString('en')} events were recorded and sealed by one process in ${sealedSeconds.toFixed(0)} s. A server that does no jobs exported them, with its memory looked at ten times a second.

| Format | Size | Time | Memory before | Most | < ${mostMegabytes} MB |
| ------ | ---- | ---- | ------------- | ---- | -------- |
${lines.join('\n')}

${verified}
`;
