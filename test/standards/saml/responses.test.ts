import { beforeAll, describe, expect, it } from '@jest/globals';
import { GateHouse } from '../../support/saml/gate-house.js';
import type { WhatIsSigned } from '../../support/saml/honest-idp.js';
import { assertionXml, PASSWORD } from '../../support/saml/messages.js';
import { signed } from '../../support/saml/sign.js';
import { assertion, type Changes, ofResponses, response } from './mutations.js';
import { ofAssertions } from './mutations-assertions.js';

describe('one member of a Response is not what it must be (SAML Core §2, §3; SAML Profiles §4.1.4)', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const signings: WhatIsSigned[] = ['assertion', 'response', 'both'];
  const outcome = ({ how, expected }: Changes, sign: WhatIsSigned) =>
    house.outcome(house.respond({ ...how, sign }), expected);

  it.each([...ofResponses, ...ofAssertions])('$rule', async ({ refused, reason, taken }) => {
    for (const sign of signings) {
      expect([sign, await outcome(refused(house), sign)]).toEqual([sign, reason]);
    }
    expect(await outcome(taken?.(house) ?? {}, 'both')).toBe('taken');
  });

  it.each(signings)(
    'the check that failed is the last one, with what was seen and expected: signed is the %s',
    async (sign) => {
      const opened = await house.open(house.respond({ sign, assertion: { audiences: [['https://other.example']] } }));
      expect(opened.checks.slice(0, -1).every(({ passed }) => passed)).toBe(true);
      expect(opened.checks.at(-1)).toEqual({
        check: 'audience',
        passed: false,
        seen: ['https://other.example'],
        expected: house.to.sp,
      });
      expect(JSON.stringify(opened.checks)).not.toContain('alice');
    },
  );

  it('an ID is one (Core §1.3.4)', async () => {
    expect(await outcome(response({ id: null }), 'assertion')).toBe('id');
    expect(await outcome(response({ id: '1 2' }), 'assertion')).toBe('id');
    expect(await outcome(response({ id: '1 2' }), 'response')).toBe('response_signature_reference');
    expect(await outcome(assertion({ id: "_a'b" }), 'assertion')).toBe('assertion_signature_reference');
  });

  it('a response that is signed has a Destination and an Issuer; one that is not may leave them out', async () => {
    for (const changed of [{ destination: null }, { issuer: null }]) {
      const reason = 'destination' in changed ? 'destination' : 'issuer';
      expect(await outcome(response(changed), 'assertion')).toBe('taken');
      expect(await outcome(response(changed), 'response')).toBe(reason);
      expect(await outcome(response(changed), 'both')).toBe(reason);
    }
  });

  it('a response that nobody asked for is taken only where it answers nothing (Profiles §4.1.5)', async () => {
    const unasked = { request_id: null };
    const silent = {
      how: { response: { in_response_to: null }, assertion: { in_response_to: null } },
      expected: unasked,
    };
    expect(await outcome(silent, 'both')).toBe('taken');
    expect(await outcome({ expected: unasked }, 'both')).toBe('in_response_to');
    expect(await outcome({ how: { response: { in_response_to: null } }, expected: unasked }, 'both')).toBe(
      'confirmation_in_response_to',
    );
    expect(await outcome({ how: silent.how }, 'both')).toBe('in_response_to');
  });

  it('no assertion, and more than one, are none: also where each is signed', async () => {
    const one = () => signed(assertionXml(house.between), 'Assertion', house.idp.key);
    expect(await house.outcome(house.respond({ sign: 'neither', response: { assertions: '' } }))).toBe(
      'assertion_count',
    );
    expect(await house.outcome(house.respond({ sign: 'neither', response: { assertions: one() + one() } }))).toBe(
      'assertion_count',
    );
    expect(await house.outcome(house.respond({ sign: 'neither', response: { assertions: one() } }))).toBe('taken');
  });

  it.each([
    ['assertion', ['assertion', 'both']],
    ['response', ['response', 'both']],
    ['both', ['both']],
    ['either', ['assertion', 'response', 'both']],
  ] as const)('where signed must be: %s', async (wanted, enough) => {
    for (const sign of ['neither', ...signings] as const) {
      const expected = { wants: { signed: wanted, encrypted: false } };
      expect([sign, (await outcome({ expected }, sign)) === 'taken']).toEqual([
        sign,
        (enough as readonly string[]).includes(sign),
      ]);
    }
  });

  it('what it yields is what was said: who, since when, of which session, until when it is remembered', async () => {
    const opened = await house.open(
      house.respond({ assertion: { friendly: { email: 'mail' }, in_conditions: '<saml:OneTimeUse/>' } }),
    );
    const seconds = Math.floor(house.now.getTime() / 1000);
    expect(opened).toMatchObject({
      ok: true,
      value: {
        issuer: house.idp.entityId,
        in_response_to: house.to.request_id,
        subject: { value: 'alice-4711', format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' },
        attributes: { email: ['alice@example.com'], groups: ['staff', 'admins'] },
        friendly: { mail: ['alice@example.com'] },
        authn_instant: seconds - 10,
        authn_context: PASSWORD,
        session_index: '_session1',
        session_not_on_or_after: seconds + 3600,
        one_time_use: true,
        signed: 'assertion',
        encrypted: false,
      },
    });
    expect(opened.ok && opened.value.not_on_or_after).toBe(seconds + 300 + 60 + 1);
  });
});
