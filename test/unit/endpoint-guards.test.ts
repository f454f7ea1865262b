import { describe, expect, it } from '@jest/globals';
import { assertContract } from '../../src/api/contract.js';
import { buildOpenApi } from '../../src/api/openapi.js';
import { endpoint } from '../../src/platform/endpoint.js';
import { isMet, type Requirement } from '../../src/platform/requirement.js';
import { bearer, issuer, serveApi } from './api-fixture.js';

describe('what somebody must hold to be let in', () => {
  it.each<[string, Requirement, string[], boolean]>([
    ['one, held', 'a', ['a', 'b'], true],
    ['one, not held', 'a', ['b'], false],
    ['one is no beginning of another', 'a', ['ab'], false],
    ['any, one held', { anyOf: ['a', 'b'] }, ['b'], true],
    ['any, none held', { anyOf: ['a', 'b'] }, ['c'], false],
    ['any of nothing', { anyOf: [] }, ['a'], false],
    ['all, all held', { allOf: ['a', 'b'] }, ['b', 'a'], true],
    ['all, one missing', { allOf: ['a', 'b'] }, ['a'], false],
    ['all of nothing', { allOf: [] }, ['a'], false],
    ['anything, by whom nothing is held', { anyOf: ['a', 'b'] }, [], false],
  ])('%s', (_name, requirement, held, met) => {
    expect(isMet(requirement, new Set(held))).toBe(met);
  });
});

describe('an endpoint that asks for it', () => {
  const guarded = (path: string, more: object) =>
    endpoint({ method: 'get', path, scope: 'things:read', summary: 'Guarded', handle: async () => undefined, ...more });
  const endpoints = [
    guarded('/any', { scope: { anyOf: ['things:admin', 'things:read'] } }),
    guarded('/all', { scope: { allOf: ['things:read', 'things:write'] } }),
    guarded('/role', { role: 'EDITOR' }),
    guarded('/any-role', { role: { anyOf: ['CHIEF', 'EDITOR'] } }),
    guarded('/all-roles', { role: { allOf: ['CHIEF', 'EDITOR'] } }),
  ];
  const { http } = serveApi({ endpoints });

  it.each([
    ['/any', 'token-read', 204, undefined],
    ['/any', 'token-nothing', 403, 'insufficient_scope'],
    ['/all', 'token-all', 204, undefined],
    ['/all', 'token-read', 403, 'insufficient_scope'],
    ['/role', 'token-editor', 204, undefined],
    ['/role', 'token-read', 403, 'insufficient_role'],
    ['/role', 'token-nothing', 403, 'insufficient_scope'],
    ['/any-role', 'token-editor', 204, undefined],
    ['/any-role', 'token-read', 403, 'insufficient_role'],
    ['/all-roles', 'token-editor', 403, 'insufficient_role'],
    ['/all-roles', 'token-chief', 204, undefined],
  ])('%s with %s: %i', async (path, token, status, code) => {
    const response = await http.get(`/api/v1${path}`).set(bearer(token));
    expect([response.status, response.body.code]).toEqual([status, code]);
  });

  it('names in its challenge what suffices (RFC 6750 §3)', async () => {
    const challenge = async (path: string) =>
      (await http.get(`/api/v1${path}`).set(bearer('token-nothing'))).headers['www-authenticate'];
    expect(await challenge('/any')).toContain('scope="things:admin"');
    expect(await challenge('/all')).toContain('scope="things:read things:write"');
  });

  it('is described so: any is one or the other, all is both (OpenAPI 3.1 §4.8.30)', () => {
    const { paths } = buildOpenApi(endpoints, { issuer, version: '1' });
    // A key says nothing of scopes there: what it may is its own.
    const key = { apiKey: [] };
    expect(paths?.['/any']?.get?.security).toEqual([{ oauth2: ['things:admin'] }, { oauth2: ['things:read'] }, key]);
    expect(paths?.['/all']?.get?.security).toEqual([{ oauth2: ['things:read', 'things:write'] }, key]);
  });

  it.each([{ scope: { anyOf: [] } }, { scope: { allOf: [] } }, { role: { anyOf: [] } }, { role: { allOf: [] } }])(
    'of nothing is not mounted: %j',
    (more) => {
      expect(() => assertContract([guarded('/none', more)])).toThrow('names nothing, so nobody gets in');
    },
  );
});
