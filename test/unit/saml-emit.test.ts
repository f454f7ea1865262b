// What a service provider sends, to the letter: SAML Core §3, SAML Bindings §3.4 and §3.5, SAML Metadata §2.4.4.
import { verify } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { authnRequest, logoutRequest, logoutResponse, type Message } from '../../src/saml/emit.js';
import { serviceProviderMetadata } from '../../src/saml/metadata.js';
import { bodyOf, send } from '../../src/saml/sending.js';
import { xmlns } from '../../src/saml/vocabulary.js';
import { samlKey } from '../support/saml/keys.js';
import { hasXmlsec, xmlsecVerifies } from '../support/xmlsec.js';

const key = samlKey();
const other = samlKey();
const at = new Date('2026-11-22T11:12:13.456Z');
const addressed = { issuer: 'https://id.example/saml/1/metadata', destination: 'https://idp.example/sso', at };
const plain = { ...addressed, acs: 'https://id.example/saml/1/acs', forceAuthn: false, isPassive: false, contexts: [] };
const nameId = { value: 'mia@example.com', format: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress' };
const until = new Date(at.getTime() + 300_000);

const messages: [name: string, Message][] = [
  ['AuthnRequest', authnRequest(plain)],
  ['LogoutRequest', logoutRequest({ ...addressed, until, nameId, sessionIndexes: ['_s1'] })],
  ['LogoutResponse', logoutResponse({ ...addressed, inResponseTo: '_r1', status: 'success' })],
];

async function posted(message: Message): Promise<string> {
  const sent = await send('post', message, undefined, key);
  if (sent.kind !== 'post') throw new Error('not a form');
  return Buffer.from(sent.fields[message.parameter] ?? '', 'base64').toString();
}

async function redirected(message: Message, relayState?: string): Promise<string> {
  const sent = await send('redirect', message, relayState, key);
  if (sent.kind !== 'redirect') throw new Error('no redirect');
  return sent.address;
}

describe('an AuthnRequest (SAML Core §3.4.1)', () => {
  it('names itself, us, where it goes and where the answer goes', () => {
    const { id, xml } = authnRequest({
      ...plain,
      nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    });
    expect(xml).toBe(
      `<samlp:AuthnRequest xmlns:samlp="${xmlns.samlp}" xmlns:saml="${xmlns.saml}" ID="${id}" Version="2.0" IssueInstant="2026-11-22T11:12:13.456Z"` +
        ' Destination="https://idp.example/sso" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" AssertionConsumerServiceURL="https://id.example/saml/1/acs">' +
        '<saml:Issuer>https://id.example/saml/1/metadata</saml:Issuer>' +
        '<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" AllowCreate="true"/></samlp:AuthnRequest>',
    );
  });

  it('has an id of its own, of 160 bits, that is an NCName', () => {
    const ids = new Set(Array.from({ length: 100 }, () => authnRequest(plain).id));
    expect(ids.size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^_[0-9a-f]{40}$/);
  });

  it.each([
    ['ForceAuthn="true"', { forceAuthn: true }],
    ['IsPassive="true"', { isPassive: true }],
    [
      '<samlp:RequestedAuthnContext Comparison="exact"><saml:AuthnContextClassRef>urn:a</saml:AuthnContextClassRef><saml:AuthnContextClassRef>urn:b</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>',
      { contexts: ['urn:a', 'urn:b'] },
    ],
  ])('says %s where it is asked for, and not else', (words, change) => {
    expect(authnRequest({ ...plain, ...change }).xml).toContain(words);
    expect(authnRequest(plain).xml).not.toContain(words.split('=')[0]);
  });
});

describe('a LogoutRequest (SAML Core §3.7.1)', () => {
  it('names the person as the identity provider did, the sessions, and until when it is good', () => {
    const qualified = { ...nameId, name_qualifier: 'idp', sp_name_qualifier: 'sp' };
    const { xml } = logoutRequest({ ...addressed, until, nameId: qualified, sessionIndexes: ['_s1', '_s2'] });
    expect(xml).toContain('NotOnOrAfter="2026-11-22T11:17:13.456Z"');
    expect(xml).toContain(
      `<saml:NameID Format="${nameId.format}" NameQualifier="idp" SPNameQualifier="sp">mia@example.com</saml:NameID>` +
        '<samlp:SessionIndex>_s1</samlp:SessionIndex><samlp:SessionIndex>_s2</samlp:SessionIndex></samlp:LogoutRequest>',
    );
  });
});

describe('a LogoutResponse (SAML Core §3.7.2)', () => {
  it('names what it answers, and how that ended', () => {
    const { xml } = logoutResponse({ ...addressed, inResponseTo: '_r1', status: 'responder' });
    expect(xml).toContain('InResponseTo="_r1"');
    expect(xml).toContain('<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"/>');
  });
});

describe('a value is never markup', () => {
  it.each([
    ['an element', '</saml:Issuer><saml:Issuer>evil'],
    ['an attribute', '" ID="evil'],
    ['an entity', '&evil;'],
    ['a tag of a template', '{ID}'],
    ['an end of CDATA', ']]>'],
  ])('%s is escaped in text and in attributes', (_, value) => {
    const { xml } = authnRequest({ ...plain, issuer: value, acs: value });
    const escaped = value
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;');
    expect(xml).toContain(`<saml:Issuer>${escaped}</saml:Issuer>`);
    expect(xml).toContain(`AssertionConsumerServiceURL="${escaped}"`);
  });

  it.each(['\0', '\u0001', '\b', '\t', '\n', '\r', '\u007f', '\u0085', '\ud800', '\udfff', '\ufffe', '\uffff'])(
    'control characters are refused: %j',
    (character) => {
      const bad = { ...nameId, value: `mia${character}@example.com` };
      expect(() => logoutRequest({ ...addressed, until, nameId: bad, sessionIndexes: [] })).toThrow('no place in XML');
      expect(() => authnRequest({ ...plain, acs: `https://id.example/${character}` })).toThrow('no place in XML');
    },
  );

  it('other characters are what they are', () => {
    const name = { ...nameId, value: 'Zoë 🦊 Łukasz' };
    expect(logoutRequest({ ...addressed, until, nameId: name, sessionIndexes: [] }).xml).toContain('>Zoë 🦊 Łukasz<');
  });
});

describe('the redirect binding (SAML Bindings §3.4)', () => {
  it.each(messages)('%s: the signature is over the octets of the query, in this order', async (_, message) => {
    const address = await redirected(message, 'state/with&chars=');
    const query = address.slice(address.indexOf('?') + 1);
    const [octets = '', signature = ''] = query.split('&Signature=');
    expect([...new URLSearchParams(octets).keys()]).toEqual([message.parameter, 'RelayState', 'SigAlg']);
    expect(new URLSearchParams(octets).get('SigAlg')).toBe('http://www.w3.org/2001/04/xmldsig-more#rsa-sha256');
    const bytes = Buffer.from(decodeURIComponent(signature), 'base64');
    expect(verify('RSA-SHA256', Buffer.from(octets), key.certificate, bytes)).toBe(true);
    expect(verify('RSA-SHA256', Buffer.from(octets), other.certificate, bytes)).toBe(false);
    const sent = new URLSearchParams(octets).get(message.parameter) ?? '';
    expect(inflateRawSync(Buffer.from(sent, 'base64')).toString()).toBe(message.xml);
  });

  it('a message has no signature within it, and none at all where nothing is signed', async () => {
    const [, message] = messages[0] as [string, Message];
    expect(message.xml).not.toContain('Signature');
    const sent = await send('redirect', message, 'x');
    expect(sent).toEqual({ kind: 'redirect', address: expect.not.stringMatching(/Sig/) });
  });

  it('an address that has a query keeps it', async () => {
    const message = authnRequest({ ...plain, destination: 'https://idp.example/sso?tenant=1' });
    expect(await redirected(message)).toMatch(/^https:\/\/idp\.example\/sso\?tenant=1&SAMLRequest=/);
  });
});

describe('the POST binding (SAML Bindings §3.5)', () => {
  it.each(messages)('%s: one signature over all of it, after the Issuer', async (name, message) => {
    const xml = await posted(message);
    expect(xml.match(/<ds:Signature /g)).toHaveLength(1);
    expect(xml).toMatch(new RegExp(`^<samlp:${name} [^>]+><saml:Issuer>[^<]+</saml:Issuer><ds:Signature `));
    expect(xml).toContain(`<ds:Reference URI="#${message.id}">`);
    expect(xml.replace(/<ds:Signature .*<\/ds:Signature>/, '')).toBe(message.xml);
  });

  it('RelayState is a field of its own', async () => {
    const [, message] = messages[0] as [string, Message];
    const sent = await send('post', message, 'opaque', key);
    expect(sent).toMatchObject({ action: 'https://idp.example/sso', fields: { RelayState: 'opaque' } });
  });
});

/** `apt-get install xmlsec1`; skipped where it is not installed. */
(hasXmlsec ? describe : describe.skip)('xmlsec1 verifies what we emit', () => {
  it.each(messages)('%s', async (name, message) => {
    const xml = await posted(message);
    expect(xmlsecVerifies(xml, key.certificate, [xmlns.samlp, name])).toBe(true);
    expect(xmlsecVerifies(xml, other.certificate, [xmlns.samlp, name])).toBe(false);
    const changed = xml.replace('idp.example', 'evil.example');
    expect(xmlsecVerifies(changed, key.certificate, [xmlns.samlp, name])).toBe(false);
  });
});

describe('our metadata (SAML Metadata §2.4.4)', () => {
  const addresses = {
    entityId: 'https://id.example/saml/1/metadata',
    acs: 'https://id.example/saml/1/acs',
    slo: 'https://id.example/saml/1/slo',
  };
  const xml = serviceProviderMetadata(
    addresses,
    { signing: [key.certificate, other.certificate], encryption: [key.certificate] },
    { signsRequests: true, nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' },
  );

  it('says who we are, where messages go, and that assertions are to be signed', () => {
    expect(xml).toContain('entityID="https://id.example/saml/1/metadata"');
    expect(xml).toContain('AuthnRequestsSigned="true" WantAssertionsSigned="true"');
    expect(xml).toContain(
      '<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://id.example/saml/1/acs" index="0" isDefault="true"/>',
    );
    expect(
      xml.match(
        /<md:SingleLogoutService Binding="[^"]+:HTTP-(Redirect|POST)" Location="https:\/\/id.example\/saml\/1\/slo"\/>/g,
      ),
    ).toHaveLength(2);
    expect(xml).toContain('<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>');
  });

  it('has every certificate by its use: both, while one replaces the other', () => {
    const certificates = [...xml.matchAll(/use="(\w+)">.*?<ds:X509Certificate>([^<]+)</g)].map(([, use, body]) => [
      use,
      body,
    ]);
    expect(certificates).toEqual([
      ['signing', bodyOf(key.certificate)],
      ['signing', bodyOf(other.certificate)],
      ['encryption', bodyOf(key.certificate)],
    ]);
  });

  it('asks for encryption that shows what was changed', () => {
    const methods = [...xml.matchAll(/EncryptionMethod Algorithm="([^"]+)"/g)].map(([, method = '']) => method);
    expect(methods.length).toBeGreaterThan(0);
    for (const method of methods) expect(method).toMatch(/gcm$|oaep/);
  });
});
