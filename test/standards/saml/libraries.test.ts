import { beforeAll, describe, expect, it } from '@jest/globals';
import { SAML } from '@node-saml/node-saml';
import samlify from 'samlify';
import { openAuthnRequest } from '../../../src/saml/gate-authn-request.js';
import { openLogoutRequest } from '../../../src/saml/gate-logout.js';
import { readIdpMetadata } from '../../../src/saml/gate-metadata.js';
import { GateHouse, said } from '../../support/saml/gate-house.js';
import { instant, PERSISTENT, SUCCESS } from '../../support/saml/messages.js';
import { RSA_SHA256 } from '../../support/saml/sign.js';

const binding = (name: string) => `urn:oasis:names:tc:SAML:2.0:bindings:HTTP-${name}`;

describe('what others make is taken: messages of samlify and of node-saml', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const queryOf = (url: string) => ({ binding: 'redirect', query: url.slice(url.indexOf('?') + 1) }) as const;

  /** Its own template has no AuthnStatement, which SAML Profiles §4.1.4.2 asks for. */
  const template = (now: Date) =>
    samlify.SamlLib.defaultLoginResponseTemplate.context.replace(
      '{AuthnStatement}',
      `<saml:AuthnStatement AuthnInstant="${instant(now)}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:x</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`,
    );

  const identityProvider = () =>
    samlify.IdentityProvider({
      entityID: house.idp.entityId,
      privateKey: house.idp.key.privateKey,
      signingCert: house.idp.key.certificate,
      requestSignatureAlgorithm: RSA_SHA256,
      nameIDFormat: [PERSISTENT],
      singleSignOnService: [{ Binding: binding('Redirect'), Location: house.idp.locations.sso }],
      singleLogoutService: [{ Binding: binding('POST'), Location: house.idp.locations.slo }],
      loginResponseTemplate: { context: template(house.now), attributes: [] },
    });

  it.each([
    ['the assertion', { wantAssertionsSigned: true }, 'assertion'],
    ['the assertion and the message', { wantAssertionsSigned: true, wantMessageSigned: true }, 'both'],
  ] as const)('a response of samlify that signs %s', async (_, wants, signedIs) => {
    const service = samlify.ServiceProvider({
      entityID: house.to.sp,
      ...wants,
      assertionConsumerService: [{ Binding: binding('POST'), Location: house.to.acs }],
    });
    const values = {
      ID: '_response1',
      AssertionID: '_assertion1',
      Destination: house.to.acs,
      Audience: house.to.sp,
      SubjectRecipient: house.to.acs,
      Issuer: house.idp.entityId,
      IssueInstant: instant(house.now),
      StatusCode: SUCCESS,
      ConditionsNotBefore: instant(house.now),
      ConditionsNotOnOrAfter: instant(house.now, 300),
      SubjectConfirmationDataNotOnOrAfter: instant(house.now, 300),
      NameIDFormat: PERSISTENT,
      NameID: 'alice-4711',
      InResponseTo: house.to.request_id,
      AttributeStatement: '',
    };
    const filled = (text: string) => ({ id: '_response1', context: samlify.SamlLib.replaceTagsByValue(text, values) });
    const { context } = await identityProvider().createLoginResponse(service, { extract: {} }, 'post', {}, filled);
    const opened = await house.open(Buffer.from(context, 'base64').toString());
    expect(said(opened)).toBe('taken');
    expect(opened).toMatchObject({
      value: { subject: { value: 'alice-4711' }, signed: signedIs, authn_context: 'urn:x' },
    });
  });

  it('metadata of samlify', async () => {
    const opened = await readIdpMetadata(Buffer.from(identityProvider().getMetadata()), { now: house.now });
    expect(opened).toMatchObject({
      ok: true,
      value: { entity_id: house.idp.entityId, certificates: [house.idp.key.certificate], slo: [{ binding: 'post' }] },
    });
  });

  it('requests of node-saml, in an address: an AuthnRequest, and a LogoutRequest', async () => {
    const client = new SAML({
      callbackUrl: house.authnRequest.sp.consumer_services[0]?.location ?? '',
      issuer: house.idp.entityId,
      idpCert: house.sp.certificate,
      entryPoint: house.to.acs,
      privateKey: house.idp.key.privateKey,
      signatureAlgorithm: 'sha256',
    });
    const asked = queryOf(await client.getAuthorizeUrlAsync('state', undefined, {}));
    expect(said(await openAuthnRequest(asked, house.authnRequest))).toBe('taken');
    const person = { issuer: house.idp.entityId, nameID: 'alice-4711', nameIDFormat: PERSISTENT, sessionIndex: '_1' };
    const ended = queryOf(await client.getLogoutUrlAsync(person, 'state', {}));
    expect(await openLogoutRequest(ended, house.logout)).toMatchObject({
      ok: true,
      value: { subject: { value: 'alice-4711', format: PERSISTENT }, session_index: ['_1'] },
    });
  });
});
