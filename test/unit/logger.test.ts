import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runInContext } from '../../src/platform/context.js';
import { createLogger, type Level } from '../../src/platform/logger.js';
import { isTelling } from '../../src/platform/redact.js';

function listen(level: Level = 'debug') {
  const lines: string[] = [];
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      lines.push(...String(chunk).split(/(?<=\n)/));
      done();
    },
  });
  const clock = { now: () => new Date('2030-01-02T03:04:05.678Z') };
  return { chunks, lines, stream, logger: createLogger({ level, stream, clock }) };
}

function written(fields: object | undefined, message = 'event'): string {
  const { lines, logger } = listen();
  logger.info(message, fields);
  // A line of a failure is written at once, with all before it.
  logger.error('end');
  expect(lines).toHaveLength(2);
  return lines[0] as string;
}

const parsed = (fields: object) => JSON.parse(written(fields)) as Record<string, unknown>;

describe('a log line', () => {
  it('is one JSON object with time, level, message, request and tenant', () => {
    const { lines, logger } = listen();
    runInContext({ requestId: 'r-1', tenantId: 't-1' }, () => logger.warn('slow', { milliseconds: 12 }));
    logger.error('alone');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        time: '2030-01-02T03:04:05.678Z',
        level: 'warn',
        message: 'slow',
        request_id: 'r-1',
        tenant_id: 't-1',
        milliseconds: 12,
      },
      { time: '2030-01-02T03:04:05.678Z', level: 'error', message: 'alone' },
    ]);
    expect(lines.every((line) => line.endsWith('}\n'))).toBe(true);
  });

  it('is written at the end of the turn of the event loop, with all others of it', async () => {
    const { chunks, lines, logger } = listen();
    logger.info('one');
    logger.debug('two');
    expect(lines).toHaveLength(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toHaveLength(2);
    expect(chunks).toHaveLength(1);
  });

  it('is written at once where something failed, and nothing before it is lost', () => {
    const { lines, logger } = listen();
    logger.info('one');
    logger.error('two');
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['one', 'two']);
  });

  it('is written from its level up', () => {
    const { lines, logger } = listen('warn');
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level](level);
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(['warn', 'error']);
  });

  it('keeps the names of fields that every object has', () => {
    expect(parsed({ constructor: 'a', toString: 'b', valueOf: 'c' })).toMatchObject({
      constructor: 'a',
      toString: 'b',
      valueOf: 'c',
    });
    const query = new URLSearchParams('__proto__=a&__proto__=b&x=1');
    expect(written({ query })).toContain('"query":{"__proto__":"b","x":"1"}');
  });

  it('keeps its head when a field has the same name', () => {
    expect(parsed({ level: 'none', message: 'forged', time: 0 })).toMatchObject({
      level: 'info',
      message: 'event',
      field_level: 'none',
      field_message: 'forged',
      field_time: 0,
    });
    expect(written(JSON.parse('{"__proto__":{"level":"forged"}}') as object)).toContain('"level":"info"');
  });

  it('cannot be forged with line breaks, control or bidi characters', () => {
    const nasty = 'a\r\n{"level":"error"}\u0000\u001b[31m\u007f\u0085\u2028\u2029\u202e\u2066\u200b\ufeffz';
    const line = written({ note: nasty, [`k${nasty}`]: 1 }, nasty);
    expect(line.slice(0, -1)).toMatch(/^[\u0020-\u007e]*$/);
    expect((JSON.parse(line) as { note: string }).note).toBe(nasty);
  });

  it('is written for anything: cycles, throwing getters, BigInt, proxies, depth, size', () => {
    const cycle: Record<string, unknown> = { n: 1n, f: () => 1, s: Symbol('x'), u: undefined, i: Number.NaN };
    cycle.self = cycle;
    Object.defineProperty(cycle, 'bad', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    cycle.proxy = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('no');
        },
      },
    );
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    cycle.revoked = proxy;
    cycle.date = new Date(Number.NaN);
    cycle.bytes = Buffer.from('secret');
    cycle.map = new Map<unknown, unknown>([
      ['password', 'hidden-1'],
      ['a', new Set([1])],
    ]);
    let deep: unknown = 'end';
    for (let i = 0; i < 5_000; i++) deep = [deep];
    cycle.deep = deep;
    cycle.wide = Array.from({ length: 100_000 }, (_, i) => ({ i }));
    cycle.long = 'x '.repeat(1_000_000);
    const line = written(cycle);
    expect(line.length).toBeLessThan(200_000);
    expect(JSON.parse(line)).toMatchObject({
      n: '1',
      self: '[circular]',
      bad: '[unreadable]',
      proxy: '[unreadable]',
      revoked: '[unreadable]',
      bytes: '[6 bytes]',
      map: { password: '[redacted]', a: [1] },
    });
    for (const odd of [undefined, null, 'text', 5, [1]]) expect(written(odd as object)).toContain('"event"');
  });

  it('survives a reader that goes away', () => {
    const { logger, stream } = listen();
    expect(() => stream.emit('error', new Error('EPIPE'))).not.toThrow();
    expect(() => logger.info('after')).not.toThrow();
  });
});

describe('what is never written down', () => {
  it.each([
    'password',
    'newPassword',
    'current_password',
    'client_secret',
    'clientSecret',
    'Client-Secret',
    'access_token',
    'refreshToken',
    'id_token_hint',
    'logout_token',
    'code',
    'user_code',
    'recoveryCodes',
    'code_verifier',
    'cookie',
    'Set-Cookie',
    'authorization',
    'client_assertion',
    'request',
    'request_uri',
    'email',
    'e-mail',
    'E_MAIL',
    'login_hint',
    'totp',
    'otp',
    'api_key',
    'private_key',
    'SAMLResponse',
    'state',
    'nonce',
    'DPoP',
    'credentials',
    'phone_number',
  ])('%s', (name) => {
    expect(isTelling(name)).toBe(true);
    expect(written({ a: [{ [name]: 'hunter2' }, { [name]: { b: ['hunter2'] } }, { [name]: 482913 }] })).not.toMatch(
      /hunter2|482913/,
    );
  });

  it.each([
    'request_id',
    'tenant_id',
    'client_id',
    'grant_type',
    'status_code',
    'error',
    'scope',
    'acr',
    'route',
    'method',
  ])('but %s is', (name) => {
    expect(written({ [name]: 'kept' })).toContain(`"${name}":"kept"`);
  });

  const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';
  it.each([
    ['a JWT', `got ${jwt} there`, 'c2lnbmF0dXJl'],
    ['a JWT cut off', 'got eyJhbGciOiJFUzI1NiJ9.eyJzdW', 'JFUzI1'],
    ['a bearer', 'authorization header was Bearer s3cr3t-value', 's3cr3t'],
    ['Basic credentials', 'Basic czZCaGRSa3F0MzpnWDFm', 'czZCaG'],
    ['a cookie header', 'Cookie: a=first; b=second', 'second'],
    ['an address', 'mail to Jane.Doe+x@mail.example.com failed', 'Doe'],
    ['an encoded address', '/users/jane%40example.com', 'jane'],
    ['a quoted address', 'to "jane doe"@example.com', 'doe'],
    ['a parameter', 'GET /cb?code=abc123&x=1', 'abc123'],
    ['a nested parameter', 'return_to=%2Fcb%3Fcode%3Dabc123', 'abc123'],
    ['a form', 'username=jane&password=hunter2', 'hunter2'],
    ['the query of a URL', 'fetched https://idp.example/cb?opaque=abc123#frag', 'abc123'],
    ['credentials in a URL', 'postgres://user:hunter2@db/x', 'hunter2'],
    ['a JSON body', 'body {"grant":1,"client_secret":"hunter2 and more"}', 'hunter2'],
    ['256 random bits', 'handle Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6', 'Zm9vYm'],
    ['a unique violation', 'Key (tenant_id, email)=(t, jane@example.com) already exists', 'jane'],
  ])('%s in a text', (_what, text, secret) => {
    const error = new Error(`outer ${text}`, { cause: new Error(`inner ${text}`) });
    for (const fields of [{ note: text }, { [text]: 1 }, { list: [[text]] }, error, { error }, new Map([['a', text]])])
      expect(written(fields, text)).not.toContain(secret);
  });

  it('the query of a path', () => {
    expect(parsed({ path: '/authorize?client_id=a', url: new URL('https://u:p@a.example/b?c=d#e') })).toMatchObject({
      path: '/authorize',
      url: 'https://a.example/b',
    });
  });

  it('values beside their name: raw headers, entries, name and value', () => {
    const line = written({
      raw: ['Host', 'a', 'Cookie', 'hunter2', 'accept', 'b'],
      entries: [['password', 'hunter2']],
      field: { name: 'client_secret', value: 'hunter2' },
      headers: new Headers({ authorization: 'hunter2' }),
      query: new URLSearchParams({ code: 'hunter2' }),
    });
    expect(line).not.toContain('hunter2');
    expect(line).toContain('"Host","a"');
  });

  it('errors are written with stack and causes, and without what drivers hang on them', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', parameters: ['hunter2'] });
    const line = JSON.parse(written(new AggregateError([new TypeError('second')], 'first', { cause }))) as {
      error: Record<string, unknown> & { errors: unknown[] };
    };
    expect(line.error).toMatchObject({
      name: 'AggregateError',
      message: 'first',
      cause: { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
      errors: [{ name: 'TypeError', message: 'second' }],
    });
    expect(line.error.stack).toMatch(/logger\.test\.js:\d+:\d+/);
    expect(JSON.stringify(line)).not.toContain('hunter2');
    const loop = new Error('loop');
    loop.cause = loop;
    expect(written(loop)).toContain('[circular]');
  });

  it('file names and line numbers of a stack survive', () => {
    const error = new Error('x');
    error.stack = 'Error: x\n    at verify (file:///app/dist/src/features/token.service.js:120:11)';
    expect(written(error)).toContain('token.service.js:120:11');
  });

  it('takes linear time', () => {
    // Of the processor, whatever else the machine has to do.
    const began = process.cpuUsage();
    for (const piece of ['a', '@', 'a@', '"', 'eyJ', 'http://', '"a":', 'a=', '-', 'Bearer ', '\\'])
      written({ note: piece.repeat(60_000) });
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(3_000);
  });

  const secret = fc.stringMatching(/^[A-Za-z0-9]{12,30}$/).map((text) => `s3c${text}`);
  const names = fc.constantFrom(
    'password',
    'Client_Secret',
    'accessToken',
    'code',
    'cookie',
    'email',
    'codeVerifier',
    'request',
  );
  const shape = (value: string) =>
    fc.oneof(
      names.map((name) => ({ [name]: value })),
      names.map((name) => [name, value]),
      names.map((name) => new Map([[name, value]])),
      names.map((name) => ({ [name]: [{ deeper: value }] })),
      fc.constantFrom(`Bearer ${value}`, `${value}@example.com`, `eyJ${value}.${value}.${value}`, `/cb?code=${value}`),
      names.map((name) => `${name}=${value}`),
      names.map((name) => `{"${name}":"${value}"}`),
      names.map((name) => JSON.stringify({ outer: { [name]: value } }, null, 2)),
    );
  const wrap = fc.array(fc.constantFrom('object', 'array', 'map', 'set', 'error', 'cause'), { maxLength: 8 });
  const wrapped = (value: unknown, layers: string[]): unknown =>
    layers.reduce((inner: unknown, layer) => {
      if (layer === 'object') return { inner };
      if (layer === 'array') return ['x', inner, 1];
      if (layer === 'map') return new Map([['k', inner]]);
      if (layer === 'set') return new Set([inner]);
      if (layer === 'error') return new Error(typeof inner === 'string' ? inner : 'e', { cause: inner });
      return Object.assign(new Error('e'), { cause: inner });
    }, value);

  it('any secret under any nesting', () => {
    fc.assert(
      fc.property(
        secret.chain((value) => fc.tuple(fc.constant(value), shape(value))),
        wrap,
        ([value, telling], layers) => {
          const line = written({ fields: wrapped(telling, layers) }, typeof telling === 'string' ? telling : 'event');
          expect(line).not.toContain(value);
          JSON.parse(line);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('any value at all is written as one line', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
        (v) => {
          const line = written({ v });
          expect(line.indexOf('\n')).toBe(line.length - 1);
          JSON.parse(line);
        },
      ),
      { numRuns: 300 },
    );
  });
});
