// What others make of the OpenAPI document: a validator that is not ours, and a compiler of JSON Schema.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { projectRoot } from '../../config/root.js';

interface Node {
  [name: string]: unknown;
}

describe('docs/openapi.json', () => {
  const document = JSON.parse(readFileSync(path.join(projectRoot, 'docs/openapi.json'), 'utf8')) as Node;

  it('is OpenAPI 3.1 to others as well', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document));
    expect([valid, errors, validator.version]).toEqual([true, undefined, '3.1']);
  });

  it('is told from one that is not', async () => {
    const { paths, ...without } = structuredClone(document);
    expect((await new Validator().validate({ ...without, path: paths })).valid).toBe(false);
  });

  it('has schemas that are JSON Schema 2020-12, in all places, and refer to what is there', () => {
    const schemas = schemasIn(document);
    expect(schemas.length).toBeGreaterThan(500);
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'openapi');
    const broken = schemas.flatMap(({ at, schema }) => {
      try {
        ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"openapi#/')) as object);
        return [];
      } catch (error) {
        return [`${at}: ${error instanceof Error ? error.message : 'cannot be compiled'}`];
      }
    });
    expect(broken).toEqual([]);
  });

  it('asks for nothing but what its security schemes have', () => {
    const { components, security, paths } = document as { components: Node; security: Node[]; paths: Node };
    const schemes = components.securitySchemes as Record<string, { flows?: Record<string, { scopes: Node }> }>;
    const operations = Object.values(paths).flatMap((item) => Object.values(item as Node)) as { security?: Node[] }[];
    const asked = [...security, ...operations.flatMap((operation) => operation.security ?? [])];
    const unknown = asked.flatMap((one) =>
      Object.entries(one).flatMap(([name, scopes]) => {
        if (!schemes[name]) return [name];
        const flows = Object.values(schemes[name].flows ?? {});
        return (scopes as string[]).filter((scope) => flows.some((flow) => !(scope in flow.scopes)));
      }),
    );
    expect(asked.length).toBeGreaterThan(100);
    expect(unknown).toEqual([]);
  });
});

/** Where a schema may stand: under `schema`, and by name in the components. */
function schemasIn(document: Node): { at: string; schema: object }[] {
  const { schemas } = document.components as { schemas: Record<string, object> };
  const found = Object.entries(schemas).map(([name, schema]) => ({ at: name, schema }));
  const walk = (node: unknown, at: string): void => {
    if (node === null || typeof node !== 'object') return;
    for (const [name, value] of Object.entries(node)) {
      const place = `${at}/${name}`;
      if (name === 'schema') found.push({ at: place, schema: value as object });
      else walk(value, place);
    }
  };
  walk(document.paths, 'paths');
  walk({ ...(document.components as Node), schemas: {} }, 'components');
  return found;
}
