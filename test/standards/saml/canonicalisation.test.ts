import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../config/root.js';
import { Checks } from '../../../src/saml/gate-checks.js';
import { read } from '../../../src/saml/gate-message.js';
import { verified } from '../../../src/saml/gate-signature.js';
import { canonical } from '../../../src/saml/xml/canonical.js';

const vector = (name: string) => readFileSync(path.join(projectRoot, 'test/standards/saml/vectors', name), 'utf8');
const certificates = [vector('certificate.pem')];

describe('canonicalisation (Exclusive XML Canonicalization 1.0)', () => {
  it.each(['exclusive.xml', 'inclusive-namespaces.xml'])(
    'is that of libxml2: what xmlsec1 has signed is verified, and no change of it: %s',
    (name) => {
      const verify = (xml: string) => {
        const [signed] = read(xml).elements;
        return signed && verified(signed, { of: 'assertion', certificates }, new Checks()).xml;
      };
      const xml = vector(name);
      expect(verify(xml)).toContain('<saml:Empty></saml:Empty>');
      // Prefixes that a type is named with, and those that nothing is named with: the one changes it, the other does not.
      expect(verify(xml.replace('xmlns:unused="urn:unused"', '$& xmlns:more="urn:more"'))).toBe(verify(xml));
      for (const change of [
        (text: string) => text.replace('two ', 'two'),
        (text: string) => text.replace('a="1"', 'a="2"'),
        (text: string) => text.replace('xmlns:z="urn:a"', 'xmlns:z="urn:b"'),
        (text: string) => text.replace('<plain/>', ''),
        (text: string) => text.replace('xmlns:unused="urn:unused"', 'xmlns:unused="urn:used"'),
        (text: string) => text.replace('xml:lang="en"', 'xml:lang="fr"'),
      ])
        expect(() => verify(change(xml))).toThrow('assertion_digest_value');
    },
  );

  it.each([
    [
      'attributes by namespace, then by name',
      '<a b="2" a="1" xmlns:x="urn:b" xmlns:y="urn:a" x:a="3" y:b="4"/>',
      '<a xmlns:x="urn:b" xmlns:y="urn:a" a="1" b="2" y:b="4" x:a="3"></a>',
    ],
    [
      'a declaration where it is used',
      '<a xmlns:x="urn:x"><x:b/><x:b/></a>',
      '<a><x:b xmlns:x="urn:x"></x:b><x:b xmlns:x="urn:x"></x:b></a>',
    ],
    ['a default namespace that ends', '<a xmlns="urn:x"><b xmlns=""/></a>', '<a xmlns="urn:x"><b xmlns=""></b></a>'],
    ['one that never began', '<a><b xmlns=""/></a>', '<a><b></b></a>'],
    ['characters by number', '<a b="&#9;&#10;&#13;&#34;">&#13;&gt;</a>', '<a b="&#x9;&#xA;&#xD;&quot;">&#xD;&gt;</a>'],
    ['line ends', '<a b="1\r\n2">\r\n\r</a>', '<a b="1 2">\n\n</a>'],
    ['declaration and what is around the root', '<?xml version="1.0"?>\n<a/>\n', '<a></a>'],
  ])('%s', (_, xml, expected) => {
    expect(canonical(read(xml))).toBe(expected);
    expect(canonical(read(expected))).toBe(expected);
  });
});
