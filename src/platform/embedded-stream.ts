// The socket that `pg` believes it holds: whole frontend messages in, PGlite's answers out (PostgreSQL 18 §54, frontend/backend protocol).
// Handed off to: embedded.ts, which gives one stream at a time the only session.
import { Duplex } from 'node:stream';

/** The one session of the embedded database, as a stream sees it. */
export interface EmbeddedSession {
  /** Waits until no other stream holds the session, and hands it over clean. */
  claim(stream: EmbeddedStream): Promise<void>;
  execute(messages: Uint8Array): Promise<Uint8Array>;
  release(stream: EmbeddedStream): void;
}

// §54.2.12: the codes that stand where a startup message carries its protocol version.
const cancelRequest = 80877102;
const sslRequest = 80877103;
const gssRequest = 80877104;

const terminate = 'X'.charCodeAt(0);
/** Sync, Query, Flush, FunctionCall, CopyDone, CopyFail: where the server owes an answer, so what precedes them may travel with them. */
const boundaries = new Set([...'SQHFcf'].map((letter) => letter.charCodeAt(0)));

export class EmbeddedStream extends Duplex {
  private received: Buffer = Buffer.alloc(0);
  private started = false;

  constructor(private readonly session: EmbeddedSession) {
    super();
  }

  // What pg asks of a net.Socket, beyond being a Duplex.
  connect(): this {
    process.nextTick(() => this.emit('connect'));
    return this;
  }
  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;
  setTimeout = (): this => this;
  ref = (): this => this;
  unref = (): this => this;

  override _read(): void {}

  // One call at a time: Node waits for done before it hands over more, so the messages of a connection never interleave.
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.received = Buffer.concat([this.received, ...chunks.map(({ chunk }) => chunk)]);
    this.consume().then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.session.release(this);
    done(error);
  }

  private async consume(): Promise<void> {
    if (!this.started && !(await this.start())) return;
    for (let end = this.batchEnd(); end > 0; end = this.batchEnd()) {
      const batch = this.received.subarray(0, end);
      this.received = this.received.subarray(end);
      if (batch[0] === terminate) {
        this.push(null);
        return;
      }
      await this.answer(batch);
    }
  }

  /** @returns false while the startup message is not complete. */
  private async start(): Promise<boolean> {
    while (this.received.length >= 8 && this.received.length >= this.received.readInt32BE(0)) {
      const message = this.received.subarray(0, this.received.readInt32BE(0));
      this.received = this.received.subarray(message.length);
      const code = message.readInt32BE(4);
      if (code === sslRequest || code === gssRequest) {
        this.push('N');
      } else if (code === cancelRequest) {
        // A statement runs to its end before anything else is read, so there is nothing left to cancel.
        this.push(null);
        return false;
      } else {
        await this.session.claim(this);
        await this.answer(message);
        this.started = true;
        return true;
      }
    }
    return false;
  }

  /** Where the first batch that ends in a boundary ends, 0 when it is not complete. */
  private batchEnd(): number {
    let offset = 0;
    while (this.received.length >= offset + 5) {
      const type = this.received[offset] as number;
      if (type === terminate && offset > 0) return offset;
      offset += 1 + this.received.readInt32BE(offset + 1);
      if (offset > this.received.length) return 0;
      if (type === terminate || boundaries.has(type)) return offset;
    }
    return 0;
  }

  private async answer(messages: Buffer): Promise<void> {
    const answer = await this.session.execute(messages);
    if (this.destroyed) return;
    if (answer.length > 0) this.push(answer);
    // PGlite computes on this thread: without a turn of the event loop here, a busy connection starves timers and sockets.
    await new Promise(setImmediate);
  }
}
