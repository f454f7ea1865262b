// Stands between one process and Postgres, reads along (PostgreSQL §55, frontend/backend protocol), and ends the process at a given statement:
// before Postgres has seen it, or after Postgres has done it and before the process hears of it.
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Point {
  /** Counts from 1, over all connections. */
  statement: number;
  moment: 'before' | 'after';
}

const code = (letter: string) => letter.charCodeAt(0);
const [query, sync, parse, bind, ready] = ['Q', 'S', 'P', 'B', 'Z'].map(code) as [
  number,
  number,
  number,
  number,
  number,
];

/** What a process does besides answering the request: told apart by its words. */
const background =
  /get_job|graphile_worker\.(?!add_job)|job_(?!add)|^SELECT 1$|^LISTEN|ctid|^DELETE FROM|version\(\)|answer_until </i;

export class StatementGate {
  /** The statements since it was armed. */
  seen: string[] = [];
  private armed: { point: Point | undefined; kill: () => void } | undefined;

  private constructor(private readonly server: Server) {}

  static async to(target: number): Promise<StatementGate> {
    const server = createServer();
    const gate = new StatementGate(server);
    server.on('connection', (socket) => gate.pass(socket, connect(target, '127.0.0.1')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return gate;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** @param point none: only counts. */
  arm(point: Point | undefined, kill: () => void): void {
    this.seen = [];
    this.armed = { point, kill };
  }

  disarm(): void {
    this.armed = undefined;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private pass(client: Socket, server: Socket): void {
    let received = Buffer.alloc(0);
    let started = false;
    let dying = false;
    const prepared = new Map<string, string>();
    client.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (!started) {
        if (received.length < 4 || received.length < received.readInt32BE(0)) return;
        const length = received.readInt32BE(0);
        server.write(received.subarray(0, length));
        received = received.subarray(length);
        started = true;
      }
      for (let end = unitEnd(received); end > 0; end = unitEnd(received)) {
        const unit = received.subarray(0, end);
        received = received.subarray(end);
        const moment = this.momentOf(statementOf(unit, prepared));
        if (moment === 'before') return void this.armed?.kill();
        if (moment === 'after') dying = true;
        server.write(unit);
      }
    });
    server.on('data', (chunk) => {
      // ReadyForQuery ends the answer: Postgres has done it, and nobody hears.
      if (dying && chunk.length >= 6 && chunk[chunk.length - 6] === ready) return void this.armed?.kill();
      if (!dying) client.write(chunk);
    });
    client.on('error', () => {}).on('close', () => server.destroy());
    server.on('error', () => {}).on('close', () => client.destroy());
  }

  private momentOf(statement: string | undefined): Point['moment'] | undefined {
    if (!this.armed || !statement || background.test(statement)) return undefined;
    this.seen.push(statement.replace(/\s+/g, ' ').trim());
    const { point } = this.armed;
    return point && this.seen.length === point.statement ? point.moment : undefined;
  }
}

/** Where the first whole unit ends: a simple query, or everything up to Sync. */
function unitEnd(bytes: Buffer): number {
  let offset = 0;
  while (bytes.length >= offset + 5) {
    const type = bytes[offset] as number;
    offset += 1 + bytes.readInt32BE(offset + 1);
    if (offset > bytes.length) return 0;
    if (type === query || type === sync || type === code('X')) return offset;
  }
  return 0;
}

/** The words of a unit; a prepared statement is known by its name after the first time. */
function statementOf(unit: Buffer, prepared: Map<string, string>): string | undefined {
  for (let offset = 0; offset < unit.length; offset += 1 + unit.readInt32BE(offset + 1)) {
    const type = unit[offset];
    const body = unit.subarray(offset + 5, offset + 1 + unit.readInt32BE(offset + 1)).toString('latin1');
    if (type === query) return body.slice(0, -1);
    if (type === parse) {
      const [name = '', text = ''] = body.split('\0');
      prepared.set(name, name || text);
    }
    if (type === bind) return prepared.get(body.split('\0')[1] ?? '');
  }
  return undefined;
}
