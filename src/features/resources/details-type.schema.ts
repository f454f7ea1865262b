// What authorization details of one type hold (RFC 9396 §2): a JSON Schema of a few keywords, each of which a page can show. No pattern and no
// reference: what an administrator writes here runs on every request.
import { z } from 'zod';
import { plainText } from '../../platform/text.js';

/** What the person reads beside the value; absent: the name of the member. */
const title = plainText(80).optional();
const count = (most: number) => z.int().min(0).max(most).optional();
const number = z.number().optional();

const string = z.strictObject({
  type: z.literal('string'),
  title,
  enum: z.array(plainText(200)).min(1).max(100).optional(),
  minLength: count(2000),
  maxLength: count(2000),
});
const numeric = { title, minimum: number, maximum: number };
const scalars = [
  string,
  z.strictObject({ type: z.literal('number'), ...numeric }),
  z.strictObject({ type: z.literal('integer'), ...numeric }),
  z.strictObject({ type: z.literal('boolean'), title }),
] as const;

/** Members that say what the rest is (§2), where it is (§2.2), or what every object has. */
const MemberName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/, 'must begin with a letter, and hold letters, digits and _ . : - only')
  .refine((name) => name !== 'type' && name !== 'locations' && !(name in Object.prototype), { message: 'is taken' });

const arrayOf = <T extends z.ZodType>(items: T) =>
  z.strictObject({
    type: z.literal('array'),
    title,
    items,
    minItems: count(50),
    maxItems: count(50),
    uniqueItems: z.boolean().optional(),
  });

const objectOf = <T extends z.ZodType>(member: T) =>
  z
    .strictObject({
      type: z.literal('object'),
      title,
      properties: z
        .record(MemberName, member)
        .refine((all) => Object.keys(all).length <= 50, { message: 'must be 50 or fewer' }),
      required: z.array(MemberName).max(50).optional(),
    })
    .refine(({ properties, required = [] }) => required.every((name) => Object.hasOwn(properties, name)), {
      path: ['required'],
      message: 'must be among the properties',
    });

/** Both are read at each request that holds details, and lie in memory for all tenants. */
const most = { membersOfType: 200, membersOfResource: 1000 };

/** Every value that the schema describes, the entries of a list counted once. */
function membersOf(schema: DetailsSchema): number {
  if (schema.type === 'array') return 1 + membersOf(schema.items);
  if (schema.type !== 'object') return 1;
  return Object.values(schema.properties).reduce((sum, member) => sum + membersOf(member), 1);
}

/** So deep that a page can still show where each value belongs. */
const innermost = z.discriminatedUnion('type', [...scalars]);
const inner = z.union([innermost, arrayOf(innermost), objectOf(innermost)]);
const outer = z.union([innermost, arrayOf(inner), objectOf(inner)]);

export const DetailsType = z.strictObject({
  type: z
    .string()
    .max(256)
    .regex(/^[A-Za-z][\x21\x23-\x5b\x5d-\x7e]*$/, 'must be a name or a URI without spaces'),
  description: plainText(300).meta({ description: 'What the person allows with one, as it stands above its values' }),
  schema: objectOf(outer).refine((schema) => membersOf(schema) <= most.membersOfType, {
    message: `must have ${most.membersOfType} members or fewer`,
  }),
});
export type DetailsType = z.infer<typeof DetailsType>;

type Scalar = z.infer<typeof innermost>;
export type DetailsSchema =
  | Scalar
  | {
      type: 'array';
      title?: string | undefined;
      items: DetailsSchema;
      minItems?: number | undefined;
      maxItems?: number | undefined;
      uniqueItems?: boolean | undefined;
    }
  | DetailsObject;
export interface DetailsObject {
  type: 'object';
  title?: string | undefined;
  properties: Readonly<Record<string, DetailsSchema>>;
  required?: readonly string[] | undefined;
}

export const DetailsTypes = z
  .array(DetailsType)
  .max(50)
  .refine((all) => new Set(all.map(({ type }) => type)).size === all.length, { message: 'types must differ' })
  .refine((all) => all.reduce((sum, { schema }) => sum + membersOf(schema), 0) <= most.membersOfResource, {
    message: `must have ${most.membersOfResource} members or fewer together`,
  })
  .meta({ description: 'Authorization details this resource takes (RFC 9396), and what they hold' });
