// What stands before several machines: sends requests to those whose /readyz says 200, over connections that it keeps, and repeats none.
import { Agent, createServer, request } from 'node:http';

const checkMs = 100;

/** @returns how to close it. @param targets ports of machines, whether they run or not. */
export async function startBalancer(port: number, targets: readonly number[]): Promise<() => Promise<void>> {
  const agent = new Agent({ keepAlive: true });
  const ready = new Set<number>();
  const check = (target: number) =>
    fetch(`http://127.0.0.1:${target}/readyz`, { signal: AbortSignal.timeout(1_000) })
      .then(({ ok }) => void (ok ? ready.add(target) : ready.delete(target)))
      .catch(() => void ready.delete(target));
  const checking = setInterval(() => void targets.map(check), checkMs);
  await Promise.all(targets.map(check));

  let turn = 0;
  const server = createServer((incoming, answer) => {
    const target = [...ready][turn++ % Math.max(1, ready.size)];
    if (!target) return void answer.writeHead(502).end('nobody is ready');
    const { method, url: path, headers } = incoming;
    const onwards = request({ host: '127.0.0.1', port: target, method, path, headers, agent }, (found) => {
      const { connection: _hop, 'keep-alive': _hint, ...rest } = found.headers;
      answer.writeHead(found.statusCode ?? 502, rest);
      found.pipe(answer);
    });
    onwards.once('error', (error) =>
      answer.headersSent ? answer.destroy() : answer.writeHead(502).end(String(error)),
    );
    incoming.pipe(onwards);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return async () => {
    clearInterval(checking);
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}
