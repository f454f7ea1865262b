import { beforeAll, describe, expect, it } from '@jest/globals';
import { readIdpMetadata } from '../../../src/saml/gate-metadata.js';
import { said } from '../../support/saml/gate-house.js';
import { HonestIdp } from '../../support/saml/honest-idp.js';
import { samlKey } from '../../support/saml/keys.js';

const MD = 'urn:oasis:names:tc:SAML:2.0:metadata';

describe('metadata of an identity provider (SAML Metadata §2)', () => {
  let idp: HonestIdp;
  let other: HonestIdp;
  let weak: string;
  const now = new Date('2026-11-22T12:00:00Z');
  beforeAll(() => {
    idp = new HonestIdp('https://idp.example/saml', samlKey());
    other = new HonestIdp('https://other.example/saml', samlKey());
    weak = new HonestIdp('https://weak.example', samlKey('RSA 1024')).metadata();
  });
  const readXml = (xml: string | Buffer, entity?: string) =>
    readIdpMetadata(Buffer.from(xml), { now, ...(entity !== undefined && { entity_id: entity }) });
  const keyOf = (xml: string) => /<KeyDescriptor .*?<\/KeyDescriptor>/s.exec(xml)?.[0] ?? '';

  it('yields who it is, where it is asked, and by which keys it signs', async () => {
    expect(await readXml(idp.metadata('validUntil="2026-12-01T00:00:00Z"'))).toMatchObject({
      ok: true,
      value: {
        entity_id: 'https://idp.example/saml',
        sso: [
          { binding: 'redirect', location: 'https://idp.example/saml/sso' },
          { binding: 'post', location: 'https://idp.example/saml/sso' },
        ],
        slo: [{ binding: 'redirect' }, { binding: 'post' }],
        certificates: [idp.key.certificate],
        wants_requests_signed: false,
        name_id_formats: ['urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'],
        valid_until: Date.parse('2026-12-01T00:00:00Z') / 1000,
      },
    });
  });

  it.each<[what: string, change: (xml: string) => string, reason: string]>([
    ['something else', () => '<a/>', 'metadata_type'],
    ['of another namespace', (xml) => xml.replace(MD, 'urn:x'), 'metadata_type'],
    ['a document type', (xml) => `<!DOCTYPE a>${xml}`, 'xml_doctype'],
    ['no text', () => '\u0000', 'xml_malformed'],
    ['of no identity provider', (xml) => xml.replaceAll('IDPSSODescriptor', 'SPSSODescriptor'), 'metadata_entity'],
    ['of two roles', (xml) => xml.replace(/<IDPSSO.*<\/IDPSSODescriptor>/s, '$&$&'), 'metadata_role'],
    ['of another protocol', (xml) => xml.replace('SAML:2.0:protocol', 'SAML:1.1:protocol'), 'metadata_protocol'],
    [
      'that is over',
      (xml) => xml.replace('<EntityDescriptor ', '$&validUntil="2026-11-22T11:59:59Z" '),
      'metadata_valid_until',
    ],
    [
      'whose role is over',
      (xml) => xml.replace('<IDPSSODescriptor ', '$&validUntil="2026-11-22T11:59:59Z" '),
      'metadata_valid_until',
    ],
    [
      'whose end is no time',
      (xml) => xml.replace('<IDPSSODescriptor ', '$&validUntil="soon" '),
      'metadata_valid_until',
    ],
    ['without a name', (xml) => xml.replace(/entityID="[^"]*"/, 'entityID=""'), 'metadata_entity_id'],
    ['without a place to sign in', (xml) => xml.replace(/<SingleSignOnService [^>]*>/g, ''), 'metadata_sign_on'],
    [
      'with a place of a binding that is not known here alone',
      (xml) => xml.replace(/HTTP-(POST|Redirect)/g, 'SOAP'),
      'metadata_sign_on',
    ],
    [
      'with a place that is a script',
      (xml) => xml.replace('https://idp.example/saml/sso', 'javascript:alert(1)'),
      'metadata_location',
    ],
    [
      'with a place that holds a password',
      (xml) => xml.replace('https://idp.example/saml/sso', 'https://a:b@idp.example'),
      'metadata_location',
    ],
    [
      'with a place within a page',
      (xml) => xml.replace('https://idp.example/saml/sso', 'https://idp.example/#a'),
      'metadata_location',
    ],
    ['without a key', (xml) => xml.replace(keyOf(xml), ''), 'metadata_certificates'],
    [
      'with a key for encryption alone',
      (xml) => xml.replace('use="signing"', 'use="encryption"'),
      'metadata_certificates',
    ],
    ['with a key that is none', (xml) => xml.replace(/(<X509Certificate>)[^<]*/, '$1AAAA'), 'metadata_certificates'],
    ['with a weak key alone', (xml) => xml.replace(keyOf(xml), keyOf(weak)), 'metadata_certificates'],
  ])('%s is refused', async (_, change, reason) => {
    const xml = idp.metadata();
    expect(change(xml)).not.toBe(xml);
    expect(said(await readXml(change(xml)))).toBe(reason);
    expect(said(await readXml(xml))).toBe('taken');
  });

  it('of several keys each that is fit is taken, once, up to five; a key without a use signs as well', async () => {
    const xml = idp.metadata();
    const [own, more] = [keyOf(xml), keyOf(other.metadata())];
    const all = [own, own, keyOf(weak), more.replace(' use="signing"', '')].join('');
    expect(await readXml(xml.replace(own, all))).toMatchObject({
      value: { certificates: [idp.key.certificate, other.key.certificate] },
    });
  });

  it('of a federation the one that was asked for; without a name only where there is one', async () => {
    const federation = (...all: string[]) =>
      `<EntitiesDescriptor xmlns="${MD}" validUntil="2027-01-01T00:00:00Z">${all.join('')}</EntitiesDescriptor>`;
    const service = other.metadata().replaceAll('IDPSSODescriptor', 'SPSSODescriptor');
    const both = federation(idp.metadata(), federation(other.metadata()));
    expect(said(await readXml(both))).toBe('metadata_entity');
    expect(said(await readXml(both, 'https://nobody.example'))).toBe('metadata_entity');
    expect(await readXml(both, other.entityId)).toMatchObject({
      value: { entity_id: other.entityId, valid_until: Date.parse('2027-01-01T00:00:00Z') / 1000 },
    });
    expect(await readXml(federation(idp.metadata(), service))).toMatchObject({ value: { entity_id: idp.entityId } });
    expect(said(await readXml(federation(idp.metadata(), idp.metadata()), idp.entityId))).toBe('metadata_entity');
    expect(said(await readXml(idp.metadata(), other.entityId))).toBe('metadata_entity');
  });

  it('with a byte order mark, a declaration and comments, as people and their programs write it', async () => {
    const xml = `\ufeff<?xml version="1.0" encoding="utf-8"?>\n<!-- ours -->\n${idp.metadata().replace('<IDPSSODescriptor', '<!-- and this -->$&')}`;
    expect(said(await readXml(xml))).toBe('taken');
    expect(said(await readXml(Buffer.from(idp.metadata(), 'utf16le')))).toMatch(/^xml_/);
  });
});
