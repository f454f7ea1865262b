// Signature wrapping (Somorovsky and others, “On Breaking SAML: Be Whoever You Want to Be”, 2012): the bytes that were signed are still there, and
// something else stands where they stood. A further form is a further line.

/** What was signed, taken apart. */
export interface Signed {
  /** With its signature. */
  whole: string;
  signature: string;
  /** As it was before it was signed. */
  bare: string;
  /** What an attacker would have instead, unsigned. */
  evil: string;
}

const OBJECT = 'Object';
const opening = (xml: string) => xml.slice(0, xml.indexOf('>') + 1);
const firstIn = (xml: string, more: string) => `${opening(xml)}${more}${xml.slice(opening(xml).length)}`;
const behindIssuer = (xml: string, more: string) => xml.replace('</saml:Issuer>', (end) => `${end}${more}`);
const lastIn = (xml: string, more: string) => xml.replace(/<\/[\w:]+>$/, (end) => `${more}${end}`);
const extensions = (xml: string) =>
  `<samlp:Extensions xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">${xml}</samlp:Extensions>`;
const object = (xml: string) => `<ds:${OBJECT} xmlns:ds="http://www.w3.org/2000/09/xmldsig#">${xml}</ds:${OBJECT}>`;

/** In the place of an assertion, within its response. */
export const aroundAssertions: Readonly<Record<string, (signed: Signed) => string>> = {
  'XSW1: the signature moved to another one, and what it signed is inside the signature': ({
    signature,
    whole,
    evil,
  }) => behindIssuer(evil, lastIn(signature, whole)),
  'XSW2: signature and what it signed side by side in another one': ({ signature, bare, evil }) =>
    behindIssuer(evil, `${signature}${bare}`),
  'XSW3: another one before it': ({ whole, evil }) => `${evil}${whole}`,
  'XSW3: another one behind it': ({ whole, evil }) => `${whole}${evil}`,
  'XSW4: within another one': ({ whole, evil }) => lastIn(evil, whole),
  'XSW5: its signature in another one, and itself behind that': ({ signature, bare, evil }) =>
    `${behindIssuer(evil, signature)}${bare}`,
  'XSW6: its signature in another one, and itself in the signature': ({ signature, bare, evil }) =>
    behindIssuer(evil, lastIn(signature, bare)),
  'XSW7: another one in Extensions before it': ({ whole, evil }) => `${extensions(evil)}${whole}`,
  'XSW8: its signature in another one, and itself in an Object of it': ({ signature, bare, evil }) =>
    behindIssuer(evil, lastIn(signature, object(bare))),
};

/** In the place of a whole message. */
export const aroundMessages: Readonly<Record<string, (signed: Signed) => string>> = {
  'XSW1: what was signed is inside the signature': ({ signature, bare, evil }) =>
    behindIssuer(evil, lastIn(signature, bare)),
  'XSW2: signature and what it signed side by side': ({ signature, bare, evil }) =>
    behindIssuer(evil, `${signature}${bare}`),
  'XSW3: what was signed is first in another one': ({ whole, evil }) => firstIn(evil, whole),
  'XSW4: what was signed is last in another one': ({ whole, evil }) => lastIn(evil, whole),
  'XSW5: the signature in another one, what it signed last': ({ signature, bare, evil }) =>
    lastIn(behindIssuer(evil, signature), bare),
  'XSW6: the signature, with all that was signed in it, in another one': ({ signature, whole, evil }) =>
    behindIssuer(evil, lastIn(signature, whole)),
  'XSW7: what was signed in Extensions of another one': ({ whole, evil }) => behindIssuer(evil, extensions(whole)),
  'XSW8: what was signed in an Object of the signature of another one': ({ signature, bare, evil }) =>
    behindIssuer(evil, lastIn(signature, object(bare))),
};

/** By which an attacker's element is found: under an ID of its own, under the one that was signed, or under none. */
export const ids = ['another', 'the same', 'none'] as const;

/** @param name of what was signed, as `saml:Assertion`, with its own signature, the first in it. */
export function apart(xml: string, name: string, evil: (bare: string) => string, id: (typeof ids)[number]): Signed {
  const start = xml.indexOf(`<${name} `);
  const end = `</${name}>`;
  const whole = xml.slice(start, xml.indexOf(end, start) + end.length);
  const [signature = ''] = /<ds:Signature .*?<\/ds:Signature>/s.exec(whole) ?? [];
  const bare = whole.replace(signature, '');
  const forged = evil(bare).replace(/ ID="([^"]+)"/, (_, own) => identified(own, id));
  return { whole, signature, bare, evil: forged };
}

function identified(own: string, id: (typeof ids)[number]): string {
  if (id === 'none') return '';
  return ` ID="${id === 'the same' ? own : '_evil'}"`;
}
