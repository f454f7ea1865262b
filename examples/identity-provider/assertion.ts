// What a SAML response says (SAML Core §2, §3.3.3). Written here, because groups are several values; samlify signs and encrypts it.
import { randomBytes } from 'node:crypto';
import type { Session } from './people.js';
import { ORIGIN } from './settings.js';

export interface Addressed {
  entityId: string;
  acs: string;
  /** Absent where nobody asked: then the sign-in begins here. */
  requestId?: string | undefined;
}

const newId = () => `_${randomBytes(20).toString('hex')}`;
const escaped = (text: string) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const attribute = (name: string, values: readonly string[]) =>
  `<saml:Attribute Name="${name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic">${values
    .map((value) => `<saml:AttributeValue>${escaped(value)}</saml:AttributeValue>`)
    .join('')}</saml:Attribute>`;

/** Those that say a second factor are in no list of OASIS: this one is REFEDS', which universities use. */
export const MFA = 'https://refeds.org/profile/mfa';
const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';

export function responseXml({ entityId, acs, requestId }: Addressed, { id, person, since, fault }: Session): string {
  const now = Date.now() + (fault === 'clock' ? 240_000 : 0);
  const at = new Date(now).toISOString();
  const until = new Date(now + 300_000).toISOString();
  const answers = requestId ? ` InResponseTo="${escaped(requestId)}"` : '';
  const issuer = `<saml:Issuer>${ORIGIN}/saml/metadata</saml:Issuer>`;
  const to = escaped(acs);
  const audience = fault === 'audience' ? 'https://other.example/saml' : escaped(entityId);
  const [given = '', family = ''] = person.name.split(' ');
  const attributes = [
    ...(fault === 'no_email' ? [] : [attribute('email', [person.email])]),
    attribute('displayName', [person.name]),
    attribute('givenName', [given]),
    attribute('sn', [family]),
    attribute('groups', person.groups),
  ];
  return [
    '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"',
    ` ID="${newId()}" Version="2.0" IssueInstant="${at}" Destination="${to}"${answers}>${issuer}`,
    '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>',
    `<saml:Assertion ID="${newId()}" Version="2.0" IssueInstant="${at}">${issuer}`,
    `<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">${person.id}</saml:NameID>`,
    '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">',
    `<saml:SubjectConfirmationData NotOnOrAfter="${until}" Recipient="${to}"${answers}/>`,
    `</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="${at}" NotOnOrAfter="${until}">`,
    `<saml:AudienceRestriction><saml:Audience>${audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>`,
    `<saml:AuthnStatement AuthnInstant="${new Date(since * 1000).toISOString()}" SessionIndex="${id}"><saml:AuthnContext>`,
    `<saml:AuthnContextClassRef>${person.mfa ? MFA : PASSWORD}</saml:AuthnContextClassRef>`,
    `</saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>${attributes.join('')}</saml:AttributeStatement>`,
    '</saml:Assertion></samlp:Response>',
  ].join('');
}
