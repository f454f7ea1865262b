// One HTTP request written by hand, and its answer as it came: what a client library would tidy up is what is tested with it.
import { connect } from 'node:net';

export type Header = [name: string, value: string];

export interface Answer {
  status: number;
  headers: Headers;
  body: string;
  /** As it came. */
  raw: string;
}

export function send(port: number, method: string, target: string, headers: Header[], body = ''): Promise<Answer> {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body ? [`Content-Length: ${Buffer.byteLength(body)}`] : []),
    'Connection: close',
  ];
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => {
      const raw = Buffer.concat(chunks).toString();
      const [head = '', ...rest] = raw.split('\r\n\r\n');
      const [first = '', ...fields] = head.split('\r\n');
      const answered = new Headers();
      for (const field of fields)
        answered.append(field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1).trim());
      resolve({ status: Number(first.split(' ')[1]), headers: answered, body: rest.join('\r\n\r\n'), raw });
    });
  });
}
