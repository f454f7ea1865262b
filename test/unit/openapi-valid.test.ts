// What others make of the OpenAPI document: a validator that is not ours, and a compiler of JSON Schema.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { projectRoot } from '../../config/root.js';
import { buildOpenApi } from '../../src/api/openapi.js';
import { endpointsOf } from '../../src/endpoints.js';
import type { Services } from '../../src/services.js';

interface Document {
  openapi: string;
  components: { schemas: Record<string, object>; securitySchemes: { oauth2: { flows: object } } };
}

const printed = JSON.parse(readFileSync(path.join(projectRoot, 'docs/openapi.json'), 'utf8')) as Document;
