// The OpenAPI document as the rule: which operations there are, and whether an answer is one of those it says. Read by a validator of others,
// so that what we print is judged by what it says and not by the schemas it was printed from.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

export interface Schema {
  [keyword: string]: unknown;
}

export interface Parameter {
  in: 'path' | 'query' | 'header';
  name: string;
  required?: boolean;
  schema: Schema;
}

export interface Operation {
  method: string;
  path: string;
  parameters: Parameter[];
  /** Media type and schema of what it takes. */
  body?: { type: string; schema: Schema };
  responses: string[];
}

interface Printed {
  paths: Record<string, Record<string, PrintedOperation>>;
  components: { parameters: Record<string, Parameter> };
}

interface PrintedOperation {
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { $ref?: string; content?: Record<string, unknown> }>;
}

export interface Answered {
  status: number;
  type: string;
  text: string;
}

export class Described {
  private readonly document: Printed;
  private readonly ajv = new Ajv2020({ strict: false, validateFormats: false });
  private readonly validators = new Map<string, ValidateFunction>();

  constructor(document: object) {
    this.document = document as Printed;
    this.ajv.addSchema(document, 'api', undefined, false);
  }

  operations(): Operation[] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => {
        const [[type, { schema }] = ['', { schema: undefined }]] = Object.entries(requestBody?.content ?? {});
        return {
          method,
          path,
          parameters: parameters.map((one) => ('$ref' in one ? this.at<Parameter>(one.$ref) : one)),
          responses: Object.keys(responses),
          ...(schema ? { body: { type, schema } } : {}),
        };
      }),
    );
  }

  /** What a reference within the document stands for. */
  at<T>(reference: string): T {
    const steps = reference.replace(/^#\//, '').split('/');
    return steps.reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], this.document) as T;
  }

  /** Whether the document lets an operation be sent this. */
  takes({ method, path, body }: Operation, value: unknown): boolean {
    if (!body) return value === undefined || JSON.stringify(value) === '{}';
    return this.validator([...operationAt(method, path), 'requestBody', 'content', body.type, 'schema'])(value);
  }

  /** What is wrong with an answer; undefined for nothing. */
  fault({ method, path, responses }: Operation, { status, type, text }: Answered): string | undefined {
    if (status >= 500) return `answers ${status}`;
    if (!responses.includes(`${status}`)) return `answers ${status}, which is not said`;
    if (status >= 400) return this.problemFault(status, type, text);
    const where = [...operationAt(method, path), 'responses', `${status}`];
    const content = this.document.paths[path]?.[method]?.responses[status]?.content;
    if (!content) return text === '' ? undefined : 'sends a body that is not said';
    const [media = ''] = type.split(';');
    if (!(media in content)) return `answers ${type}`;
    // What is not JSON is text, and has suites of its own.
    if (media !== 'application/json') return undefined;
    return this.difference([...where, 'content', 'application/json', 'schema'], text);
  }

  private problemFault(status: number, type: string, text: string): string | undefined {
    if (!type.startsWith('application/problem+json')) return `refuses with ${type}`;
    const different = this.difference(['components', 'schemas', 'Problem'], text);
    if (different) return different;
    const problem = JSON.parse(text) as { status: number; code: string; errors?: { pointer: string }[] };
    if (problem.status !== status) return `says ${problem.status} in an answer that is ${status}`;
    // RFC 9457 §3.1.3, and the pointer of RFC 6901: who sent a wrong member learns which.
    if (problem.code === 'invalid_request' && status === 422 && !problem.errors?.length)
      return `refuses a request without saying where: ${text}`;
    return problem.errors?.every(({ pointer }) => pointer === '' || pointer.startsWith('/'))
      ? undefined
      : problem.errors && `points at nothing: ${text}`;
  }

  private difference(where: string[], text: string): string | undefined {
    const validate = this.validator(where);
    return validate(JSON.parse(text)) ? undefined : `is not what is said: ${this.ajv.errorsText(validate.errors)}`;
  }

  private validator(where: string[]): ValidateFunction {
    const $ref = `api#/${where.map(escaped).join('/')}`;
    const found = this.validators.get($ref) ?? this.ajv.compile({ $ref });
    this.validators.set($ref, found);
    return found;
  }
}

const operationAt = (method: string, path: string): string[] => ['paths', path, method];

/** RFC 6901 §6: a pointer in a fragment. */
const escaped = (step: string): string => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'));
