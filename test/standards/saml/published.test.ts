import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Checks, opened } from '../../../src/saml/gate-checks.js';
import { checkAgreement } from '../../../src/saml/gate-library.js';
import { read } from '../../../src/saml/gate-message.js';
import { GateHouse, said } from '../../support/saml/gate-house.js';
import { published } from './published.js';

describe('attacks on readers of SAML, as they were published', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });

  it.each(published)('$year: $what', async ({ attack, reason }) => {
    const xml = house.respond();
    expect(attack(xml)).not.toBe(xml);
    for (const signed of ['assertion', 'either'] as const)
      expect(await house.outcome(attack(xml), { wants: { signed, encrypted: false } })).toBe(reason);
    expect(await house.outcome(xml)).toBe('taken');
  });

  it('what is read after the signature was verified is what was signed, not what came', async () => {
    // Between the tags of a start, and in what is around the root, bytes may differ that no signature is over.
    const xml = `<?xml version="1.0"?>\n${house.respond().replace('<saml:Subject>', '<saml:Subject  >')}\n`;
    const answer = await house.open(xml);
    expect(answer).toMatchObject({ ok: true, value: { subject: { value: 'alice-4711' } } });
  });

  it.each(['assertion', 'response', 'both'] as const)(
    'whatever is changed in a message, it says the same or nothing: signed is the %s',
    async (sign) => {
      const xml = house.respond({ sign });
      const genuine = await house.open(xml);
      if (!genuine.ok) throw new Error(genuine.reason);
      const { response_id: _, ...facts } = genuine.value;
      const pieces = fc.constantFrom(
        '',
        '<',
        '>',
        '&',
        '"',
        ' ',
        '\n',
        'a',
        '<!-- -->',
        '&#65;',
        '<x/>',
        ' ID="_a"',
        ' xmlns="urn:x"',
      );
      const change = fc.tuple(fc.nat(xml.length - 1), fc.nat(3), pieces);
      await fc.assert(
        fc.asyncProperty(change, async ([at, length, piece]) => {
          const answer = await house.open(xml.slice(0, at) + piece + xml.slice(at + length));
          if (answer.ok) expect(answer.value).toMatchObject(facts);
          else expect(answer.reason).not.toBe('gate_failed');
        }),
        { numRuns: 400, seed: 2026 },
      );
    },
  );

  it.each([
    ['the issuer', { issuer: 'https://idp.example/other' }],
    ['the NameID', { subject: { value: 'mallory', format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' } }],
    ['the format of the NameID', { subject: { value: 'alice-4711' } }],
    ['the session', { session_index: '_other' }],
    ['an attribute', { attributes: { email: ['alice@example.com'], groups: ['staff', 'owners'] } }],
    [
      'one attribute more',
      { attributes: { email: ['alice@example.com'], groups: ['staff', 'admins'], role: ['owner'] } },
    ],
  ])('a library that reads %s otherwise ends it, whoever is right', async (_, changed) => {
    const xml = house.respond({ sign: 'both' });
    const answer = await house.open(xml);
    if (!answer.ok) throw new Error(answer.reason);
    const assertion = read(xml).elements.find(({ local }) => local === 'Assertion');
    if (!assertion) throw new Error('no assertion');
    const believed = { xml, plain: undefined, assertion, signedResponse: undefined, signedAssertion: undefined };
    const agreed = (facts: object) =>
      opened((checks: Checks) => checkAgreement(believed, { ...answer.value, ...facts }, house.expected, checks));
    expect(said(await agreed({}))).toBe('taken');
    expect(said(await agreed(changed))).toBe('library_disagrees');
  });

  it('a message that it does not verify is refused, though the gate would take it', async () => {
    const xml = house.respond();
    const assertion = read(xml).elements.find(({ local }) => local === 'Assertion');
    if (!assertion) throw new Error('no assertion');
    const answer = await house.open(xml);
    if (!answer.ok) throw new Error(answer.reason);
    const believed = {
      xml: xml.replace('alice-4711', 'alice-4712'),
      plain: undefined,
      assertion,
      signedResponse: undefined,
      signedAssertion: undefined,
    };
    const agreed = await opened((checks: Checks) => checkAgreement(believed, answer.value, house.expected, checks));
    expect(said(agreed)).toBe('library_disagrees');
  });
});
