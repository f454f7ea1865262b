// What a service provider asks of us as its identity provider (SAML Core §3.4). Where the answer goes is what was registered, never what the
// request says: it may only choose among that.
import { type Checks, type Opened, opened } from './gate-checks.js';
import { checkHead, openMessage, type Sender, type Sent } from './gate-message.js';
import { SAML, SAMLP } from './gate-names.js';
import { type Clocks, numericDate, timeOf } from './gate-time.js';
import type { XmlElement } from './xml/element.js';

export interface ConsumerService {
  index?: number;
  location: string;
  /** The URI of it. */
  binding: string;
}

export interface AuthnRequestExpected {
  /** The first of its consumer services is where an answer goes that is asked for nowhere else. */
  sp: Sender & { consumer_services: readonly ConsumerService[] };
  /** The location of ours where it came. */
  destination: string;
  clocks: Clocks;
  request_seconds: number;
  /** Off only where it was agreed with that service provider. */
  signed: boolean;
}

export interface AuthnRequestFacts {
  issuer: string;
  id: string;
  consumer_service: ConsumerService;
  force_authn: boolean;
  is_passive: boolean;
  name_id_format?: string;
  authn_context: string[];
  /** NumericDate: so long its ID is remembered. */
  not_on_or_after: number;
}

export function openAuthnRequest(sent: Sent, expected: AuthnRequestExpected): Promise<Opened<AuthnRequestFacts>> {
  return opened((checks: Checks) => {
    const { sp, destination, clocks, request_seconds: seconds, signed } = expected;
    const { root } = openMessage(sent, 'SAMLRequest', 'AuthnRequest', { ...sp, required: signed }, checks);
    const required = { issuer: true, destination: signed };
    const id = checkHead(root, sp, { destination, clocks, seconds }, required, checks);
    // §3.4.1: whoever names the person asks for that one alone, and nothing here promises it.
    checks.must('authn_request_subject', root.all(SAML, 'Subject').length === 0);
    const policy = root.only(SAMLP, 'NameIDPolicy')?.attribute('Format');
    const contexts = root.only(SAMLP, 'RequestedAuthnContext')?.all(SAML, 'AuthnContextClassRef') ?? [];
    return {
      issuer: sp.entity_id,
      id,
      consumer_service: consumerOf(root, sp.consumer_services, checks),
      force_authn: flagOf(root, 'ForceAuthn', checks),
      is_passive: flagOf(root, 'IsPassive', checks),
      ...(policy !== undefined && { name_id_format: policy }),
      authn_context: contexts.map(({ text }) => text ?? ''),
      not_on_or_after: numericDate(timeOf(root.attribute('IssueInstant')) + (seconds + clocks.skewSeconds) * 1000) + 1,
    };
  });
}

function consumerOf(root: XmlElement, all: readonly ConsumerService[], checks: Checks): ConsumerService {
  const [url, index, binding] = ['AssertionConsumerServiceURL', 'AssertionConsumerServiceIndex', 'ProtocolBinding'].map(
    (name) => root.attribute(name),
  );
  const isEither = index === undefined || (url === undefined && binding === undefined);
  const found = all
    .filter((one) => url === undefined || one.location === url)
    .filter((one) => index === undefined || String(one.index) === index)
    .find((one) => binding === undefined || one.binding === binding);
  checks.must('consumer_service', isEither && found !== undefined, {
    ...((url ?? index) !== undefined && { seen: url ?? index ?? '' }),
    expected: all.map(({ location }) => location),
  });
  return found;
}

/** xs:boolean. */
function flagOf(root: XmlElement, name: string, checks: Checks): boolean {
  const value = root.attribute(name) ?? 'false';
  checks.must('flags', ['true', 'false', '1', '0'].includes(value), { seen: value });
  return value === 'true' || value === '1';
}
