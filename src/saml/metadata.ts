// Our metadata as a service provider (SAML Metadata §2.4.4), a document for each connection: what its identity provider is told of us.

import { bodyOf } from './sending.js';
import { bindings, xmlns } from './vocabulary.js';
import { element } from './writing.js';

export interface ServiceProviderAddresses {
  entityId: string;
  acs: string;
  slo: string;
}

/**
 * @param keys.signing what we sign with, and what we are about to sign with: both while one replaces the other
 * @param keys.encryption what may be encrypted for
 */
export function serviceProviderMetadata(
  addresses: ServiceProviderAddresses,
  keys: { signing: readonly string[]; encryption: readonly string[] },
  settings: { signsRequests: boolean; nameIdFormat?: string | undefined },
): string {
  const { xml } = element(
    'md:EntityDescriptor',
    { 'xmlns:md': xmlns.md, 'xmlns:ds': xmlns.ds, entityID: addresses.entityId },
    element(
      'md:SPSSODescriptor',
      {
        protocolSupportEnumeration: xmlns.samlp,
        AuthnRequestsSigned: settings.signsRequests,
        WantAssertionsSigned: true,
      },
      ...keys.signing.map((certificate) => keyDescriptor('signing', certificate)),
      ...keys.encryption.map((certificate) => keyDescriptor('encryption', certificate)),
      ...Object.values(bindings).map((Binding) =>
        element('md:SingleLogoutService', { Binding, Location: addresses.slo }),
      ),
      settings.nameIdFormat === undefined ? undefined : element('md:NameIDFormat', {}, settings.nameIdFormat),
      element('md:AssertionConsumerService', {
        Binding: bindings.post,
        Location: addresses.acs,
        index: '0',
        isDefault: true,
      }),
    ),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xml}\n`;
}

const keyDescriptor = (use: 'signing' | 'encryption', certificate: string) =>
  element(
    'md:KeyDescriptor',
    { use },
    element('ds:KeyInfo', {}, element('ds:X509Data', {}, element('ds:X509Certificate', {}, bodyOf(certificate)))),
    ...(use === 'encryption' ? encryption.map((Algorithm) => element('md:EncryptionMethod', { Algorithm })) : []),
  );

/** What the gate opens, and nothing else: GCM, which shows what was changed, with keys under OAEP. */
const encryption = [
  'http://www.w3.org/2009/xmlenc11#aes256-gcm',
  'http://www.w3.org/2009/xmlenc11#aes128-gcm',
  'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
  'http://www.w3.org/2009/xmlenc11#rsa-oaep',
];
