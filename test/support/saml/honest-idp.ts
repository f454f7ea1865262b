// An identity provider that does as SAML 2.0 says, and whatever a test has it say instead.
import { type Encryption, encrypted } from './encrypt.js';
import type { SamlKey } from './keys.js';
import {
  type AssertionSaid,
  assertionXml,
  type Between,
  type Changed,
  type ResponseSaid,
  responseXml,
} from './messages.js';
import { type Signing, signed } from './sign.js';

export type WhatIsSigned = 'assertion' | 'response' | 'both' | 'neither';

export interface Respond {
  sign?: WhatIsSigned;
  response?: Changed<ResponseSaid>;
  assertion?: Changed<AssertionSaid>;
  signing?: Signing;
  /** The certificate of the service provider. */
  encrypt_to?: string;
  encryption?: Encryption;
}

export class HonestIdp {
  constructor(
    readonly entityId: string,
    readonly key: SamlKey,
    readonly locations = { sso: `${entityId}/sso`, slo: `${entityId}/slo` },
  ) {}

  /** @returns XML: what `SAMLResponse` holds, before it is base64. */
  respond(to: Omit<Between, 'idp'>, how: Respond = {}): string {
    const between = { ...to, idp: this.entityId };
    const sign = how.sign ?? 'assertion';
    let assertion = assertionXml(between, how.assertion);
    if (sign === 'assertion' || sign === 'both') assertion = signed(assertion, 'Assertion', this.key, how.signing);
    if (how.encrypt_to) assertion = encrypted(assertion, how.encrypt_to, how.encryption);
    const response = responseXml(between, { assertions: assertion, ...how.response });
    return sign === 'response' || sign === 'both' ? signed(response, 'Response', this.key, how.signing) : response;
  }

  /** @param inside further attributes of EntityDescriptor, as `validUntil="…"`. */
  metadata(inside = ''): string {
    const binding = (name: string) => `urn:oasis:names:tc:SAML:2.0:bindings:${name}`;
    const certificate = this.key.certificate.replace(/-----[A-Z ]+-----|\s/g, '');
    const at = (name: string, location: string) =>
      ['HTTP-Redirect', 'HTTP-POST']
        .map((one) => `<${name} Binding="${binding(one)}" Location="${location}"/>`)
        .join('');
    return [
      `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${this.entityId}" ${inside}>`,
      '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">',
      '<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>',
      `<X509Certificate>${certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`,
      at('SingleLogoutService', this.locations.slo),
      '<NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</NameIDFormat>',
      at('SingleSignOnService', this.locations.sso),
      '</IDPSSODescriptor></EntityDescriptor>',
    ].join('');
  }
}
