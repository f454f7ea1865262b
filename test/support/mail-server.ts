// A mail server that reads what it is sent, as a mailbox would, and answers what a test says (RFC 5321 §4.2).
import type { AddressInfo } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';

export interface MailServer {
  port: number;
  received: Email[];
  /** Recipients it was asked to take, those it refused among them. */
  asked: string[];
  /** A code of three digits for the next recipients; undefined takes them. */
  refuse: number | undefined;
  close(): Promise<void>;
}

export async function startMailServer(port = 0, password?: string): Promise<MailServer> {
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: password === undefined,
    allowInsecureAuth: true,
    logger: false,
    onAuth: (auth, _session, done) =>
      auth.password === password ? done(null, { user: auth.username }) : done(new Error('wrong password')),
    onRcptTo(address, _session, done) {
      mailServer.asked.push(address.address);
      const { refuse } = mailServer;
      // The words repeat the address, as those of many servers do.
      done(refuse ? Object.assign(new Error(`no ${address.address} here`), { responseCode: refuse }) : null);
    },
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        PostalMime.parse(Buffer.concat(chunks)).then((mail) => {
          mailServer.received.push(mail);
          done();
        }, done);
      });
    },
  });
  server.on('error', () => {});
  const mailServer: MailServer = {
    port: 0,
    received: [],
    asked: [],
    refuse: undefined,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  mailServer.port = (server.server.address() as AddressInfo).port;
  return mailServer;
}
