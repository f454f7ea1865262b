// Prints the types and the table of operations that examples/api-client calls by, from the OpenAPI document.

interface Schema {
  [keyword: string]: unknown;
}

interface Printed {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

interface Operation {
  operationId: string;
  parameters?: { in?: string; name: string; required?: boolean; schema: Schema }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

export function apiClient(document: object): string {
  const { paths, components } = document as Printed;
  const names = new Names();
  for (const [name, schema] of Object.entries(components.schemas)) names.define(name, typeOf(schema));
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
  // What goes on without an end is no answer to a call.
  const operations = all.filter(({ responses }) => !responses['200']?.content?.['text/event-stream']);
  const types = operations.map((operation) => `  ${operation.operationId}: ${describe(operation, names)};`);
  const table = operations.map(({ operationId, method, path }) => `  ${operationId}: ['${method}', '${path}'],`);
  return [
    '// Generated from docs/openapi.json by `npm run generate`.',
    names.print(),
    `export interface Operations {\n${types.join('\n')}\n}`,
    `/** The method of each, and its path. */\nexport const operations: Readonly<Record<keyof Operations, readonly [string, string]>> = {\n${table.join('\n')}\n};`,
    '',
  ].join('\n\n');
}

/** What is long and said twice gets a name once. */
class Names {
  private readonly known = new Map<string, string>();
  private readonly lines: string[] = [];

  define(name: string, type: string): void {
    this.known.set(type, name);
    this.lines.push(`type ${name} = ${type};`);
  }

  of(name: string, type: string): string {
    if (type.length < 80) return type;
    if (!this.known.has(type)) this.define(name, type);
    return this.known.get(type) ?? type;
  }

  print(): string {
    return this.lines.join('\n\n');
  }
}

function describe(operation: Operation, names: Names): string {
  const { operationId, parameters = [], requestBody, responses } = operation;
  const name = operationId.charAt(0).toUpperCase() + operationId.slice(1);
  const [body] = Object.values(requestBody?.content ?? {});
  const [status] = Object.keys(responses);
  const [answer] = Object.values(responses[status ?? '']?.content ?? {});
  const members = [
    ...['path', 'query'].map((place) => `${place}: ${placed(parameters, place)}`),
    `body: ${body ? names.of(`${name}Body`, typeOf(body.schema)) : 'undefined'}`,
    `answer: ${answer ? names.of(`${name}Answer`, typeOf(answer.schema)) : 'undefined'}`,
  ];
  return `{ ${members.join('; ')} }`;
}

function placed(parameters: NonNullable<Operation['parameters']>, place: string): string {
  const here = parameters.filter((one) => one.in === place);
  if (here.length === 0) return 'Record<never, never>';
  return `{ ${here.map(({ name, required, schema }) => `${name}${required ? '' : '?'}: ${typeOf(schema)}`).join('; ')} }`;
}

/** In TypeScript what JSON Schema says of the kind of a value; bounds and patterns are the server's to check. */
function typeOf(schema: Schema): string {
  if (typeof schema.$ref === 'string') return schema.$ref.split('/').at(-1) ?? 'unknown';
  if ('const' in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return union(schema.enum.map((one) => JSON.stringify(one)));
  const choices = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
  if (choices) return union(choices.map(typeOf));
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type })));
  if (schema.type === 'object') return objectOf(schema);
  if (schema.type === 'array') return `Array<${typeOf((schema.items ?? {}) as Schema)}>`;
  return simple[String(schema.type)] ?? 'unknown';
}

const simple: Record<string, string> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  null: 'null',
};

function objectOf({ properties = {}, required = [], additionalProperties }: Schema): string {
  const members = Object.entries(properties as Record<string, Schema>).map(
    ([name, schema]) => `${JSON.stringify(name)}${(required as string[]).includes(name) ? '' : '?'}: ${typeOf(schema)}`,
  );
  const others =
    typeof additionalProperties === 'object' ? `Record<string, ${typeOf(additionalProperties as Schema)}>` : undefined;
  if (members.length === 0) return others ?? 'Record<string, unknown>';
  const listed = `{ ${members.join('; ')} }`;
  return others ? `(${listed} & Record<string, unknown>)` : listed;
}

const union = (types: string[]): string => {
  const all = [...new Set(types)];
  return all.length === 1 ? (all[0] ?? 'never') : `(${all.join(' | ')})`;
};
