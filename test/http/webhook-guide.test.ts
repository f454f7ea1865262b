import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { AUDIT_EVENT_NAMES } from '../../src/features/audit/audit.names.js';
import { tokenWith } from '../support/api.js';
import { until } from '../support/pair.js';
import { startServer, type TestServer } from '../support/server.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

const guide = readFileSync(path.join(projectRoot, 'docs/webhooks.md'), 'utf8');
const blocks = (kind: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);

/** As it stands in the guide, where a request that is refused ends it. */
const strict = `set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n`;

type Verified = (secret: string, headers: Record<string, string>, body: string) => Record<string, unknown>;

describe('the guide to webhooks', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-guide-'));
  let server: TestServer;
  let receiver: WebhookReceiver;
  const environment: Record<string, string> = { PATH: process.env.PATH ?? '' };

  beforeAll(async () => {
    receiver = await WebhookReceiver.start();
    server = await startServer({ environment: { EGRESS_ALLOW: '127.0.0.1' } });
    const token = await tokenWith(server, 'webhooks:read webhooks:write audit:read');
    Object.assign(environment, { ISSUER: server.issuer, TOKEN: token });
  }, 180_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await server?.close();
    await receiver?.close();
  });

  const run = async (block: string): Promise<Record<string, unknown>> => {
    const script = strict + block.replaceAll('https://hooks.example.com/ostiary', receiver.url('/ostiary'));
    return JSON.parse((await promisify(execFile)('bash', ['-c', script], { env: environment })).stdout);
  };

  it('has examples that work, one after the other, and a way to verify that believes what is sent and nothing else', async () => {
    const [made = '', tested = '', rotated = '', listed = '', replayed = '', ...more] = blocks('sh');
    expect(more).toEqual([]);
    const { id, secret } = await run(made);
    environment.WEBHOOK = String(id);
    expect(await run(tested)).toMatchObject({ event: 'webhook.test' });
    await until('it arrives', async () => receiver.at('/ostiary').length > 0, 15_000);
    const [message] = receiver.at('/ostiary');
    if (!message) throw new Error('nothing came');

    const file = path.join(folder, 'verify.mjs');
    writeFileSync(file, blocks('js')[0] ?? '');
    const { verified } = (await import(file)) as { verified: Verified };
    const { headers, body } = message;
    const said = verified(String(secret), headers, body);
    expect(said.type).toBe('webhook.test');
    const [told = '{}'] = blocks('json');
    expect(Object.keys(said)).toEqual(Object.keys(JSON.parse(told)));
    expect(Object.keys(said.data as object)).toEqual(Object.keys(JSON.parse(told).data));
    expect(() => verified(String(secret), headers, `${body} `)).toThrow('not signed');
    expect(() => verified('whsec_AAAA', headers, body)).toThrow('not signed');
    expect(() => verified(String(secret), { ...headers, 'webhook-timestamp': '1767225600' }, body)).toThrow('too old');

    const next = await run(rotated);
    expect(next.secret).not.toBe(secret);
    expect(await run(listed)).toMatchObject({ items: [{ event: 'webhook.test', status: 'delivered' }] });
    expect(await run(replayed)).toEqual({ deliveries: 0 });
  });

  it('lists every event there is', () => {
    for (const name of AUDIT_EVENT_NAMES) expect(guide).toContain(`\`${name}\``);
  });
});
