// Stands between the house and a server it talks to: lets pass, slows down, or cuts off. The server itself notices nothing.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export class Gate {
  /** Milliseconds that whatever is sent to the server waits here. */
  delayMs = 0;
  private open = true;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {}

  static async to(target: number): Promise<Gate> {
    const server = createServer();
    const gate = new Gate(server, target);
    server.on('connection', (socket) => gate.pass(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return gate;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** Hangs up on everybody, and on who comes. */
  cut(): void {
    this.open = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.open = true;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private pass(client: Socket): void {
    if (!this.open) return void client.destroy();
    const server = connect(this.target, '127.0.0.1');
    let order = Promise.resolve();
    client.on('data', (chunk) => {
      order = order.then(async () => {
        if (this.delayMs > 0) await delay(this.delayMs);
        server.write(chunk);
      });
    });
    server.on('data', (chunk) => client.write(chunk));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
  }
}
