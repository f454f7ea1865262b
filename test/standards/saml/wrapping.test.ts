import { beforeAll, describe, expect, it } from '@jest/globals';
import { openAuthnRequest } from '../../../src/saml/gate-authn-request.js';
import { openLogoutRequest, openLogoutResponse } from '../../../src/saml/gate-logout.js';
import { byPost, GateHouse, said } from '../../support/saml/gate-house.js';
import type { WhatIsSigned } from '../../support/saml/honest-idp.js';
import { authnRequestXml, logoutRequestXml, logoutResponseXml } from '../../support/saml/messages.js';
import { signed } from '../../support/saml/sign.js';
import { apart, aroundAssertions, aroundMessages, ids } from './wrapping.js';

/** What the gate says of itself, before any library: a wrapped message is refused for what stands where. */
const structural =
  /^(xml_id|assertion_count|response_count|message_count|signature_placement|(response|assertion|message)_signature(_count|_shape|_reference)?)$/;

describe('signature wrapping: what was signed is there, and something else is read (SAML Core §5.4, XSW1 to XSW8)', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const asMallory = (xml: string) => xml.replaceAll('alice-4711', 'mallory').replaceAll('staff', 'owners');
  const signings: WhatIsSigned[] = ['assertion', 'response', 'both'];
  const wants = ['assertion', 'response', 'both', 'either'] as const;

  /** @returns each that was not refused for its structure, whatever is asked to be signed. */
  async function notRefused(xml: string, covered?: string): Promise<string[]> {
    const wrong: string[] = [];
    for (const one of wants) {
      const outcome = await house.outcome(xml, { wants: { signed: one, encrypted: false } });
      if (!structural.test(outcome) && outcome !== covered) wrong.push(`${one}: ${outcome}`);
    }
    return wrong;
  }

  /** An assertion without a signature of its own is covered by that of its response. */
  const coveredBy = (sign: WhatIsSigned) => (sign === 'response' ? 'response_digest_value' : undefined);

  describe.each(signings)('a Response of which is signed: %s', (sign) => {
    it('is taken as it was', async () => {
      expect(await house.outcome(house.respond({ sign }))).toBe('taken');
    });

    it.each(Object.keys(aroundAssertions))('the assertion, %s', async (form) => {
      const wrong: string[] = [];
      for (const id of ids) {
        const xml = house.respond({ sign });
        const parts = apart(xml, 'saml:Assertion', asMallory, id);
        const wrapped = xml.replace(parts.whole, () => aroundAssertions[form]?.(parts) ?? '');
        expect(wrapped).toContain('mallory');
        wrong.push(...(await notRefused(wrapped, coveredBy(sign))).map((one) => `${id}, ${one}`));
      }
      expect(wrong).toEqual([]);
    });

    it.each(Object.keys(aroundMessages))('the response, %s', async (form) => {
      const wrong: string[] = [];
      for (const id of ids) {
        const parts = apart(house.respond({ sign }), 'samlp:Response', asMallory, id);
        const wrapped = aroundMessages[form]?.(parts) ?? '';
        expect(wrapped).toContain('mallory');
        wrong.push(...(await notRefused(wrapped)).map((one) => `${id}, ${one}`));
      }
      expect(wrong).toEqual([]);
    });
  });

  const messages: [name: string, make: () => string, open: (xml: string) => Promise<string>][] = [
    [
      'AuthnRequest',
      () => authnRequestXml(house.between, { force_authn: 'true' }),
      async (xml) => said(await openAuthnRequest(byPost(xml), house.authnRequest)),
    ],
    [
      'LogoutRequest',
      () => logoutRequestXml(house.between),
      async (xml) => said(await openLogoutRequest(byPost(xml), house.logout)),
    ],
    [
      'LogoutResponse',
      () => logoutResponseXml(house.between),
      async (xml) => said(await openLogoutResponse(byPost(xml), house.logout)),
    ],
  ];

  describe.each(messages)('%s', (name, make, open) => {
    it('is taken as it was signed, and not unsigned', async () => {
      expect(await open(signed(make(), name, house.idp.key))).toBe('taken');
      expect(await open(make())).toBe('message_signature');
    });

    it.each(Object.keys(aroundMessages))('%s', async (form) => {
      const outcomes: string[] = [];
      for (const id of ids) {
        const parts = apart(signed(make(), name, house.idp.key), `samlp:${name}`, evilMessage, id);
        outcomes.push(await open(aroundMessages[form]?.(parts) ?? ''));
      }
      expect(outcomes.filter((one) => !structural.test(one))).toEqual([]);
    });
  });

  const evilMessage = (xml: string) =>
    xml
      .replace('alice-4711', 'mallory')
      .replace('ForceAuthn="true"', 'ForceAuthn="false"')
      .replace('_session1', '_session2');
});
