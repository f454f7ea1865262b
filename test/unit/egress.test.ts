import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Egress, EgressError, type EgressSettings } from '../../src/platform/egress.js';
import { Addresses } from '../../src/platform/egress-addresses.js';

describe('an address', () => {
  const none = new Addresses([]);
  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.1.1.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:2::1',
    '2001:db8::1',
    '3fff::1',
    '2002:7f00:1::',
    '2002:808:808::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::1',
    'ff0e::1',
    '5f00::1',
    '4000::1',
    '[::1]',
    'fd00:ec2::254',
  ])('%s is not called', (address) => expect(none.permits('a.example', address)).toBe(false));

  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '::ffff:8.8.8.8',
    '2606:4700::1111',
    '[2606:4700::1111]',
  ])('%s is', (address) => expect(none.permits('a.example', address)).toBe(true));

  it.each<[string[], string, string, boolean]>([
    [['10.0.0.0/8'], 'a.example', '10.1.2.3', true],
    [['10.0.0.0/8'], 'a.example', '::ffff:10.1.2.3', true],
    [['10.0.0.0/8'], 'a.example', '11.1.2.3', false],
    [['127.0.0.1'], 'localhost', '127.0.0.1', true],
    [['127.0.0.1'], 'localhost', '127.0.0.2', false],
    [['[::1]'], 'localhost', '::1', true],
    [['fd00::/8'], 'a.example', 'fd00::1', true],
    [['IdP.internal.'], 'idp.internal', '10.0.0.1', true],
    [['idp.internal'], 'IDP.INTERNAL.', '10.0.0.1', true],
    [['idp.internal'], 'x.idp.internal', '10.0.0.1', false],
    [['localhost'], '127.0.0.1', '127.0.0.1', false],
  ])('allow %j: %s at %s is listed: %s', (allow, host, address, expected) => {
    expect(new Addresses(allow).lists(host, address)).toBe(expected);
  });

  it.each(['', '10.0.0.0/99', '1.2.3', '*.example', 'https://a.example', 'a b'])(
    '%p is no entry of the list',
    (entry) => {
      expect(() => new Addresses([entry])).toThrow('not a host name');
    },
  );
});

describe('a call', () => {
  const servers: Server[] = [];
  const egresses: Egress[] = [];
  let reached = 0;
  let seen: IncomingMessage[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void = (_, response) =>
    response.end('ok');
  let port: number;
  let ipv6 = false;

  async function listen(host: string, at: number): Promise<number> {
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push(request);
      answer(request, response, body);
    });
    server.on('connection', () => (reached += 1));
    server.listen(at, host);
    await once(server, 'listening');
    servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  beforeAll(async () => {
    port = await listen('127.0.0.1', 0);
    // A container may have no IPv6.
    ipv6 = await listen('::1', port).then(Boolean, () => false);
  });
  afterEach(async () => {
    await Promise.all(egresses.splice(0).map((egress) => egress.close()));
    reached = 0;
    seen = [];
    answer = (_, response) => response.end('ok');
  });
  afterAll(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** A name service of our own: every name is at the addresses given. */
  const names =
    (table: Record<string, string[]>): NonNullable<EgressSettings['lookup']> =>
    (host, _options, done) =>
      setImmediate(
        done,
        null,
        (table[host] ?? []).map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );

  const make = (allow: string[] = [], more: Partial<EgressSettings> = {}) => {
    const egress = new Egress({ allow, timeoutMs: 3_000, maxBytes: 10_000, ...more });
    egresses.push(egress);
    return egress;
  };
  const refusal = async (call: Promise<unknown>) => {
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(EgressError);
    return (error as EgressError).code;
  };

  const spellings = [
    '127.0.0.1',
    '127.0.0.1.',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0X7F.1',
    '0177.0.0.1',
    '017700000001',
    '127.000.000.001',
    '127.0.0.2',
    '127.255.255.254',
    '0',
    '0.0.0.0',
    '0x0',
    '00',
    'localhost',
    'LOCALHOST',
    'localhost.',
    'LocalHost.',
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[0000:0000:0000:0000:0000:0000:0000:0001]',
    '[::ffff:127.0.0.1]',
    '[::FFFF:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    '%31%32%37.0.0.1',
    '１２７.0.0.1',
    '127。0。0。1',
    'ⓛocalhost',
  ];
  it.each(spellings)('to %s never reaches this machine', async (host) => {
    const egress = make();
    // Not every resolver knows a localhost with a dot.
    for (const scheme of ['https', 'http'])
      expect(['forbidden_address', 'insecure', ...(host.endsWith('t.') ? ['unreachable'] : [])]).toContain(
        await refusal(egress.fetch(`${scheme}://${host}:${port}/`)),
      );
    expect(reached).toBe(0);
  });

  it.each([
    [['127.0.0.0/8'], 'http://127.0.0.1'],
    [['127.0.0.1'], 'http://2130706433'],
    [['::1'], 'http://[::1]'],
    [['Localhost.'], 'http://LOCALHOST'],
    [['127.0.0.1'], 'http://[::ffff:127.0.0.1]'],
  ])('reaches it where %j lists %s', async (allow, origin) => {
    if (origin.includes('[::1]') && !ipv6) return;
    const response = await make(allow).fetch(`${origin}:${port}/`);
    expect(response).toBeInstanceOf(Response);
    expect([response.status, await response.text()]).toEqual([200, 'ok']);
  });

  it('is made to the address that was checked: answers of the name service are filtered, and asked once', async () => {
    const other = await listen('127.0.0.2', 0);
    let asked = 0;
    const table = names({ 'mixed.example': ['127.0.0.1', '127.0.0.2', '::1'] });
    const egress = make(['127.0.0.2'], {
      lookup: (host, options, done) => {
        asked += 1;
        if (asked === 1) table(host, options, done);
        else names({ [host]: ['127.0.0.1'] })(host, options, done);
      },
    });
    expect((await egress.fetch(`http://mixed.example:${other}/`)).status).toBe(200);
    expect(asked).toBe(1);
    expect(seen[0]?.socket.localAddress).toBe('127.0.0.2');
    expect(seen[0]?.headers.host).toBe(`mixed.example:${other}`);
  });

  it.each(['10.0.0.1', '169.254.169.254', '::ffff:127.0.0.1', '64:ff9b::7f00:1', 'fd00::1'])(
    'to a name at %s is refused',
    async (address) => {
      const egress = make([], { lookup: names({ 'a.example': [address] }) });
      expect(await refusal(egress.fetch('https://a.example/'))).toBe('forbidden_address');
    },
  );

  it('is https, has no credentials in its URL, and is a URL', async () => {
    const egress = make([], { lookup: names({ 'a.example': ['8.8.8.8'] }) });
    expect(await refusal(egress.fetch('http://a.example/'))).toBe('insecure');
    expect(await refusal(egress.fetch('http://8.8.8.8/'))).toBe('insecure');
    expect(await refusal(egress.fetch('https://user:secret@a.example/'))).toBe('credentials_in_url');
    expect(await refusal(egress.fetch('https://user@a.example/'))).toBe('credentials_in_url');
    expect(await refusal(egress.fetch('/path'))).toBe('bad_url');
    for (const url of ['file:///etc/passwd', 'data:text/plain,x', 'ftp://a.example/', 'blob:x', 'gopher://127.0.0.1/'])
      expect(await refusal(egress.fetch(url))).toBe('insecure');
  });

  it('takes no dispatcher from its caller: the engine brings its own', async () => {
    const init = {
      dispatcher: { dispatch: () => true },
      headers: new Headers({ 'user-agent': '' }),
    } as unknown as RequestInit;
    const { fetch } = make(['127.0.0.1']);
    expect((await fetch(`http://127.0.0.1:${port}/`, init)).status).toBe(200);
  });

  it('sends method, headers and body, and returns status, headers, url and body', async () => {
    answer = (request, response, body) => {
      response.writeHead(201, { 'content-type': 'text/x', 'content-encoding': 'gzip' });
      response.end(gzipSync(`${request.method} ${request.headers['x-a']} ${body}`));
    };
    const response = await make(['127.0.0.1']).fetch(`http://127.0.0.1:${port}/p?q`, {
      method: 'post',
      headers: { 'X-A': 'b' },
      body: new URLSearchParams({ c: 'd e' }),
    });
    expect([response.status, response.url]).toEqual([201, `http://127.0.0.1:${port}/p?q`]);
    expect(response.headers.get('content-type')).toBe('text/x');
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(await response.text()).toBe('POST b c=d+e');
    expect(seen[0]?.headers['content-type']).toContain('application/x-www-form-urlencoded');
    answer = (_, answered) => answered.writeHead(204).end();
    expect((await make(['127.0.0.1']).fetch(new URL(`http://127.0.0.1:${port}/`))).status).toBe(204);
  });

  it('follows no redirect unless asked', async () => {
    answer = (_, response) => response.writeHead(302, { location: '/next' }).end();
    const egress = make(['127.0.0.1']);
    const url = `http://127.0.0.1:${port}/`;
    for (const init of [{}, { redirect: 'follow' }, { redirect: 'manual' }] as RequestInit[]) {
      const response = await egress.fetch(url, init);
      expect([response.status, response.headers.get('location')]).toEqual([302, '/next']);
    }
    expect(await refusal(egress.fetch(url, { redirect: 'error' }))).toBe('redirect');
    expect(seen.every((request) => request.url === '/')).toBe(true);
    expect(await refusal(egress.fetch(url, { redirects: 3 }))).toBe('redirect');
    expect(seen.filter((request) => request.url === '/next')).toHaveLength(3);
  });

  it('checks every hop, and hands credentials to nobody else', async () => {
    const other = await listen('127.0.0.2', 0);
    let target = '';
    answer = (request, response) =>
      request.url === '/end' ? response.end('end') : response.writeHead(307, { location: target }).end();
    const lookup = names({ 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.2'] });
    const init = {
      redirects: 1,
      method: 'PUT',
      body: 'x',
      headers: { authorization: 'Bearer a', cookie: 'b=c', 'x-d': 'e' },
    };
    for (target of [
      `http://127.0.0.2:${other}/end`,
      `http://b.example:${other}/end`,
      'file:///etc/passwd',
      `http://0x7f.2:${other}/`,
    ])
      expect(['insecure', 'forbidden_address']).toContain(
        await refusal(make(['a.example'], { lookup }).fetch(`http://a.example:${port}/`, init)),
      );
    expect(seen.map((request) => request.socket.localAddress)).not.toContain('127.0.0.2');
    target = `http://u:p@a.example:${port}/end`;
    expect(await refusal(make(['a.example'], { lookup }).fetch(`http://a.example:${port}/`, init))).toBe(
      'credentials_in_url',
    );
    target = `http://b.example:${other}/end`;
    const response = await make(['a.example', 'b.example'], { lookup }).fetch(`http://a.example:${port}/`, init);
    expect(await response.text()).toBe('end');
    expect(seen.at(-1)).toMatchObject({ method: 'PUT', headers: { 'x-d': 'e' } });
    expect(seen.at(-1)?.headers).not.toHaveProperty('authorization');
    expect(seen.at(-1)?.headers).not.toHaveProperty('cookie');
  });

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'PUT', 'PUT'],
  ])('redirected by %d, %s becomes %s', async (status, method, expected) => {
    const bodies: string[] = [];
    answer = (request, response, body) => {
      bodies.push(body);
      if (request.url === '/end') response.end();
      else response.writeHead(status, { location: '/end' }).end();
    };
    await make(['127.0.0.1']).fetch(`http://127.0.0.1:${port}/`, { method, body: 'text', redirects: 1 });
    expect(seen.at(-1)?.method).toBe(expected);
    expect(bodies).toEqual(['text', expected === 'GET' ? '' : 'text']);
  });

  it('ends when the body grows too large, decoded or not, announced or not', async () => {
    const egress = make(['127.0.0.1']);
    const url = `http://127.0.0.1:${port}/`;
    answer = (_, response) => response.end(Buffer.alloc(10_000));
    expect((await (await egress.fetch(url)).arrayBuffer()).byteLength).toBe(10_000);
    answer = (_, response) => response.end(Buffer.alloc(10_001));
    expect(await refusal(egress.fetch(url))).toBe('too_large');
    answer = (_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000)));
    expect(await refusal(egress.fetch(url))).toBe('too_large');
    let hungUp: Promise<unknown> = Promise.resolve();
    answer = (request, response) => {
      hungUp = new Promise((resolve) => request.socket.once('close', resolve));
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1_000)));
      };
      response.on('drain', more);
      more();
    };
    expect(await refusal(egress.fetch(url))).toBe('too_large');
    await hungUp;
  });

  it('reads the beginning where that is all that is wanted, and hangs up on the rest', async () => {
    const egress = make(['127.0.0.1'], { maxBytes: 10_000 });
    const url = `http://127.0.0.1:${port}/`;
    const beginning = async () => (await egress.fetch(url, { first: 1024 })).text();
    answer = (_, response) => response.end('short');
    expect(await beginning()).toBe('short');
    for (const length of [1023, 1024, 1025, 9_999, 50_000]) {
      answer = (_, response) => response.end('x'.repeat(length));
      expect(await beginning()).toBe('x'.repeat(Math.min(length, 1024)));
    }
    let hungUp: Promise<unknown> = Promise.resolve();
    answer = (request, response) => {
      hungUp = new Promise((resolve) => request.socket.once('close', resolve));
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(1_000)));
      };
      response.on('drain', more);
      more();
    };
    expect(await beginning()).toBe('x'.repeat(1024));
    await hungUp;
  });

  it('ends when it takes too long: before the answer, within the body, across hops, on the name', async () => {
    const egress = make(['127.0.0.1'], { timeoutMs: 200 });
    const url = `http://127.0.0.1:${port}/`;
    answer = () => {};
    expect(await refusal(egress.fetch(url))).toBe('timeout');
    answer = (_, response) => void response.write('a');
    expect(await refusal(egress.fetch(url))).toBe('timeout');
    answer = (_, response) => void setTimeout(() => response.writeHead(302, { location: '/' }).end(), 60);
    expect(await refusal(egress.fetch(url, { redirects: 50 }))).toBe('timeout');
    const keepAlive = setInterval(() => {}, 50);
    expect(await refusal(make([], { timeoutMs: 100, lookup: () => {} }).fetch('https://a.example/'))).toBe('timeout');
    clearInterval(keepAlive);
  });

  it('ends when its caller leaves, with the reason given', async () => {
    answer = () => {};
    const egress = make(['127.0.0.1']);
    const signal = AbortSignal.timeout(50);
    const error = await egress.fetch(`http://127.0.0.1:${port}/`, { signal }).catch((reason: unknown) => reason);
    expect(error).toBe(signal.reason);
  });

  it('says that nobody answers without naming more than the host', async () => {
    const silent = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const closed = (silent.address() as AddressInfo).port;
    const egress = make(['127.0.0.1']);
    for (const _ of ['hangs up', 'is gone']) {
      const error = await egress.fetch(`http://127.0.0.1:${closed}/secret?x=y`).catch((reason: EgressError) => reason);
      expect(error).toMatchObject({ code: 'unreachable', message: `127.0.0.1:${closed} cannot be reached` });
      silent.close();
    }
  });
});
