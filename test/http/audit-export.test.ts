import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withContext } from '../../src/platform/context.js';
import { ask, tokenWith } from '../support/api.js';
import { startServer, type TestServer } from '../support/server.js';

const program = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-audit-'));
const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'];

interface Line {
  id: string;
  sequence: number;
  name: string;
  data: Record<string, unknown>;
  checkpoint?: string;
}

describe('the audit log as a file', () => {
  let server: TestServer;
  let token: string;
  beforeAll(async () => {
    server = await startServer({ quiet: true });
    token = await tokenWith(server, 'audit:read audit:export');
    await server.inside(async ({ audit }) => {
      for (const agent of formulas)
        await withContext({ ip: '198.51.100.7', userAgent: agent, requestId: '=cmd' }, () =>
          audit.record('password.set', { user_id: 'maria', must_change: true }),
        );
      const many = Array.from({ length: 10_000 }, (_, n) => ({ user_id: `user-${n % 100}` }));
      for (let n = 0; n < 10; n += 1)
        await audit.recordAll('user.updated', many.slice(n * 1000, n * 1000 + 1000) as never);
    });
    await sealed();
  }, 180_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await server?.close();
  });

  const sealed = () =>
    server.inside(async ({ auditSealing, auditCheckpoints }) => {
      await auditSealing.run();
      await auditCheckpoints.sign();
    });
  const get = (query: string, as = token, headers: Record<string, string> = {}) =>
    fetch(`${server.issuer}/api/v1/audit-events/export?${query}`, {
      headers: { authorization: `Bearer ${as}`, ...headers },
    });
  const linesOf = async (query: string): Promise<Line[]> =>
    (await (await get(query)).text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('is given to whoever holds audit:export, and that it was is recorded', async () => {
    expect((await get('', await tokenWith(server, 'audit:read'))).status).toBe(403);
    const answer = await get('format=csv&name=password.set');
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-disposition')]).toEqual([
      200,
      'text/csv; charset=utf-8',
      expect.stringMatching(/^attachment; filename="audit-\d{4}-\d\d-\d\d\.csv"$/),
    ]);
    await answer.text();
    const { body } = await ask(server, token, 'GET', '/audit-events?name=audit_log.exported');
    expect(body.items).toEqual([expect.objectContaining({ data: { format: 'csv', whole: false } })]);
  });

  it('refuses a form, a filter or a type of answer that there is not', async () => {
    for (const query of ['format=xml', 'since=2026-01-01', 'from=yesterday'])
      expect((await get(query)).status).toBe(422);
    expect((await get('', token, { accept: 'image/png' })).status).toBe(406);
  });

  it('has every event once, oldest first, and the checkpoints that prove them', async () => {
    await sealed();
    const lines = await linesOf('');
    const events = lines.filter(({ checkpoint }) => checkpoint === undefined);
    expect(events.length).toBeGreaterThan(10_000);
    expect(events.map(({ id }) => id)).toEqual([...new Set(events.map(({ id }) => id))].sort());
    expect(lines.at(-1)?.checkpoint).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it('has what is asked for: of one person, by one client, of one kind, of one time', async () => {
    const ofOne = await linesOf('user_id=user-7');
    expect(ofOne.map(({ data }) => data.user_id)).toEqual(Array(100).fill('user-7'));
    const { body } = await ask(server, token, 'GET', '/audit-events?user_id=user-7&limit=100');
    expect((body.items as Line[]).map(({ id }) => id).sort()).toEqual(ofOne.map(({ id }) => id));
    expect((await linesOf('name=password.set')).length).toBe(formulas.length);
    expect(await (await get('format=jsonl&to=2020-01-01T00:00:00Z&name=user.updated')).text()).toBe('');
    expect(await (await get('actor=nobody')).text()).toBe('');
  });

  it('is no formula in a spreadsheet, whatever somebody has called their browser', async () => {
    const text = await (await get('format=csv&name=password.set')).text();
    const [head = '', ...rows] = text.split(/\r\n(?=[0-9a-f]{8}-|$)/);
    expect(head).toMatch(/^id,occurred_at,name,.*sequence,hash,commitments,salts$/);
    const cells = rows.filter(Boolean).flatMap((row) => row.match(/("([^"]|"")*"|[^,]*)(,|$)/g) ?? []);
    expect(cells.length).toBeGreaterThan(50);
    for (const cell of cells) expect(cell).not.toMatch(/^"?[=+\-@\t\r]/);
    for (const agent of formulas) expect(text).toContain(`'${agent}`);
  });

  it('is told in the words of OCSF', async () => {
    const [event] = await linesOf('format=ocsf&name=password.set');
    expect(event).toMatchObject({
      class_uid: 3001,
      category_uid: 3,
      activity_id: 3,
      type_uid: 300_103,
      metadata: { log_name: 'audit', product: { name: 'Ostiary' } },
      user: { uid: 'maria' },
      src_endpoint: { ip: '198.51.100.7' },
    });
  });

  it('is asked of the database no faster than it is read', async () => {
    const pages: number[] = [];
    await server.inside(async ({ auditExport }) => {
      for await (const page of auditExport.events({})) {
        pages.push(page.length);
        if (pages.length === 2) break;
      }
    });
    expect(pages).toEqual([100, 100]);
  });

  describe('and whether it is what was recorded', () => {
    let lines: string[];
    beforeAll(async () => {
      await sealed();
      lines = (await (await get('')).text()).trimEnd().split('\n');
      writeFileSync(path.join(folder, 'jwks.json'), await (await fetch(`${server.issuer}/jwks`)).text());
    });
    const programs = [
      [
        'ostiary audit verify',
        (file: string) => [program('src/cli.js'), 'audit', 'verify', file, '--jwks', path.join(folder, 'jwks.json')],
      ],
      [
        'the example of a verifier',
        (file: string) => [program('examples/audit-verify/main.js'), file, path.join(folder, 'jwks.json')],
      ],
    ] as const;
    const verified = async (args: (file: string) => string[], these: string[]) => {
      const file = path.join(folder, 'audit.jsonl');
      writeFileSync(file, `${these.join('\n')}\n`);
      const env = { PATH: process.env.PATH ?? '', DATA_DIR: folder, NODE_ENV: 'test' };
      return promisify(execFile)(process.execPath, args(file), { env, maxBuffer: 1e8 }).then(
        ({ stdout }) => ({ code: 0, out: stdout }),
        ({ code, stdout }) => ({ code, out: String(stdout) }),
      );
    };
    const idOf = (index: number) => (JSON.parse(lines[index] ?? '') as Line).id;
    const changed = (index: number, change: (line: Line & Record<string, unknown>) => object) =>
      lines.map((line, at) => (at === index ? JSON.stringify(change(JSON.parse(line))) : line));

    describe.each(programs)('%s', (_name, args) => {
      it('passes it', async () => {
        expect(await verified(args, lines)).toMatchObject({ code: 0 });
      });
      it('names an event that was changed', async () => {
        const { code, out } = await verified(
          args,
          changed(40, (line) => ({ ...line, name: 'user.deleted' })),
        );
        expect([code, out]).toEqual([1, expect.stringMatching(new RegExp(`changed.*${idOf(40)}`))]);
      });
      it('names an address that was changed', async () => {
        const at = lines.findIndex((line) => line.includes('198.51.100.7'));
        const { code, out } = await verified(
          args,
          changed(at, (line) => ({ ...line, ip: '203.0.113.1' })),
        );
        expect([code, out]).toEqual([1, expect.stringMatching(new RegExp(`changed.*${idOf(at)}`))]);
      });
      it('names where one was removed', async () => {
        const { code, out } = await verified(
          args,
          lines.filter((_line, at) => at !== 40),
        );
        expect([code, out]).toEqual([1, expect.stringMatching(new RegExp(`removed.*${idOf(41)}`))]);
      });
      it.each([
        ['behind', 'f'],
        ['before', '0'],
      ])('names one that was inserted %s the one whose number it has', async (_where, last) => {
        const at = lines.findIndex((_line, n) => n >= 40 && !/[0f]$/.test(idOf(n)));
        const id = `${idOf(at).slice(0, -1)}${last}`;
        const one = { ...JSON.parse(lines[at] ?? ''), id };
        const { code, out } = await verified(
          args,
          lines.toSpliced(id > idOf(at) ? at + 1 : at, 0, JSON.stringify(one)),
        );
        expect([code, out]).toEqual([1, expect.stringMatching(new RegExp(`inserted.*${id}`))]);
        expect(out).not.toContain(`inserted   ${idOf(at)}`);
      });
      it('names those whose places were exchanged, in the file or in the chain', async () => {
        const [a = '', b = ''] = [lines[40], lines[50]];
        const inFile = await verified(args, lines.with(40, b).with(50, a));
        expect([inFile.code, inFile.out]).toEqual([1, expect.stringMatching(new RegExp(`reordered.*${idOf(40)}`))]);
        const [first, second] = [JSON.parse(a), JSON.parse(b)];
        const place = ({ sequence, hash }: Record<string, unknown>) => ({ sequence, hash });
        const inChain = lines
          .with(40, JSON.stringify({ ...first, ...place(second) }))
          .with(50, JSON.stringify({ ...second, ...place(first) }));
        const { code, out } = await verified(args, inChain);
        expect([code, out]).toEqual([1, expect.stringMatching(new RegExp(`reordered.*${idOf(40)}`))]);
      });
      it('does not pass where nothing is signed for', async () => {
        const none = await verified(
          args,
          lines.filter((line) => !line.startsWith('{"checkpoint"')),
        );
        expect([none.code, none.out]).toEqual([1, expect.stringMatching(/checkpoint.*there is none/)]);
      });
      it('names a checkpoint that nobody has signed', async () => {
        const { code, out } = await verified(args, [
          ...lines.slice(0, -1),
          JSON.stringify({ checkpoint: forged(lines) }),
        ]);
        expect([code, out]).toEqual([1, expect.stringMatching(/checkpoint \d+ is not signed/)]);
      });
    });

    it('is not held against a page that says that there is nothing: whoever names what was kept has some', async () => {
      const kept = path.join(folder, 'kept.json');
      writeFileSync(kept, '<title>502 bad.gateway.example</title>');
      const [[, args]] = programs;
      expect(await verified((file) => [...args(file), '--kept', kept], lines)).toMatchObject({ code: 2 });
    });
  });

  describe('and what a part of it by a filter can show', () => {
    const verify = (lines: string[], ...words: string[]) => {
      const file = path.join(folder, 'filtered.jsonl');
      writeFileSync(file, `${lines.join('\n')}\n`);
      const args = [program('src/cli.js'), 'audit', 'verify', file, '--jwks', path.join(folder, 'jwks.json'), ...words];
      const env = { PATH: process.env.PATH ?? '', DATA_DIR: folder, NODE_ENV: 'test' };
      return promisify(execFile)(process.execPath, args, { env }).then(
        ({ stdout }) => ({ code: 0, out: stdout }),
        ({ code, stdout }) => ({ code, out: String(stdout) }),
      );
    };
    const filtered = async (query: string) => (await (await get(query)).text()).trimEnd().split('\n');
    beforeAll(async () => {
      await sealed();
      writeFileSync(path.join(folder, 'jwks.json'), await (await fetch(`${server.issuer}/jwks`)).text());
    });

    it('is said to be never proved whole', async () => {
      const lines = await filtered('user_id=user-7');
      expect(await verify(lines, '--filtered')).toEqual({
        code: 0,
        out: expect.stringMatching(/^100 events, .*nothing wrong is seen. A filtered file cannot be proved whole/),
      });
      expect(await verify(lines)).toEqual({
        code: 1,
        out: expect.stringContaining('--filtered looks at what is there'),
      });
    });

    it('shows an event that was changed, where the one before it is there', async () => {
      const lines = await filtered('name=user.updated');
      const changed = lines.map((line, at) => (at === 5 ? line.replace('"user.updated"', '"user.deleted"') : line));
      const { code, out } = await verify(changed, '--filtered');
      expect([code, out]).toEqual([1, expect.stringContaining((JSON.parse(lines[5] ?? '') as Line).id)]);
    });

    it('shows an address that was changed, whatever is there', async () => {
      const [one = ''] = await filtered('name=password.set');
      const { code, out } = await verify([one.replace('198.51.100.7', '203.0.113.1')], '--filtered');
      expect([code, out]).toEqual([1, expect.stringContaining('has another ip than was sealed')]);
    });
  });

  it('is proved by what everybody can fetch and keep: counts and hashes, and nothing of what happened', async () => {
    const answer = await fetch(`${server.issuer}/.well-known/audit-checkpoints`);
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, '*']);
    const { issuer, checkpoints } = (await answer.json()) as { issuer: string; checkpoints: string[] };
    expect(issuer).toBe(server.issuer);
    for (const jws of checkpoints)
      expect(Object.keys(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString())).sort()).toEqual(
        expect.arrayContaining(['chain', 'first', 'iat', 'iss', 'last', 'number', 'root']),
      );
    const before = await fetch(`${server.issuer}/.well-known/audit-checkpoints?before=${checkpoints.length}`);
    expect(((await before.json()) as { checkpoints: string[] }).checkpoints).toEqual(checkpoints.slice(1));
    for (const wrong of ['0', '-1', 'x', '1&before=2'])
      expect((await fetch(`${server.issuer}/.well-known/audit-checkpoints?before=${wrong}`)).status).toBe(404);
  });
});

/** The last checkpoint, with another root. */
function forged(lines: string[]): string {
  const { checkpoint } = JSON.parse(lines.at(-1) ?? '') as { checkpoint: string };
  const [header, payload = '', signature] = checkpoint.split('.');
  const said = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const other = Buffer.from(JSON.stringify({ ...said, root: 'AAAA' })).toString('base64url');
  return [header, other, signature].join('.');
}

it('is read from a file that stays where it is', () => {
  expect(readFileSync(program('examples/audit-verify/main.js'), 'utf8')).not.toMatch(/from '\.\.?\//);
});
