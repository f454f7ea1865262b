// Messages of SAML 2.0 by hand, so that each member can be changed, or left out by `null`; nothing is escaped for whoever writes it.

export const SAMLP = 'urn:oasis:names:tc:SAML:2.0:protocol';
export const SAML = 'urn:oasis:names:tc:SAML:2.0:assertion';
export const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';
export const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';
export const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';
export const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
const BASIC = 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic';

/** Left out where it is null. */
type Said = string | null;

/** What a test changes: each member of what is said. */
export type Changed<T> = { [name in keyof T]?: T[name] };

export interface AssertionSaid {
  id: Said;
  version: Said;
  issue_instant: Said;
  issuer: Said;
  name_id: Said;
  name_id_format: Said;
  name_qualifier: Said;
  sp_name_qualifier: Said;
  method: Said;
  recipient: Said;
  confirmed_until: Said;
  confirmed_from: Said;
  in_response_to: Said;
  not_before: Said;
  not_on_or_after: Said;
  /** One restriction each. */
  audiences: string[][];
  authn_instant: Said;
  session_index: Said;
  session_ends: Said;
  authn_context: Said;
  attributes: Record<string, string[]>;
  friendly: Record<string, string>;
  /** XML that stands at these places besides. */
  in_subject: string;
  in_conditions: string;
  in_assertion: string;
}

export interface ResponseSaid {
  id: Said;
  version: Said;
  issue_instant: Said;
  destination: Said;
  in_response_to: Said;
  issuer: Said;
  /** From the outermost code in. */
  status: string[];
  /** In the place of the one assertion. */
  assertions: string | null;
}

/** Who speaks to whom, when, and about what request. */
export interface Between {
  idp: string;
  sp: string;
  acs: string;
  request_id: string | null;
  now: Date;
}

export const instant = (now: Date, seconds = 0): string =>
  new Date(now.getTime() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

let made = 0;
export const newId = (): string => `_id${process.pid}x${++made}`;

const attribute = (name: string, value: Said) => (value === null ? '' : ` ${name}="${value}"`);
const element = (name: string, value: Said) => (value === null ? '' : `<${name}>${value}</${name}>`);

export function assertionXml(between: Between, changed: Changed<AssertionSaid> = {}): string {
  const { now } = between;
  const said: AssertionSaid = {
    id: newId(),
    version: '2.0',
    issue_instant: instant(now),
    issuer: between.idp,
    name_id: 'alice-4711',
    name_id_format: PERSISTENT,
    name_qualifier: null,
    sp_name_qualifier: null,
    method: BEARER,
    recipient: between.acs,
    confirmed_until: instant(now, 300),
    confirmed_from: null,
    in_response_to: between.request_id,
    not_before: instant(now, -30),
    not_on_or_after: instant(now, 300),
    audiences: [[between.sp]],
    authn_instant: instant(now, -10),
    session_index: '_session1',
    session_ends: instant(now, 3600),
    authn_context: PASSWORD,
    attributes: { email: ['alice@example.com'], groups: ['staff', 'admins'] },
    friendly: {},
    in_subject: '',
    in_conditions: '',
    in_assertion: '',
    ...changed,
  };
  return [
    `<saml:Assertion xmlns:saml="${SAML}"${attribute('ID', said.id)}${attribute('Version', said.version)}${attribute('IssueInstant', said.issue_instant)}>`,
    element('saml:Issuer', said.issuer),
    subjectXml(said),
    `<saml:Conditions${attribute('NotBefore', said.not_before)}${attribute('NotOnOrAfter', said.not_on_or_after)}>`,
    ...said.audiences.map((some) => {
      const each = some.map((one) => element('saml:Audience', one)).join('');
      return `<saml:AudienceRestriction>${each}</saml:AudienceRestriction>`;
    }),
    `${said.in_conditions}</saml:Conditions>`,
    authnXml(said),
    attributesXml(said),
    `${said.in_assertion}</saml:Assertion>`,
  ].join('');
}

function subjectXml(said: AssertionSaid): string {
  const name = [
    attribute('Format', said.name_id_format),
    attribute('NameQualifier', said.name_qualifier),
    attribute('SPNameQualifier', said.sp_name_qualifier),
  ].join('');
  const nameId = said.name_id === null ? '' : `<saml:NameID${name}>${said.name_id}</saml:NameID>`;
  const data = [
    attribute('Recipient', said.recipient),
    attribute('NotOnOrAfter', said.confirmed_until),
    attribute('NotBefore', said.confirmed_from),
    attribute('InResponseTo', said.in_response_to),
  ].join('');
  const confirmation =
    said.method === null
      ? ''
      : `<saml:SubjectConfirmation Method="${said.method}"><saml:SubjectConfirmationData${data}/></saml:SubjectConfirmation>`;
  return `<saml:Subject>${nameId}${confirmation}${said.in_subject}</saml:Subject>`;
}

function authnXml(said: AssertionSaid): string {
  const attributes = [
    attribute('AuthnInstant', said.authn_instant),
    attribute('SessionIndex', said.session_index),
    attribute('SessionNotOnOrAfter', said.session_ends),
  ].join('');
  const context = element('saml:AuthnContextClassRef', said.authn_context);
  return `<saml:AuthnStatement${attributes}><saml:AuthnContext>${context}</saml:AuthnContext></saml:AuthnStatement>`;
}

function attributesXml({ attributes, friendly }: AssertionSaid): string {
  const each = Object.entries(attributes).map(([name, values]) => {
    const head = `Name="${name}" NameFormat="${BASIC}"${attribute('FriendlyName', friendly[name] ?? null)}`;
    return `<saml:Attribute ${head}>${values.map((one) => element('saml:AttributeValue', one)).join('')}</saml:Attribute>`;
  });
  return each.length > 0 ? `<saml:AttributeStatement>${each.join('')}</saml:AttributeStatement>` : '';
}

export function responseXml(between: Between, changed: Changed<ResponseSaid> = {}, assertion?: Changed<AssertionSaid>) {
  const said: ResponseSaid = {
    ...headOf(between),
    destination: between.acs,
    in_response_to: between.request_id,
    issuer: between.idp,
    status: [SUCCESS],
    assertions: null,
    ...changed,
  };
  return [
    `<samlp:Response xmlns:samlp="${SAMLP}" xmlns:saml="${SAML}"${headXml(said)}${attribute('InResponseTo', said.in_response_to)}>`,
    element('saml:Issuer', said.issuer),
    statusXml(said.status),
    said.assertions ?? assertionXml(between, assertion),
    '</samlp:Response>',
  ].join('');
}

const headOf = ({ now }: Between) => ({
  id: newId() as Said,
  version: '2.0' as Said,
  issue_instant: instant(now) as Said,
});

const headXml = (said: Pick<ResponseSaid, 'id' | 'version' | 'issue_instant' | 'destination'>) =>
  [
    attribute('ID', said.id),
    attribute('Version', said.version),
    attribute('IssueInstant', said.issue_instant),
    attribute('Destination', said.destination),
  ].join('');

export function statusXml(codes: string[]): string {
  const inner = codes.reduceRight(
    (nested, code) => `<samlp:StatusCode Value="${code}">${nested}</samlp:StatusCode>`,
    '',
  );
  return `<samlp:Status>${inner}</samlp:Status>`;
}

export interface LogoutSaid {
  id: Said;
  version: Said;
  issue_instant: Said;
  destination: Said;
  issuer: Said;
  not_on_or_after: Said;
  name_id: Said;
  session_index: string[];
  inside: string;
}

/** From the identity provider to us: `acs` is where logout requests go. */
export function logoutRequestXml(between: Between, changed: Changed<LogoutSaid> = {}): string {
  const said: LogoutSaid = {
    ...headOf(between),
    destination: between.acs,
    issuer: between.idp,
    not_on_or_after: instant(between.now, 300),
    name_id: 'alice-4711',
    session_index: ['_session1'],
    inside: '',
    ...changed,
  };
  return [
    `<samlp:LogoutRequest xmlns:samlp="${SAMLP}" xmlns:saml="${SAML}"${headXml(said)}${attribute('NotOnOrAfter', said.not_on_or_after)}>`,
    element('saml:Issuer', said.issuer),
    said.name_id === null ? '' : `<saml:NameID Format="${PERSISTENT}">${said.name_id}</saml:NameID>`,
    said.session_index.map((one) => element('samlp:SessionIndex', one)).join(''),
    `${said.inside}</samlp:LogoutRequest>`,
  ].join('');
}

export function logoutResponseXml(between: Between, changed: Changed<Omit<ResponseSaid, 'assertions'>> = {}): string {
  const said = {
    ...headOf(between),
    destination: between.acs,
    in_response_to: between.request_id,
    issuer: between.idp,
    status: [SUCCESS],
    ...changed,
  };
  return [
    `<samlp:LogoutResponse xmlns:samlp="${SAMLP}" xmlns:saml="${SAML}"${headXml(said)}${attribute('InResponseTo', said.in_response_to)}>`,
    element('saml:Issuer', said.issuer),
    `${statusXml(said.status)}</samlp:LogoutResponse>`,
  ].join('');
}

export interface AuthnRequestSaid {
  id: Said;
  version: Said;
  issue_instant: Said;
  destination: Said;
  issuer: Said;
  acs_url: Said;
  acs_index: Said;
  protocol_binding: Said;
  force_authn: Said;
  is_passive: Said;
  inside: string;
}

/** To us as an identity provider: `idp` says it, `acs` is where requests go. */
export function authnRequestXml(between: Between, changed: Changed<AuthnRequestSaid> = {}): string {
  const said: AuthnRequestSaid = {
    ...headOf(between),
    destination: between.acs,
    issuer: between.idp,
    acs_url: null,
    acs_index: null,
    protocol_binding: null,
    force_authn: null,
    is_passive: null,
    inside: '',
    ...changed,
  };
  const more = [
    attribute('AssertionConsumerServiceURL', said.acs_url),
    attribute('AssertionConsumerServiceIndex', said.acs_index),
    attribute('ProtocolBinding', said.protocol_binding),
    attribute('ForceAuthn', said.force_authn),
    attribute('IsPassive', said.is_passive),
  ].join('');
  return [
    `<samlp:AuthnRequest xmlns:samlp="${SAMLP}" xmlns:saml="${SAML}"${headXml(said)}${more}>`,
    `${element('saml:Issuer', said.issuer)}${said.inside}</samlp:AuthnRequest>`,
  ].join('');
}
