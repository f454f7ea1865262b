// npm run prove -- audit [rows]: a million events, sealed, exported by a server while its memory is watched, and verified; and how many
// events two processes record together.
import { get, type IncomingMessage } from 'node:http';
import { tokenWith } from '../support/api.js';
import { startPair } from '../support/pair.js';
import { hardware, source, writeReport } from '../support/report.js';
import { watchedMemory } from '../support/resident.js';
import { measureRate, type Rate } from './audit-rate.js';

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
      const watch = watchedMemory(Number(members[0]?.child.pid));
      const started = performance.now();
      const answer = await exported(Number(members[0]?.port), pair.issuer, format, token);
      let bytes = 0;
      for await (const chunk of answer) bytes += (chunk as Uint8Array).length;
      const { before, most } = watch.end();
      isKept &&= answer.statusCode === 200 && most < mostMegabytes;
      const seconds = (performance.now() - started) / 1000;
      lines.push(
        `| ${format} | ${Math.round(bytes / 1e6)} MB | ${seconds.toFixed(1)} s | ${before} MB | ${most} MB | ${most < mostMegabytes ? 'yes' : '**no**'} |`,
      );
    }
    const started = performance.now();
    const { findings, events, proven } = await inside(({ auditVerification }) => auditVerification.run());
    const verified = `${events} events verified where they lie in ${((performance.now() - started) / 1000).toFixed(0)} s: ${proven} signed for, ${findings.length} findings.`;
    const rate = await measureRate();
    const text = report(rows, sealedSeconds, lines, verified, rate);
    if (rows >= 1_000_000) writeReport('audit', text);
    else console.log(text);
    return isKept && findings.length === 0 && proven >= rows && rate.isWhole;
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

/** Read as it comes: as one text it would be longer than a text can be. */
const exported = (port: number, issuer: string, format: string, token: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, host: new URL(issuer).host };
    get({ host: '127.0.0.1', port, path: `/api/v1/audit-events/export?format=${format}`, headers }, resolve).once(
      'error',
      reject,
    );
  });

const report = (
  rows: number,
  sealedSeconds: number,
  lines: string[],
  verified: string,
  rate: Rate,
): string => `# A million events as a file

Made by \`npm run prove -- audit\` of ${source()}. ${hardware()}, shared by servers, database and client; Node.js ${process.versions.node}.

${rows.toLocaleString('en')} events were recorded and sealed by one process in ${sealedSeconds.toFixed(0)} s. A server that does no jobs exported them, with its memory looked at ten times a second.

| Format | Size | Time | Memory before | Most | < ${mostMegabytes} MB |
| ------ | ---- | ---- | ------------- | ---- | -------- |
${lines.join('\n')}

${verified}

## Two processes that write one chain

Two processes recorded at the same time, as fast as they could, and both sealed meanwhile; then all of it was signed for and verified. 5,000 events a second together were wanted.

| How | Events a second | ≥ 5,000 | All sealed | The chain |
| --- | --------------- | ------- | ---------- | --------- |
${rate.lines.join('\n')}
`;
