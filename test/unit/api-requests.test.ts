import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { inventory } from '../../src/api/contract.js';
import { type Endpoint, endpoint } from '../../src/platform/endpoint.js';
import { maxBodyBytes } from '../../src/platform/json-body.js';
import { bearer, serveApi, things } from './api-fixture.js';

const id = '01890000-0000-7000-8000-0000000000aa';

describe('requests to the management API', () => {
  const seen: unknown[] = [];
  const { http } = serveApi({ endpoints: things(seen) });
  const post = (body: string | Buffer, type = 'application/json') =>
    http
      .post('/api/v1/things')
      .set(bearer())
      .set('Content-Type', type)
      .serialize((sent: unknown) => sent as string)
      .send(body as string);

  it.each([
    ['not JSON', '{"name":', 'invalid_json'],
    ['two values', '{"name":"a"} {}', 'invalid_json'],
    ['a byte order mark', '\ufeff{"name":"a"}', 'invalid_json'],
    ['a member named twice (RFC 7493 §2.3)', '{"name":"a","name":"b"}', 'invalid_json'],
    ['a member named twice through an escape', '{"name":"a","n\\u0061me":"b"}', 'invalid_json'],
    ['a nested member named twice', '{"name":"a","address":{"city":"x","city":"y"}}', 'invalid_json'],
    ['__proto__', '{"name":"a","__proto__":{"admin":true}}', 'invalid_json'],
    ['an escaped __proto__', '{"name":"a","\\u005f_proto__":{"admin":true}}', 'invalid_json'],
    ['a nested __proto__', '{"name":"a","address":{"city":"x","__proto__":{}}}', 'invalid_json'],
    ['constructor.prototype', '{"name":"a","constructor":{"prototype":{"admin":true}}}', 'invalid_json'],
    ['NUL', '{"name":"a\\u0000"}', 'invalid_json'],
    ['half a surrogate pair', '{"name":"\\ud800"}', 'invalid_json'],
    ['33 levels', `{"name":${'['.repeat(32)}${']'.repeat(32)}}`, 'invalid_json'],
    ['100 000 levels', '['.repeat(100_000) + ']'.repeat(100_000), 'invalid_json'],
  ])('refuses a body with %s', async (_, body, code) => {
    const response = await post(body).expect(400);
    expect(response.body.code).toBe(code);
    expect(seen).toEqual([]);
  });

  it('refuses a body that is not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect((await post(bytes).expect(400)).body.code).toBe('invalid_json');
  });

  it('takes punctuation and escapes inside strings for what they are', async () => {
    await post('{"name":"a,\\"{[}]\\\\","address":{"city":"name"}}').expect(201);
    expect(seen.pop()).toEqual({ name: 'a,"{[}]\\', address: { city: 'name' } });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'application/jsonx'])(
    'answers the content type %s 415 and says what it takes',
    async (type) => {
      const response = await post('{"name":"a"}', type).expect(415);
      expect(response.headers.accept).toBe('application/json');
    },
  );

  it('answers an encoded body 415', async () => {
    await post('{"name":"a"}').set('Content-Encoding', 'gzip').expect(415);
  });

  it('takes application/merge-patch+json on PATCH only (RFC 7396)', async () => {
    const patch = { 'Content-Type': 'application/merge-patch+json' };
    await http.patch(`/api/v1/things/${id}`).set(bearer()).set(patch).send('{"name":"b"}').expect(200);
    seen.length = 0;
    await post('{"name":"a"}', 'application/merge-patch+json').expect(415);
  });

  it('answers a body that is too large 413, announced or not', async () => {
    const large = `{"name":"${'a'.repeat(maxBodyBytes)}"}`;
    const announced = await post(large).expect(413);
    expect(announced.body.code).toBe('body_too_large');
    const chunked = http.post('/api/v1/things').set(bearer()).set('Content-Type', 'application/json');
    chunked.set('Transfer-Encoding', 'chunked');
    chunked.write(large);
    await chunked.expect(413);
    expect(seen).toEqual([]);
  });

  it('refuses unknown members at every depth and points at each', async () => {
    const body = { name: 'a', admin: true, address: { city: 'x', 'a/b~c': 1 }, labels: [{ text: 't', more: 1 }] };
    const response = await post(JSON.stringify(body)).expect(422);
    expect(response.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/address/a~1b~0c',
      '/admin',
      '/labels/0/more',
    ]);
    expect(seen).toEqual([]);
  });

  it('never repeats a value that it refuses', async () => {
    const response = await post('{"name":{"password":"hunter2"}}').expect(422);
    expect(response.text).not.toContain('hunter2');
  });

  it('answers a missing body 422, and a body where none is taken 422', async () => {
    await http.post('/api/v1/things').set(bearer()).expect(422);
    await http.post(`/api/v1/things/${id}/links`).set(bearer()).send({ to: 'a' }).expect(422);
    await http.post(`/api/v1/things/${id}/links`).set(bearer()).expect(202);
    await http.delete(`/api/v1/things/${id}`).set(bearer()).send({ force: true }).expect(422);
  });

  it('refuses unknown, repeated and unstorable query parameters', async () => {
    const get = (query: string) => http.get(`/api/v1/things?${query}`).set(bearer());
    expect((await get('limt=3').expect(422)).body.errors).toEqual([
      { pointer: '/limt', detail: 'This member is not known here' },
    ]);
    await get('limit=3&limit=4').expect(422);
    await get('limit=101').expect(422);
    await get('__proto__=1').expect(400);
    await get('tag=%00').expect(400);
  });

  it('reads a list from a query parameter that comes once or more often', async () => {
    const get = (query: string) => http.get(`/api/v1/things?${query}`).set(bearer()).expect(200);
    expect((await get('tag=a')).body).toMatchObject({ tags: ['a'], limit: 50 });
    expect((await get('tag=a&tag=b&limit=3')).body).toMatchObject({ tags: ['a', 'b'], limit: 3 });
  });

  it('answers an address that cannot name anything 404', async () => {
    await http.get('/api/v1/things/1').set(bearer()).expect(404);
  });

  it('answers unknown paths, other cases and trailing slashes 404', async () => {
    for (const path of ['/api/v1', '/api/v1/', '/api/v1/nothing', '/api/v1/Things', '/api/v1/things/']) {
      const response = await http.get(path).set(bearer()).expect(404);
      expect([path, response.type, response.headers['cache-control']]).toEqual([
        path,
        'application/problem+json',
        'no-store',
      ]);
    }
  });

  it('answers another method 405 with Allow', async () => {
    const response = await http.put('/api/v1/things').set(bearer()).send({}).expect(405);
    expect(response.headers.allow).toBe('GET, HEAD, POST');
    expect(response.body.code).toBe('method_not_allowed');
    const options = await http.options(`/api/v1/things/${id}`).expect(204);
    expect(options.headers.allow).toBe('DELETE, GET, HEAD, PATCH');
  });

  it('answers 406 who does not take JSON', async () => {
    await http.get('/api/v1/things').set(bearer()).set('Accept', 'text/html').expect(406);
    await http.get('/api/v1/things').set(bearer()).set('Accept', 'text/html, */*;q=0.1').expect(200);
  });
});

describe('the contract of an endpoint object', () => {
  const base = { method: 'post', path: '/a', scope: 'a:write', summary: 'A', handle: async () => undefined } as const;
  const mount = (...endpoints: Endpoint[]) => {
    serveApi({ endpoints });
  };

  it.each([
    ['a body that is not strict', { body: z.object({ a: z.string() }) }, 'body is not strict'],
    ['a nested object', { body: z.strictObject({ a: z.object({}) }) }, 'body.a is not strict'],
    [
      'an object in a list',
      { body: z.strictObject({ a: z.array(z.object({})).optional() }) },
      'body.a[] is not strict',
    ],
    [
      'an object in a union',
      { body: z.strictObject({ a: z.union([z.string(), z.object({})]) }) },
      'body.a is not strict',
    ],
    ['an object in a record', { body: z.record(z.string(), z.looseObject({})) }, 'body[] is not strict'],
    ['an object behind a lazy', { body: z.strictObject({ a: z.lazy(() => z.object({})) }) }, 'body.a is not strict'],
    ['a refined object', { body: z.object({}).refine(() => true) }, 'body is not strict'],
    ['a query that is not strict', { query: z.object({}) }, 'query is not strict'],
    ['a loose response', { response: z.object({ a: z.looseObject({}) }) }, 'response.a is loose'],
    ['params that miss one of the path', { path: '/a/:b', params: z.object({}) }, 'params do not match the path'],
    [
      'a change by members that does not say which proof it takes',
      {
        path: '/organizations/:organization',
        params: z.strictObject({ organization: z.string() }),
        member: 'admin' as const,
      },
      'proof is said of what members may change in one organization',
    ],
    ['a proof of what no member asks', { proof: 'never' as const }, 'proof is said of what members may change'],
    ['a failure as its status', { status: 400 }, 'the status is not a success'],
  ])('refuses %s', (_, change, message) => {
    expect(() => mount({ ...base, ...change })).toThrow(message);
  });

  it('refuses a body on GET and a route declared twice', () => {
    expect(() => mount(endpoint({ ...base, method: 'get', body: z.strictObject({}) }))).toThrow('a get has no body');
    const one = (path: string, name: string) => endpoint({ ...base, path, params: z.object({ [name]: z.string() }) });
    expect(() => mount(one('/a/:b', 'b'), one('/a/:c', 'c'))).toThrow('is declared twice');
  });

  it('lists every route with its method and scope', () => {
    expect(inventory(things())[1]).toEqual({ method: 'post', path: '/things', scope: 'things:write' });
    expect(inventory(things())).toHaveLength(things().length);
  });
});
