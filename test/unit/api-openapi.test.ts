import { describe, expect, it } from '@jest/globals';
import { buildOpenApi } from '../../src/api/openapi.js';
import { issuer, serveApi, things } from './api-fixture.js';

type Node = Record<string, unknown>;
interface Parameter {
  name: string;
  in: string;
  required?: boolean;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'];

describe('the OpenAPI document of the management API', () => {
  const document = buildOpenApi(things(), { issuer, version: '1.2.3' });
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    methods.flatMap((method) => (method in item ? [{ path, method, operation: item[method as 'get'] ?? {} }] : [])),
  );
  const resolve = (reference: string): unknown =>
    reference
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>((at, step) => (at as Node | undefined)?.[step], document);

  it('is OpenAPI 3.1 of this version, at this issuer', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info.version).toBe('1.2.3');
    expect(document.servers).toEqual([{ url: `${issuer}/api/v1` }]);
  });

  it('resolves every reference', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, found]) => found ?? '');
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((reference) => resolve(reference) === undefined)).toEqual([]);
  });

  it('has an operation for every endpoint and no other, each with an id of its own', () => {
    const expected = things().map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(expected.sort());
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain('postThingsByThingIdLinks');
  });

  it('declares exactly the parameters of each path, as required', () => {
    for (const { path, operation } of operations) {
      const declared = ((operation.parameters ?? []) as Parameter[]).filter((parameter) => parameter.in === 'path');
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(declared.map(({ name }) => name)).toEqual(named);
      expect(declared.every(({ required }) => required === true)).toBe(true);
    }
  });

  it('gives every response a description and every operation a success and its refusals', () => {
    for (const { operation } of operations) {
      const statuses = Object.keys(operation.responses ?? {});
      expect(statuses.filter((status) => status.startsWith('2'))).toHaveLength(1);
      expect(statuses).toEqual(expect.arrayContaining(['401', '403', '500', '503']));
      for (const response of Object.values<Node>(operation.responses ?? {})) {
        const { description } = (response.$ref ? resolve(String(response.$ref)) : response) as Node;
        expect(typeof description).toBe('string');
      }
    }
  });

  it('asks for the scope of each endpoint, of people and of programs, at the endpoints of this issuer', () => {
    const scheme = resolve('#/components/securitySchemes/oauth2') as Node;
    const scopes = { 'things:read': 'Read things', 'things:write': 'Write things' };
    const tokenUrl = `${issuer}/token`;
    expect(scheme.flows).toEqual({
      authorizationCode: { authorizationUrl: `${issuer}/authorize`, tokenUrl, scopes },
      clientCredentials: { tokenUrl, scopes },
    });
    const create = operations.find(({ path, method }) => path === '/things' && method === 'post')?.operation;
    expect(create?.security).toEqual([{ oauth2: ['things:write'] }, { apiKey: [] }]);
  });

  it('prints strict requests, stripped responses and the headers of the door', () => {
    const create = JSON.stringify(document.paths?.['/things']?.post);
    expect(create).toContain('"additionalProperties":false');
    expect(create).toContain('#/components/schemas/Thing');
    expect(create).toContain('#/components/parameters/IdempotencyKey');
    expect(create).toContain('#/components/headers/ETag');
    expect(JSON.stringify(document.paths?.['/things/{thing_id}']?.patch)).toContain('#/components/parameters/IfMatch');
    expect(JSON.stringify(document.paths?.['/things/{thing_id}']?.get)).toContain('"304"');
  });

  it('prints the same text each time', () => {
    const again = buildOpenApi(things(), { issuer, version: '1.2.3' });
    expect(JSON.stringify(again)).toBe(JSON.stringify(document));
  });

  it('is served to everybody, as the issuer that was asked', async () => {
    const { http } = serveApi({ issuer: () => 'https://other.example.com/t/acme' });
    const { body } = await http.get('/api/v1/openapi.json').expect(200);
    expect(body.servers).toEqual([{ url: 'https://other.example.com/t/acme/api/v1' }]);
    expect(JSON.stringify(body)).not.toContain('id.example.com');
    expect(JSON.parse(JSON.stringify(buildOpenApi(things(), { issuer, version: '1.2.3' })))).toEqual({
      ...body,
      servers: [{ url: `${issuer}/api/v1` }],
      components: { ...body.components, securitySchemes: expect.anything() },
    });
  });
});
