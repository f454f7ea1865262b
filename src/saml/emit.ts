// The messages that a service provider sends (SAML Core §3). Owns what they say; sending.ts signs them and gets them there.
import { randomBytes } from 'node:crypto';
import { bindings, type Status, status, xmlns } from './vocabulary.js';
import { type Element, element } from './writing.js';

export interface Message {
  /** Of which there is no other: what an answer is to name in InResponseTo. */
  id: string;
  /** The parameter that carries it (SAML Bindings §3.4.4.1, §3.5.4). */
  parameter: 'SAMLRequest' | 'SAMLResponse';
  destination: string;
  xml: string;
}

interface Addressed {
  /** Our entity id. */
  issuer: string;
  destination: string;
  at: Date;
}

export interface NameId {
  value: string;
  format?: string | undefined;
  name_qualifier?: string | undefined;
  sp_name_qualifier?: string | undefined;
}

/** SAML Core §3.4.1. */
export function authnRequest(
  asked: Addressed & {
    acs: string;
    nameIdFormat?: string | undefined;
    forceAuthn: boolean;
    isPassive: boolean;
    /** AuthnContextClassRef, any of which will do; none: whatever the identity provider deems right. */
    contexts: readonly string[];
  },
): Message {
  const { contexts } = asked;
  return message('AuthnRequest', 'SAMLRequest', asked, {
    attributes: {
      ForceAuthn: asked.forceAuthn || undefined,
      IsPassive: asked.isPassive || undefined,
      ProtocolBinding: bindings.post,
      AssertionConsumerServiceURL: asked.acs,
    },
    children: [
      element('samlp:NameIDPolicy', { Format: asked.nameIdFormat, AllowCreate: true }),
      ...(contexts.length > 0
        ? [
            element(
              'samlp:RequestedAuthnContext',
              { Comparison: 'exact' },
              ...contexts.map((context) => element('saml:AuthnContextClassRef', {}, context)),
            ),
          ]
        : []),
    ],
  });
}

/** SAML Core §3.7.1. @param asked.until when it is no longer to be acted on */
export function logoutRequest(
  asked: Addressed & { until: Date; nameId: NameId; sessionIndexes: readonly string[] },
): Message {
  const { nameId } = asked;
  return message('LogoutRequest', 'SAMLRequest', asked, {
    attributes: { NotOnOrAfter: instant(asked.until) },
    children: [
      element(
        'saml:NameID',
        { Format: nameId.format, NameQualifier: nameId.name_qualifier, SPNameQualifier: nameId.sp_name_qualifier },
        nameId.value,
      ),
      ...asked.sessionIndexes.map((index) => element('samlp:SessionIndex', {}, index)),
    ],
  });
}

/** SAML Core §3.7.2. */
export function logoutResponse(asked: Addressed & { inResponseTo: string; status: Status }): Message {
  return message('LogoutResponse', 'SAMLResponse', asked, {
    attributes: { InResponseTo: asked.inResponseTo },
    children: [element('samlp:Status', {}, element('samlp:StatusCode', { Value: status[asked.status] }))],
  });
}

function message(
  name: string,
  parameter: Message['parameter'],
  { issuer, destination, at }: Addressed,
  { attributes, children }: { attributes: Record<string, string | boolean | undefined>; children: Element[] },
): Message {
  const id = newMessageId();
  const { xml } = element(
    `samlp:${name}`,
    {
      'xmlns:samlp': xmlns.samlp,
      'xmlns:saml': xmlns.saml,
      ID: id,
      Version: '2.0',
      IssueInstant: instant(at),
      Destination: destination,
      ...attributes,
    },
    element('saml:Issuer', {}, issuer),
    ...children,
  );
  return { id, parameter, destination, xml };
}

/** SAML Core §1.3.4: 160 random bits, as an NCName, which begins with no digit. */
const newMessageId = (): string => `_${randomBytes(20).toString('hex')}`;

/** SAML Core §1.3.3: UTC, and no finer than milliseconds. */
const instant = (at: Date): string => at.toISOString();
