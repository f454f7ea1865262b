// Where a secret could be found in clear: the database and Redis, the log and the metrics, and what the API answers.
import { expect } from '@jest/globals';
import { ask } from './api.js';
import { everyKey, everyTable, type Place, readings, search, type Wiretap } from './dump.js';
import type { TestServer } from './server.js';

type Json = Record<string, unknown>;

export class Canary {
  /** @param metrics their address. @param wire has heard every secret that went over it. */
  constructor(
    private readonly server: TestServer,
    private readonly metrics: string,
    private readonly wire: Wiretap,
  ) {}

  /** @param people whose addresses are in clear where people are found by them, and nowhere else. */
  async findsNothing(token: string, people: readonly string[]): Promise<void> {
    const [database, spoken, read] = [await this.kept(), await this.said(), await this.everyRead(token)];
    expect(database.length).toBeGreaterThan(500);
    expect(search(this.wire.secrets, [...database, ...spoken, ...read])).toEqual([]);
    const addresses = new Map(people.map((address) => [address, `address of ${address.split('-')[0]}`]));
    const audit = [...database, ...read].filter(({ where }) => /audit/.test(where));
    expect(audit.length).toBeGreaterThan(20);
    expect(search(addresses, [...spoken, ...audit])).toEqual([]);
    // In clear the address is where people are found by it, and beside the link that dies when it changes.
    const elsewhere = search(addresses, database).filter(
      ({ where }) => !/^public\.(users\.email(_normalized)?|one_time_tokens\.data)/.test(where),
    );
    expect(elsewhere).toEqual([]);
  }

  /** What is written down in any spelling is found, wherever: in text, bytes and JSON, in Redis, in a line of the log, in an answer. */
  async findsWhatIsPlanted(secret: string, clientId: string): Promise<void> {
    const where = async (places: Promise<Place[]>) =>
      search(new Map([[secret, 'planted']]), await places).map((finding) => finding.where);
    const { pool } = this.server.services.db;
    expect(await where(this.kept())).toEqual([]);
    const text = Buffer.from(`{"token":"${secret}"}`);
    for (const spelling of [
      secret,
      secret.slice(0, -4),
      text.toString('hex'),
      text.toString('base64'),
      text.toString('base64url'),
      `x${text.toString('base64')}`,
      Buffer.from(secret).toString('base64'),
      JSON.stringify({ at: [secret] }),
    ]) {
      await pool.query(
        `UPDATE clients SET metadata = metadata || jsonb_build_object('planted', $1::text) WHERE client_id = $2`,
        [spelling, clientId],
      );
      expect([spelling, await where(this.kept())]).toEqual([
        spelling,
        expect.arrayContaining([expect.stringMatching(/^public\.clients\.metadata/)]),
      ]);
    }
    await pool.query(`UPDATE clients SET metadata = metadata - 'planted' WHERE client_id = $1`, [clientId]);
    await pool.query(
      'UPDATE session_handles SET handle_hash = $1 WHERE ctid = (SELECT ctid FROM session_handles LIMIT 1)',
      [Buffer.from(secret)],
    );
    expect(await where(this.kept())).toContain('public.session_handles.handle_hash');
    const { redis } = this.server.services;
    if (redis) {
      await redis.client.hset('ostiary:planted', 'member', secret);
      expect(await where(this.kept())).toContain('redis ostiary:planted');
      await redis.client.del('ostiary:planted');
    }
    this.server.log.push(JSON.stringify({ planted: secret }));
    expect(await where(this.said())).toEqual([expect.stringMatching(/^log line/)]);
  }

  /** Every GET of the API that the OpenAPI document knows, with ids taken from the lists. @param token that may read everything. */
  private async everyRead(token: string): Promise<Place[]> {
    const document = (await (await fetch(`${this.server.issuer}/api/v1/openapi.json`)).json()) as { paths: Json };
    const paths = Object.entries(document.paths)
      .filter(([, methods]) => 'get' in (methods as Json))
      .map(([path]) => path.replace(/^.*\/api\/v1/, ''));
    // Only a resource server reads the first (http/token-endings), and no token of ours is of any; the second is no list, and has a suite of its own. The
    // stream has no end; the list says the same.
    const apart = ['/token-endings', '/audit-events/export', '/audit-events/stream'];
    const unnamed = paths.filter((path) => !path.includes('{') && !apart.includes(path));
    const isList = (path: string) => JSON.stringify((document.paths[path] as Json).get).includes('"name":"limit"');
    const lists = unnamed.filter(isList);
    expect(lists).toEqual(
      expect.arrayContaining(['/clients', '/users', '/resources', '/sessions', '/grants', '/audit-events']),
    );
    const places: Place[] = [];
    const ids = new Map<string, string[]>();
    const read = async (path: string): Promise<Json> => {
      const { status, body } = await ask(this.server, token, 'get', path);
      expect([path, status]).toEqual([path, 200]);
      places.push(...readings(`api ${path}`, JSON.stringify(body)));
      return body;
    };
    await read('/audit-events/export');
    for (const path of unnamed.filter((one) => !isList(one))) await read(path);
    for (const path of lists) {
      let { items, next_cursor: cursor } = (await read(`${path}?limit=100`)) as { items: Json[]; next_cursor?: string };
      expect([path, Array.isArray(items)]).toEqual([path, true]);
      // A role is known by its key.
      const name = path === '/roles' ? 'role' : `${path.slice(1).replace(/s$/, '').replaceAll('-', '_')}_id`;
      for (;;) {
        for (const item of items) ids.set(name, [...(ids.get(name) ?? []), String(item[name] ?? item.id ?? item.key)]);
        if (!cursor) break;
        const next = await read(`${path}?limit=100&cursor=${encodeURIComponent(cursor)}`);
        ({ items, next_cursor: cursor } = next as { items: Json[]; next_cursor?: string });
      }
    }
    for (const path of paths.filter((one) => one.includes('{'))) {
      const [name = '', within] = [...path.matchAll(/\{(\w+)\}/g)].map(([, one]) => one);
      for (const id of ids.get(name) ?? []) {
        const one = path.replace(`{${name}}`, id);
        if (!within) await read(one);
        // What is below one of them is listed there.
        const list = within && ((await read(one.slice(0, one.indexOf(`/{${within}}`)))) as { items: Json[] });
        for (const item of list ? list.items : [])
          await read(one.replace(`{${within}}`, String(item[String(within)] ?? item.id)));
      }
    }
    return places;
  }

  private async said(): Promise<Place[]> {
    return [
      ...this.server.log.flatMap((line, index) => readings(`log line ${index}`, line)),
      ...readings('metrics', await (await fetch(this.metrics)).text()),
    ];
  }

  private async kept(): Promise<Place[]> {
    const redis = this.server.services.config.redisUrl;
    return [...(await everyTable(this.server)), ...(redis ? await everyKey(this.server) : [])];
  }
}
