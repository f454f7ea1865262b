// An assertion that was signed, and whether it is about this browser, this service provider, this request and this time (SAML Profiles §4.1.4.3).
import type { Checks } from './gate-checks.js';
import { checkAnswered, checkIssued, checkIssuer, type NameId, nameIdOf, type Sender } from './gate-message.js';
import { BEARER, SAML } from './gate-names.js';
import { type Clocks, numericDate, timeOf } from './gate-time.js';
import type { XmlElement } from './xml/element.js';

export interface AssertionExpected {
  idp: Sender;
  /** Our entity ID, and the location of our assertion consumer service. */
  sp: { entity_id: string; acs: string };
  /** What was asked with; null where nobody asked (IdP-initiated). */
  request_id: string | null;
  clocks: Clocks;
  /** How old an assertion may be, however long it says it lives. */
  assertion_seconds: number;
  /** AuthnContextClassRefs that were asked for: one of them. */
  authn_context?: readonly string[];
  /** ForceAuthn, max_age: the person has authenticated since. */
  authenticated_after?: Date;
}

export interface AssertionFacts {
  assertion_id: string;
  subject: NameId;
  /** NumericDates. */
  authn_instant: number;
  authn_context?: string;
  session_index?: string;
  session_not_on_or_after?: number;
  /** Until when it would be taken: so long its ID is remembered. */
  not_on_or_after: number;
  /** SAML Core §2.5.1.5. Every ID is taken once in any case. */
  one_time_use: boolean;
}

export function checkAssertion(assertion: XmlElement, expected: AssertionExpected, checks: Checks): AssertionFacts {
  const { clocks } = expected;
  const version = assertion.attribute('Version') ?? '';
  checks.must('assertion_version', version === '2.0', { seen: version, expected: '2.0' });
  const id = assertion.attribute('ID') ?? '';
  checkIssuer(assertion, expected.idp, 'assertion_issuer', checks);
  const seconds = expected.assertion_seconds;
  const issued = checkIssued(assertion, { clocks, seconds }, 'assertion_issue_instant', checks);
  const subject = assertion.only(SAML, 'Subject');
  checks.must('assertion_subject', subject !== undefined);
  const nameId = nameIdOf(subject, checks);
  const confirmedUntil = checkConfirmation(subject, expected, checks);
  const conditions = checkConditions(assertion, expected, checks);
  const ends = Math.min(issued + seconds * 1000, confirmedUntil, conditions.until) + clocks.skewSeconds * 1000;
  return {
    assertion_id: id,
    subject: nameId,
    ...checkAuthentication(assertion, expected, checks),
    not_on_or_after: numericDate(ends) + 1,
    one_time_use: conditions.once,
  };
}

/** Bearer alone: the other methods prove a key or a third party, of which a browser shows neither. */
function checkConfirmation(subject: XmlElement, expected: AssertionExpected, checks: Checks): number {
  const { clocks, sp } = expected;
  const all = subject.all(SAML, 'SubjectConfirmation');
  const bearers = all.filter((one) => one.attribute('Method') === BEARER);
  const seen = all.map((one) => one.attribute('Method') ?? '');
  checks.must('bearer_confirmation', bearers.length > 0 && all.length <= 5, { seen, expected: BEARER });
  const data = bearers.map((one) => one.only(SAML, 'SubjectConfirmationData')).filter((one) => one !== undefined);
  const ours = data.find((one) => one.attribute('Recipient') === sp.acs);
  const recipients = data.map((one) => one.attribute('Recipient') ?? '');
  checks.must('recipient', ours !== undefined, { seen: recipients, expected: sp.acs });
  const until = ours.attribute('NotOnOrAfter');
  checks.must('confirmation_not_on_or_after', clocks.isBefore(timeOf(until)), clocks.seen(until));
  const from = ours.attribute('NotBefore');
  checks.must('confirmation_not_before', from === undefined || clocks.hasBegun(timeOf(from)), clocks.seen(from));
  checkAnswered(ours, expected.request_id, 'confirmation_in_response_to', checks);
  return timeOf(until);
}

/** Those that say nothing to a service provider that makes no assertions of its own (SAML Core §2.5.1.5, §2.5.1.6). */
const known = ['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction'];

function checkConditions(assertion: XmlElement, expected: AssertionExpected, checks: Checks) {
  const { clocks, sp } = expected;
  const conditions = assertion.only(SAML, 'Conditions');
  checks.must('conditions', conditions !== undefined);
  const [from, until] = [conditions.attribute('NotBefore'), conditions.attribute('NotOnOrAfter')];
  checks.must('conditions_not_before', from === undefined || clocks.hasBegun(timeOf(from)), clocks.seen(from));
  checks.must('conditions_not_on_or_after', until === undefined || clocks.isBefore(timeOf(until)), clocks.seen(until));
  // §2.5.1.1: of a condition that is not understood nobody knows whether it is met.
  const unknown = conditions.elements.filter((one) => !known.some((local) => one.is(SAML, local)));
  checks.must('conditions_known', unknown.length === 0, { seen: unknown.map(({ local }) => local), expected: known });
  // §2.5.1.4: each restriction must be met, by one of its audiences.
  const restrictions = conditions
    .all(SAML, 'AudienceRestriction')
    .map((one) => one.all(SAML, 'Audience').map(({ text }) => text ?? ''));
  const isForUs = restrictions.length > 0 && restrictions.every((audiences) => audiences.includes(sp.entity_id));
  checks.must('audience', isForUs, { seen: restrictions.flat(), expected: sp.entity_id });
  const once = conditions.all(SAML, 'OneTimeUse').length;
  checks.must('one_time_use', once <= 1);
  return { until: until === undefined ? Number.POSITIVE_INFINITY : timeOf(until), once: once === 1 };
}

function checkAuthentication(assertion: XmlElement, expected: AssertionExpected, checks: Checks) {
  const { clocks } = expected;
  const statement = assertion.only(SAML, 'AuthnStatement');
  checks.must('authn_statement', statement !== undefined);
  const written = statement.attribute('AuthnInstant');
  const instant = timeOf(written);
  checks.must('authn_instant', clocks.hasBegun(instant), clocks.seen(written));
  const since = expected.authenticated_after?.getTime() ?? 0;
  const isFresh = instant + clocks.skewSeconds * 1000 >= since;
  checks.must('authn_instant_age', isFresh, { ...clocks.seen(written), expected: new Date(since).toISOString() });
  const ends = statement.attribute('SessionNotOnOrAfter');
  checks.must('session_not_on_or_after', ends === undefined || clocks.isBefore(timeOf(ends)), clocks.seen(ends));
  const context = statement.only(SAML, 'AuthnContext')?.only(SAML, 'AuthnContextClassRef')?.text;
  checkContext(context, expected.authn_context ?? [], checks);
  const index = statement.attribute('SessionIndex');
  checks.must('session_index', (index?.length ?? 0) <= 512);
  return {
    authn_instant: numericDate(instant),
    ...(context !== undefined && { authn_context: context }),
    ...(index !== undefined && { session_index: index }),
    ...(ends !== undefined && { session_not_on_or_after: numericDate(timeOf(ends)) }),
  };
}

/** SAML Core §3.3.2.2.1, `exact`. */
function checkContext(seen: string | undefined, asked: readonly string[], checks: Checks): void {
  const isShort = (seen?.length ?? 0) <= 512;
  const isAsked = asked.length === 0 || (seen !== undefined && asked.includes(seen));
  checks.must('authn_context', isShort && isAsked, {
    ...(seen !== undefined && { seen }),
    ...(asked.length > 0 && { expected: [...asked] }),
    setting: 'saml.authn_context',
  });
}
