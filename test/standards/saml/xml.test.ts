import { deflateRawSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { read } from '../../../src/saml/gate-message.js';
import { METADATA } from '../../../src/saml/xml/limits.js';
import { fromBase64, fromUtf8, inflated } from '../../../src/saml/xml/octets.js';
import { parseXml } from '../../../src/saml/xml/parse.js';
import { GateHouse } from '../../support/saml/gate-house.js';

const lol = '<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]><l>&c;</l>';

describe('XML that more than one reading has been made of (XML 1.0, Namespaces in XML)', () => {
  it.each([
    ['a document type', '<!DOCTYPE a><a/>', 'xml_doctype'],
    ['an external entity (XXE)', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', 'xml_doctype'],
    ['an external subset', '<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>', 'xml_doctype'],
    ['entities of entities (billion laughs)', lol, 'xml_doctype'],
    [
      'a document type with a quote in a comment (CVE-2025-25291)',
      '<!DOCTYPE a [<!-- " --><!ENTITY x "y">]><a/>',
      'xml_doctype',
    ],
    ['a document type within', '<a><!DOCTYPE b></a>', 'xml_doctype'],
    ['a declaration of an element outside a document type', '<a><!ELEMENT b ANY></a>', 'xml_doctype'],
    ['an entity that nobody has declared', '<a>&nbsp;</a>', 'xml_entity'],
    ['an entity that is a name of objects', '<a>&constructor;</a>', 'xml_entity'],
    ['a bare ampersand', '<a>1 & 2</a>', 'xml_malformed'],
    ['an entity without an end', '<a>&amp</a>', 'xml_malformed'],
    ['NUL by its number', '<a>&#0;</a>', 'xml_malformed'],
    ['half of a character by its number', '<a>&#xD800;</a>', 'xml_malformed'],
    ['no character by its number', '<a>&#x110000;</a>', 'xml_malformed'],
    ['NUL', '<a>\u0000</a>', 'xml_malformed'],
    ['a control character', '<a>\u0008</a>', 'xml_malformed'],
    ['a comment before the root', '<!-- --><a/>', 'xml_comment'],
    ['a comment within text', '<a>al<!-- -->ice</a>', 'xml_comment'],
    ['a comment behind the root', '<a/><!-- -->', 'xml_comment'],
    ['CDATA', '<a><![CDATA[b]]></a>', 'xml_cdata'],
    ['the end of CDATA in text', '<a>]]></a>', 'xml_malformed'],
    ['a processing instruction before the root', '<?xml-stylesheet href="a"?><a/>', 'xml_processing_instruction'],
    ['a processing instruction within text', '<a>al<?x y?>ice</a>', 'xml_processing_instruction'],
    ['a second declaration', '<?xml version="1.0"?><?xml version="1.0"?><a/>', 'xml_processing_instruction'],
    ['a declaration that does not stand first', ' <?xml version="1.0"?><a/>', 'xml_processing_instruction'],
    ['XML 1.1', '<?xml version="1.1"?><a/>', 'xml_malformed'],
    ['another encoding', '<?xml version="1.0" encoding="UTF-7"?><a/>', 'xml_encoding'],
    ['two roots (CVE-2022-39353)', '<a/><b/>', 'xml_malformed'],
    ['text behind the root', '<a/>b', 'xml_malformed'],
    ['text before the root', 'b<a/>', 'xml_malformed'],
    ['nothing', '', 'xml_malformed'],
    ['no end', '<a><b></b>', 'xml_malformed'],
    ['another end', '<a></b>', 'xml_malformed'],
    ['an end of another prefix', '<x:a xmlns:x="urn:x" xmlns:y="urn:x"></y:a>', 'xml_malformed'],
    ['an attribute twice', '<a b="1" b="2"/>', 'xml_malformed'],
    ['an attribute twice by two prefixes', '<a xmlns:x="urn:x" xmlns:y="urn:x" x:b="1" y:b="2"/>', 'xml_malformed'],
    ['an attribute without a value', '<a b/>', 'xml_malformed'],
    ['an attribute without quotes', '<a b=1/>', 'xml_malformed'],
    ['attributes without a space between', '<a b="1"c="2"/>', 'xml_malformed'],
    ['less-than in an attribute', '<a b="<"/>', 'xml_malformed'],
    ['a name that begins with a colon (CVE-2020-29511)', '<:a/>', 'xml_malformed'],
    ['a name of three parts (CVE-2020-29511)', '<x::a xmlns:x="urn:x"/>', 'xml_malformed'],
    ['a name outside ASCII', '<\u0430/>', 'xml_malformed'],
    ['a prefix that nobody has declared', '<x:a/>', 'xml_namespace'],
    ['a prefix of an attribute that nobody has declared', '<a x:b="1"/>', 'xml_namespace'],
    ['a prefix that is a name of objects', '<__proto__:a/>', 'xml_namespace'],
    ['a prefix that ends', '<x:a xmlns:x="urn:x"><x:b xmlns:x=""/></x:a>', 'xml_namespace'],
    ['xml for something else', '<a xmlns:xml="urn:x"/>', 'xml_namespace'],
    ['something else for xml', '<a xmlns:x="http://www.w3.org/XML/1998/namespace"/>', 'xml_namespace'],
    ['xmlns declared', '<a xmlns:xmlns="urn:x"/>', 'xml_namespace'],
    ['an attribute that begins like a declaration', '<a xmlnsx="urn:x"/>', 'xml_namespace'],
    ['a relative namespace, of which there is no canonical form (CVE-2025-66568)', '<a xmlns:x="1"/>', 'xml_namespace'],
    ['a namespace with a quote in it', `<a xmlns:x='urn:"'/>`, 'xml_namespace'],
    ['an ID twice', '<a ID="x"><b ID="x"/></a>', 'xml_id'],
    ['an ID twice by two names', '<a ID="x"><b Id="x"/></a>', 'xml_id'],
    ['two IDs of one element', '<a ID="x" id="y"/>', 'xml_id'],
    ['xml:id', '<a xml:id="x"/>', 'xml_id'],
    ['an ID of a namespace (attribute pollution)', '<a xmlns:x="urn:x" x:ID="x"/>', 'xml_id'],
    ['deeper than anything', '<a>'.repeat(33), 'xml_depth'],
    ['more elements than anything', `<a>${'<a/>'.repeat(10_000)}</a>`, 'xml_elements'],
    [
      'more attributes than anything',
      `<a ${Array.from({ length: 33 }, (_, n) => `b${n}="1"`).join(' ')}/>`,
      'xml_attributes',
    ],
    [
      'more namespaces than anything',
      `<a ${Array.from({ length: 17 }, (_, n) => `xmlns:b${n}="urn:x"`).join(' ')}/>`,
      'xml_namespace',
    ],
    ['larger than anything', `<a>${' '.repeat(512 * 1024)}</a>`, 'xml_size'],
  ])('%s is refused', (_, xml, reason) => {
    expect(() => read(xml)).toThrow(reason);
  });

  it.each([
    ['a declaration', '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<a/>', ''],
    ['the five entities and characters by number', '<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;</a>', `<>&"'A\u{1F600}`],
    ['quotes of both kinds', `<a b="'" c='"'>x</a>`, 'x'],
    ['white space where it may be', '<a\n b = "1"\t>x</a\n>', 'x'],
    ['an ID once, and others', '<a ID="x"><b ID="y"/></a>', undefined],
    ['as deep as may be', `${'<a>'.repeat(32)}${'</a>'.repeat(32)}`, undefined],
  ])('%s is read', (_, xml, text) => {
    expect(read(xml).text).toBe(text);
  });

  it('metadata may have comments between elements, and none that splits a text', () => {
    const reading = { limits: METADATA, comments: true };
    expect(parseXml('<!-- a --><a>\n<!-- > -->\n<b>x</b></a><!-- -->', reading).elements[0]?.text).toBe('x');
    for (const xml of ['<a>al<!-- -->ice</a>', '<a><!-- -->alice</a>', '<a>alice<!-- --></a>'])
      expect(() => parseXml(xml, reading)).toThrow('xml_comment');
    for (const xml of ['<a><!-- -- --></a>', '<a><!-- </a>', '<a><!--></a>'])
      expect(() => parseXml(xml, reading)).toThrow('xml_malformed');
  });
});

describe('octets that become text (RFC 4648, RFC 1951, RFC 3629)', () => {
  const bytes = (...all: number[]) => Buffer.from(all);

  it.each([
    ['base64url', '-_-_'],
    ['no padding', 'YQ'],
    ['too much padding', 'YWE=='],
    ['padding within', 'YQ==YQ=='],
    ['bits left over', 'YR=='],
    ['nothing', ''],
    ['something else', 'YWE*'],
  ])('base64 with %s is refused', (_, text) => {
    expect(() => fromBase64(text, 100)).toThrow('xml_base64');
  });

  it('base64 in lines is read, and none that is too large', () => {
    expect(fromBase64('YWFh\r\nYWFh\n', 100).toString()).toBe('aaaaaa');
    expect(() => fromBase64('A'.repeat(140), 100)).toThrow('xml_size');
    expect(() => fromBase64(' '.repeat(201), 100)).toThrow('xml_size');
  });

  it('what inflates beyond measure is refused before it is there (decompression bomb), as is what is no DEFLATE or has something behind it', () => {
    const begun = performance.now();
    expect(() => inflated(deflateRawSync(Buffer.alloc(50 * 1024 * 1024)), 1000)).toThrow('xml_size');
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(() => inflated(bytes(1, 2, 3), 1000)).toThrow('xml_deflate');
    expect(() => inflated(Buffer.concat([deflateRawSync('a'), bytes(0)]), 1000)).toThrow('xml_deflate');
    expect(inflated(deflateRawSync('alice'), 1000).toString()).toBe('alice');
  });

  it.each([
    ['UTF-16', Buffer.from('\ufeff<a/>', 'utf16le')],
    ['a byte of Latin-1', bytes(0x3c, 0x61, 0xe9, 0x3e)],
    ['less-than in two bytes', bytes(0xc0, 0xbc, 0x61)],
    ['half of a pair', bytes(0xed, 0xa0, 0x80)],
  ])('%s is no UTF-8', (_, octets) => {
    expect(() => fromUtf8(octets)).toThrow('xml_encoding');
  });
});

describe('a hostile message of half a mebibyte, and of more, costs little', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const size = 500_000;
  const within = (xml: string) => house.respond().replace('</samlp:Response>', `${xml}$&`);

  it.each<[string, () => string]>([
    ['spaces in a tag', () => `<a${' '.repeat(size)}`],
    ['spaces behind a name', () => `<a b${' '.repeat(size)}`],
    ['a name', () => `<${'a'.repeat(size)}`],
    ['ampersands', () => `<a>${'&'.repeat(size)}</a>`],
    ['entities', () => `<a>${'&x;'.repeat(size / 3)}</a>`],
    ['attributes', () => `<a ${'b="1" '.repeat(size / 6)}/>`],
    ['levels', () => '<a>'.repeat(size / 3)],
    ['elements', () => `<a>${'<b/>'.repeat(size / 4)}</a>`],
    ['elements behind a response that was signed', () => within('<samlp:X/>'.repeat(9_000))],
    [
      'a signature within a thousand namespaces',
      () => within(`<samlp:X ${Array.from({ length: 16 }, (_, n) => `xmlns:n${n}="urn:n"`).join(' ')}/>`.repeat(1_500)),
    ],
    ['more than a mebibyte', () => 'a'.repeat(1 << 20)],
  ])('%s', async (_, make) => {
    const xml = make();
    const begun = performance.now();
    const opened = await house.open(xml, { wants: { signed: 'response', encrypted: false } });
    expect(opened.ok).toBe(false);
    expect(opened.ok || opened.reason).not.toBe('gate_failed');
    // Ten times what it takes, for a machine that has other things to do.
    expect(performance.now() - begun).toBeLessThan(500);
  });
});
