// A mail server that takes, refuses, or says nothing (RFC 5321): what it was given is kept with its Message-ID.
import { createServer, type Server, type Socket } from 'node:net';

export type Manner = 'accept' | 'refuse' | 'hang' | 'silent_after_data';

export class MailReceiver {
  manner: Manner = 'accept';
  readonly received: { messageId: string; text: string }[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<MailReceiver> {
    const server = createServer();
    const receiver = new MailReceiver(server);
    server.on('connection', (socket) => receiver.serve(socket));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
    if (this.manner === 'hang') return;
    let waiting = '';
    let inData = false;
    const say = (line: string) => socket.write(`${line}\r\n`);
    say('220 receiver');
    socket.on('data', (chunk) => {
      waiting += chunk.toString('latin1');
      for (;;) {
        const end = inData ? '\r\n.\r\n' : '\r\n';
        const at = waiting.indexOf(end);
        if (at < 0) return;
        const line = waiting.slice(0, at);
        waiting = waiting.slice(at + end.length);
        if (inData) {
          inData = false;
          this.received.push({ messageId: /^message-id:\s*(\S+)/im.exec(line)?.[1] ?? '', text: line });
          if (this.manner !== 'silent_after_data') say('250 taken');
        } else inData = this.answer(line, say);
      }
    });
  }

  /** @returns whether the message follows. */
  private answer(line: string, say: (line: string) => void): boolean {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'RCPT' && this.manner === 'refuse') say('450 not now');
    else if (verb === 'DATA') say('354 go on');
    else if (verb === 'QUIT') say('221 bye');
    else say('250 ok');
    return verb === 'DATA';
  }
}
