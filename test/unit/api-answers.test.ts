import { describe, expect, it } from '@jest/globals';
import { bearer, serveApi, things } from './api-fixture.js';

const id = '01890000-0000-7000-8000-0000000000aa';

describe('answers of the management API', () => {
  const seen: unknown[] = [];
  const { http, logs } = serveApi({ endpoints: things(seen) });
  const failure = (kind: string) => http.get(`/api/v1/failures/${kind}`).set(bearer());

  it('strips what the response schema does not list, at every depth', async () => {
    const response = await http.post('/api/v1/things').set(bearer()).send({ name: 'a' }).expect(201);
    expect(response.body).toEqual({ id: '1', name: 'a', version: 1, inner: { shown: 'yes' } });
    expect(response.text).not.toContain('hidden');
  });

  it('is never cached', async () => {
    const response = await http.get('/api/v1/things').set(bearer()).expect(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.type).toBe('application/json');
  });

  it('sends the version as a strong ETag and answers If-None-Match 304 (RFC 9110 §13.1.2)', async () => {
    const get = (value: string) => http.get(`/api/v1/things/${id}`).set(bearer()).set('If-None-Match', value);
    expect((await http.get(`/api/v1/things/${id}`).set(bearer()).expect(200)).headers.etag).toBe('"7"');
    for (const value of ['"7"', 'W/"7"', '"1", "7"', '*']) {
      const response = await get(value).expect(304);
      expect([response.headers.etag, response.text]).toEqual(['"7"', '']);
    }
    await get('"8"').expect(200);
    await get('7').expect(400);
    await http.head(`/api/v1/things/${id}`).set(bearer()).expect(200).expect('ETag', '"7"');
  });

  it('hands the version of If-Match to the handler (RFC 9110 §13.1.1)', async () => {
    const patch = (value: string) => http.patch(`/api/v1/things/${id}`).set(bearer()).set('If-Match', value).send({});
    expect((await patch('"41"').expect(200)).headers.etag).toBe('"42"');
    await patch('*').expect(200);
    await http.delete(`/api/v1/things/${id}`).set(bearer()).set('If-Match', '"3"').expect(204);
    expect(seen.splice(0)).toEqual([{ name: 'a' }, 41, undefined, 3]);
  });

  it('answers a malformed If-Match 400 and one that can never match 412', async () => {
    const patch = (value: string) => http.patch(`/api/v1/things/${id}`).set(bearer()).set('If-Match', value).send({});
    for (const value of ['7', '"7', '"7",', '"1", "2"']) await patch(value).expect(400);
    for (const value of ['W/"7"', '"seven"', '"07"']) await patch(value).expect(412);
    expect(seen).toEqual([]);
  });

  it('answers 202 without a body', async () => {
    const response = await http.post(`/api/v1/things/${id}/links`).set(bearer()).expect(202);
    expect(response.text).toBe('');
  });

  it('renders an AppError as a problem document (RFC 9457)', async () => {
    const response = await failure('conflict').expect(409);
    expect(response.type).toBe('application/problem+json');
    expect(response.body).toEqual({
      type: 'urn:ostiary:problem:last_owner',
      title: 'Last owner',
      status: 409,
      detail: 'An organization keeps at least one owner',
      code: 'last_owner',
      request_id: 'request-1',
    });
  });

  it('says in whole seconds when to try again', async () => {
    expect((await failure('throttled').expect(429)).headers['retry-after']).toBe('3');
  });

  it.each(['bug', 'mismatch', 'check'])(
    'answers an unknown error (%s) 500 without detail and logs it',
    async (kind) => {
      logs.length = 0;
      const response = await failure(kind).expect(500);
      expect(response.body).toEqual({
        type: 'urn:ostiary:problem:internal_error',
        title: 'Internal Server Error',
        status: 500,
        code: 'internal_error',
        request_id: 'request-1',
      });
      expect(response.text).not.toContain('hunter2');
      expect(logs).toMatchObject([{ level: 'error', fields: { request_id: 'request-1', error: expect.any(Error) } }]);
    },
  );

  it('answers a unique violation 409 without quoting it', async () => {
    const response = await failure('unique').expect(409);
    expect(response.body.code).toBe('conflict');
    expect(response.text).not.toContain('hunter2');
  });

  it.each(['serialization', 'deadlock', 'lock', 'slow', 'full', 'pool', 'refused'])(
    'answers a passing failure of the database (%s) 503 with Retry-After',
    async (kind) => {
      const response = await failure(kind).expect(503);
      expect(response.headers['retry-after']).toBe('1');
      expect(response.body.code).toBe('temporarily_unavailable');
    },
  );
});
