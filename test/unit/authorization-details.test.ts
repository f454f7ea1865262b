import { describe, expect, it } from '@jest/globals';
import { beyond, type Detail, detailsTypeOf, isWithin, linesOf } from '../../src/features/resources/details.js';
import { problemOf } from '../../src/features/resources/details.problems.js';
import { DetailsType, DetailsTypes } from '../../src/features/resources/details-type.schema.js';

const payment = DetailsType.parse({
  type: 'payment_initiation',
  description: 'Make a payment',
  schema: {
    type: 'object',
    required: ['instructedAmount', 'creditorName'],
    properties: {
      actions: { type: 'array', items: { type: 'string', enum: ['initiate', 'status', 'cancel'] }, uniqueItems: true },
      instructedAmount: {
        type: 'object',
        title: 'Amount',
        required: ['currency', 'amount'],
        properties: {
          currency: { type: 'string', enum: ['EUR', 'USD'], title: 'Currency' },
          amount: { type: 'string', minLength: 1, maxLength: 12 },
        },
      },
      creditorName: { type: 'string', title: 'To', maxLength: 40 },
      parts: { type: 'integer', minimum: 1, maximum: 12 },
      rate: { type: 'number', minimum: 0 },
      instant: { type: 'boolean', title: 'At once' },
      invoices: {
        type: 'array',
        title: 'Invoice',
        maxItems: 2,
        items: { type: 'object', properties: { number: { type: 'string' }, day: { type: 'integer' } } },
      },
    },
  },
});

const detail = (more: Record<string, unknown> = {}): Detail => ({
  type: 'payment_initiation',
  instructedAmount: { currency: 'EUR', amount: '123.50' },
  creditorName: 'Merchant A',
  ...more,
});

describe('authorization details and their type (RFC 9396 §5)', () => {
  it.each<[string, Record<string, unknown>]>([
    ['the members that are required', {}],
    [
      'all there are',
      { actions: ['initiate', 'status'], parts: 3, rate: 0.5, instant: false, invoices: [{ number: '1' }] },
    ],
    ['a list without entries', { actions: [] }],
    ['a location', { locations: ['https://bank.example/api'] }],
  ])('take %s', (_what, more) => {
    expect(problemOf(payment, detail(more))).toBeUndefined();
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['an unknown member', 'debtorName', { debtorName: 'x' }],
    [
      'an unknown member further in',
      'instructedAmount.fee',
      { instructedAmount: { currency: 'EUR', amount: '1', fee: '1' } },
    ],
    ['a wrong type', 'creditorName', { creditorName: 7 }],
    ['a list where one value belongs', 'creditorName', { creditorName: ['x'] }],
    ['a value nobody listed', 'actions.1', { actions: ['initiate', 'delete'] }],
    ['the same entry twice', 'actions', { actions: ['status', 'status'] }],
    ['a missing member', 'creditorName', { creditorName: undefined }],
    ['a missing member further in', 'instructedAmount.amount', { instructedAmount: { currency: 'EUR' } }],
    ['too long a text', 'creditorName', { creditorName: 'x'.repeat(41) }],
    ['an empty text', 'creditorName', { creditorName: '' }],
    ['a text with a line feed', 'creditorName', { creditorName: 'a\nb' }],
    ['a text that reads from the other side', 'creditorName', { creditorName: '\u202e05.321' }],
    ['a text with spaces around it', 'creditorName', { creditorName: ' x' }],
    ['a text of which a part is not seen', 'creditorName', { creditorName: 'A\u200bB' }],
    ['a text with tags that nobody sees', 'creditorName', { creditorName: 'A\u{e0041}\u{e007f}' }],
    ['a text of what looks like nothing', 'creditorName', { creditorName: '\u3164' }],
    ['a text with a variation selector', 'creditorName', { creditorName: 'A\ufe0f' }],
    ['a number out of bounds', 'parts', { parts: 13 }],
    ['a fraction of what is whole', 'parts', { parts: 1.5 }],
    ['no number', 'rate', { rate: '1' }],
    ['null', 'instant', { instant: null }],
    ['too many entries', 'invoices', { invoices: [{}, {}, {}] }],
    ['no location', 'locations', { locations: [] }],
    ['a prototype', '__proto__', JSON.parse('{"__proto__":{"x":1}}') as Record<string, unknown>],
  ])('do not take %s', (_what, member, more) => {
    const sent = { ...detail(), ...more };
    if (Object.hasOwn(more, '__proto__')) Object.defineProperty(sent, '__proto__', { value: {}, enumerable: true });
    expect(problemOf(payment, sent)).toBe(member);
  });

  it('show every value there is, under all that it is within', () => {
    const shown = linesOf(
      payment,
      detail({
        actions: ['initiate', 'status'],
        instant: true,
        parts: 2,
        invoices: [{ number: 'A' }, { number: 'B', day: 1 }],
      }),
    );
    expect(shown).toEqual([
      { labels: ['actions'], value: 'initiate' },
      { labels: ['actions'], value: 'status' },
      { labels: ['Amount', 'Currency'], value: 'EUR' },
      { labels: ['Amount', 'amount'], value: '123.50' },
      { labels: ['To'], value: 'Merchant A' },
      { labels: ['parts'], value: '2' },
      { labels: ['At once'], value: true },
      { labels: ['Invoice', '1', 'number'], value: 'A' },
      { labels: ['Invoice', '2', 'number'], value: 'B' },
      { labels: ['Invoice', '2', 'day'], value: '1' },
    ]);
    expect(linesOf(payment, detail({ actions: [], invoices: [{}] })).slice(0, 1)).toEqual([
      { labels: ['actions'], value: '[]' },
    ]);
    expect(linesOf(payment, detail({ invoices: [{}] })).at(-1)).toEqual({ labels: ['Invoice', '1'], value: '{}' });
  });

  it('are for the resource that has their type, and for no other location (§2.2)', () => {
    const bank = { identifier: 'https://bank.example/api', authorizationDetailsTypes: [payment] };
    expect(detailsTypeOf(bank, detail())).toBe(payment);
    expect(detailsTypeOf(bank, detail({ locations: ['https://bank.example/api'] }))).toBe(payment);
    expect(detailsTypeOf(bank, detail({ locations: ['https://bank.example/'] }))).toBeUndefined();
    expect(detailsTypeOf(bank, { type: 'other' })).toBeUndefined();
    expect(detailsTypeOf({ identifier: 'https://other.example' }, detail())).toBeUndefined();
  });

  it.each<[string, boolean, Record<string, unknown>, Record<string, unknown>]>([
    ['the same', true, {}, {}],
    ['the same in another order', true, { parts: 1, rate: 1 }, { rate: 1, parts: 1 }],
    ['fewer actions', true, { actions: ['status'] }, { actions: ['initiate', 'status'] }],
    ['more actions', false, { actions: ['initiate', 'status'] }, { actions: ['status'] }],
    ['no actions at all, which may mean all', false, { actions: [] }, { actions: ['status'] }],
    ['actions left out, which may mean all', false, {}, { actions: ['status'] }],
    ['actions where there were none', false, { actions: ['status'] }, {}],
    ['another amount', false, { instructedAmount: { currency: 'EUR', amount: '1' } }, {}],
    ['fewer entries of what only the resource understands', false, { invoices: [] }, { invoices: [{ number: '1' }] }],
    ['another type', false, { type: 'other' }, {}],
  ])('are within what was granted or not: %s (§6.1)', (_what, within, asked, granted) => {
    expect(isWithin(detail(asked), detail(granted))).toBe(within);
  });
});

describe('what is asked for at the token endpoint (RFC 9396 §6.1)', () => {
  const [one, two, less] = [detail(), detail({ creditorName: 'Merchant B' }), detail({ actions: ['status'] })];
  const both = detail({ actions: ['initiate', 'status'] });

  it.each<[string, Detail[], Detail[], Detail | undefined]>([
    ['nothing', [], [one], undefined],
    ['all of them', [two, one], [one, two], undefined],
    ['one of two', [two], [one, two], undefined],
    ['two that are alike, of two', [one, one], [one, one], undefined],
    ['two of one', [one, one], [one, two], one],
    ['two parts of one', [less, less], [both], less],
    ['a part of the one that another needs whole', [less, both], [both, less], undefined],
    ['what nobody granted', [one, two], [one], two],
  ])('has for each its own of what was granted: %s', (_what, asked, granted, left) => {
    expect(beyond(asked, granted)).toBe(left);
  });
});

describe('a type of authorization details', () => {
  const type = (schema: object, more: object = {}) => ({ type: 't', description: 'x', schema, ...more });
  const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

  /** So many objects with so many members each. */
  const grid = (rows: number, columns: number) =>
    Object.fromEntries(
      Array.from({ length: rows }, (_row, row) => [
        `row${row}`,
        object(Object.fromEntries(Array.from({ length: columns }, (_one, one) => [`m${one}`, { type: 'string' }]))),
      ]),
    );

  it.each<[string, object]>([
    ['a pattern, which would run on every request', type(object({ a: { type: 'string', pattern: '(a+)+$' } }))],
    ['a reference', type(object({ a: { $ref: '#' } }))],
    ['anything else than an object', type({ type: 'string' })],
    ['members that may be anything', type(object({}, { additionalProperties: true }))],
    ['a required member that there is not', type(object({ a: { type: 'string' } }, { required: ['b'] }))],
    ['a member named as one of everybody’s', type(object({ type: { type: 'string' } }))],
    ['a title that reads from the other side', type(object({ a: { type: 'string', title: '\u202eab' } }))],
    ['more levels than a page can show', type(object({ a: object({ b: object({ c: object({}) }) }) }))],
    ['a member named as one of every object’s', type(object({ toString: { type: 'string' } }))],
    ['more members than are read in time', type(object(grid(15, 15)))],
    ['a type with a space', type(object({}), { type: 'a b' })],
    ['a type named __proto__', type(object({}), { type: '__proto__' })],
    ['no words for the person', type(object({}), { description: '' })],
  ])('has no %s', (_what, said) => {
    expect(DetailsType.safeParse(said).success).toBe(false);
  });

  it('has no member named __proto__ afterwards', () => {
    const said = '{"type":"object","properties":{"__proto__":{"type":"string"},"a":{"type":"string"}}}';
    const { schema } = DetailsType.parse(type(JSON.parse(said) as object));
    expect(Object.keys(schema.properties)).toEqual(['a']);
  });

  it('is said once for a resource', () => {
    const one = type(object({}));
    expect(DetailsTypes.safeParse([one]).success).toBe(true);
    expect(DetailsTypes.safeParse([one, one]).success).toBe(false);
  });

  it('is one of so many that all of them are read in time', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_one, one) => type(object(grid(9, 20)), { type: `t${one}` }));
    expect(DetailsTypes.safeParse(many(5)).success).toBe(true);
    expect(DetailsTypes.safeParse(many(6)).success).toBe(false);
  });
});
