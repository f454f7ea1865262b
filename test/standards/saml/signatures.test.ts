import { beforeAll, describe, expect, it } from '@jest/globals';
import { GateHouse } from '../../support/saml/gate-house.js';
import { HonestIdp } from '../../support/saml/honest-idp.js';
import { type SamlKey, samlKey } from '../../support/saml/keys.js';
import { ENVELOPED, EXCLUSIVE, RSA_SHA256, type Signing } from '../../support/saml/sign.js';
import { changed } from './signatures.js';

const MORE = 'http://www.w3.org/2001/04/xmldsig-more#';
const INCLUSIVE = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315';
const DSIG = 'http://www.w3.org/2000/09/xmldsig#';

describe('a signature that is not one, or not of whom it must be (XML Signature §4, SAML Core §5.4)', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const respond = (signing?: Signing) => house.respond({ ...(signing && { signing }) });

  it.each(changed)('%s', async (_, change, reason) => {
    const xml = respond();
    expect(change(xml)).not.toBe(xml);
    expect(await house.outcome(change(xml))).toBe(reason);
    expect(await house.outcome(xml)).toBe('taken');
  });

  /** What the identity provider itself has signed, in a way that does not count. */
  it.each<[what: string, how: Signing, reason: string]>([
    ['SHA-1 for the signature', { algorithm: `${DSIG}rsa-sha1` }, 'assertion_signature_algorithm'],
    ['SHA-1 for the digest', { digest: `${DSIG}sha1` }, 'assertion_digest_algorithm'],
    [
      'inclusive canonicalisation of what is signed',
      { transforms: [ENVELOPED, INCLUSIVE] },
      'assertion_signature_transforms',
    ],
    [
      'no canonicalisation of what is signed, which means inclusive',
      { transforms: [ENVELOPED] },
      'assertion_signature_transforms',
    ],
    [
      'canonicalisation with comments',
      { transforms: [ENVELOPED, `${EXCLUSIVE}WithComments`] },
      'assertion_signature_transforms',
    ],
    [
      'canonicalisation before the signature is taken out',
      { transforms: [EXCLUSIVE, ENVELOPED] },
      'assertion_signature_transforms',
    ],
    [
      'inclusive canonicalisation of the signature',
      { canonicalization: INCLUSIVE },
      'assertion_signature_canonicalization',
    ],
    [
      'canonicalisation with comments of the signature',
      { canonicalization: `${EXCLUSIVE}WithComments` },
      'assertion_signature_canonicalization',
    ],
  ])('%s is refused, though rightly signed', async (_, signing, reason) => {
    expect(await house.outcome(respond(signing))).toBe(reason);
  });

  it.each<[string, Signing]>([
    ['RSA with SHA-384', { algorithm: `${MORE}rsa-sha384` }],
    ['RSA with SHA-512', { algorithm: `${MORE}rsa-sha512`, digest: 'http://www.w3.org/2001/04/xmlenc#sha512' }],
    ['RSA-PSS', { algorithm: 'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1' }],
    ['a default namespace in the signature', { prefix: '' }],
  ])('%s is taken', async (_, signing) => {
    for (const sign of ['assertion', 'response', 'both'] as const)
      expect(await house.outcome(house.respond({ sign, signing }))).toBe('taken');
  });

  const trust = (key: SamlKey, ...more: SamlKey[]) => ({
    idp: { entity_id: house.idp.entityId, certificates: [key, ...more].map(({ certificate }) => certificate) },
  });

  it.each(['P-256', 'P-384'] as const)('ECDSA of %s is taken', async (kind) => {
    const key = samlKey(kind);
    const xml = new HonestIdp(house.idp.entityId, key).respond(house.to, {
      signing: { algorithm: `${MORE}ecdsa-sha256` },
    });
    expect(await house.outcome(xml, trust(key))).toBe('taken');
    expect(await house.outcome(xml)).toBe('assertion_signature_value');
  });

  it.each<[Parameters<typeof samlKey>[0], string]>([
    ['RSA 1024', RSA_SHA256],
    ['P-224', `${MORE}ecdsa-sha256`],
    ['secp256k1', `${MORE}ecdsa-sha256`],
  ])('a key of %s counts as none, though it was configured', async (kind, algorithm) => {
    const key = samlKey(kind);
    const xml = new HonestIdp(house.idp.entityId, key).respond(house.to, { signing: { algorithm } });
    expect(await house.outcome(xml, trust(key))).toBe('signature_certificates');
    expect(await house.outcome(xml, trust(key, house.idp.key))).toBe('assertion_signature_value');
  });

  it('a certificate that the message brings says nothing (certificate faking)', async () => {
    const xml = new HonestIdp(house.idp.entityId, house.stranger).respond(house.to);
    expect(xml).toContain('<ds:X509Certificate>');
    expect(await house.outcome(xml)).toBe('assertion_signature_value');
    expect(await house.outcome(xml, trust(house.stranger))).toBe('taken');
  });

  it('of several certificates each is tried, while one takes the place of another', async () => {
    const xml = respond();
    expect(await house.outcome(xml, trust(house.stranger, house.idp.key))).toBe('taken');
    expect(await house.outcome(xml, trust(house.idp.key, house.stranger))).toBe('taken');
    expect(await house.outcome(xml, trust(house.stranger))).toBe('assertion_signature_value');
    const broken = { idp: { entity_id: house.idp.entityId, certificates: ['no certificate'] } };
    expect(await house.outcome(xml, broken)).toBe('signature_certificates');
  });

  it('both are verified where both are signed: neither vouches for the other', async () => {
    const assertions = house.respond().match(/<saml:Assertion .*<\/saml:Assertion>/s)?.[0] ?? '';
    const other = new HonestIdp(house.idp.entityId, house.stranger);
    expect(await house.outcome(other.respond(house.to, { sign: 'response', response: { assertions } }))).toBe(
      'response_signature_value',
    );
    const forged = other.respond(house.to).match(/<saml:Assertion .*<\/saml:Assertion>/s)?.[0] ?? '';
    expect(await house.outcome(house.respond({ sign: 'response', response: { assertions: forged } }))).toBe(
      'assertion_signature_value',
    );
  });
});
