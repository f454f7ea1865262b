// Single logout (SAML Profiles §4.4): who is told that a session has ended, and what came of it there. Both are always signed.
import { type Checks, type Opened, opened } from './gate-checks.js';
import { checkLogoutAgreement } from './gate-library.js';
import {
  checkAnswered,
  checkHead,
  checkStatus,
  type NameId,
  nameIdOf,
  openMessage,
  type Sender,
  type Sent,
} from './gate-message.js';
import { SAMLP } from './gate-names.js';
import { type Clocks, numericDate, timeOf } from './gate-time.js';

export interface LogoutExpected {
  idp: Sender;
  /** The location of ours where it came. */
  destination: string;
  clocks: Clocks;
  /** How old a message may be. */
  assertion_seconds: number;
}

export interface LogoutRequestFacts {
  issuer: string;
  id: string;
  subject: NameId;
  /** All sessions of that person where there is none (SAML Core §3.7.1). */
  session_index: string[];
  /** NumericDate: so long its ID is remembered. */
  not_on_or_after: number;
}

export function openLogoutRequest(sent: Sent, expected: LogoutExpected): Promise<Opened<LogoutRequestFacts>> {
  return opened(async (checks: Checks) => {
    const { idp, clocks, assertion_seconds } = expected;
    const message = openMessage(sent, 'SAMLRequest', 'LogoutRequest', { ...idp, required: true }, checks);
    const { root } = message;
    const id = checkHead(root, idp, headOf(expected), { issuer: true, destination: true }, checks);
    const until = root.attribute('NotOnOrAfter');
    checks.must('not_on_or_after', until === undefined || clocks.isBefore(timeOf(until)), clocks.seen(until));
    const subject = nameIdOf(root, checks);
    const indexes = root.all(SAMLP, 'SessionIndex').map(({ text }) => text ?? '');
    checks.must('session_index', indexes.length <= 50 && indexes.every((index) => index !== '' && index.length <= 512));
    const facts = { issuer: idp.entity_id, id, subject, session_index: indexes };
    await checkLogoutAgreement(message, facts, idp, checks);
    const ends = timeOf(root.attribute('IssueInstant')) + (assertion_seconds + clocks.skewSeconds) * 1000;
    return { ...facts, not_on_or_after: numericDate(ends) + 1 };
  });
}

export interface LogoutResponseFacts {
  issuer: string;
  id: string;
  in_response_to: string;
  /** From the outermost in: Success, and PartialLogout within it where others were not reached. */
  status: string[];
}

export function openLogoutResponse(
  sent: Sent,
  expected: LogoutExpected & { request_id: string },
): Promise<Opened<LogoutResponseFacts>> {
  return opened((checks: Checks) => {
    const { idp, request_id } = expected;
    const { root } = openMessage(sent, 'SAMLResponse', 'LogoutResponse', { ...idp, required: true }, checks);
    const id = checkHead(root, idp, headOf(expected), { issuer: true, destination: true }, checks);
    checkAnswered(root, request_id, 'in_response_to', checks);
    const status = checkStatus(root, checks);
    return { issuer: idp.entity_id, id, in_response_to: request_id, status };
  });
}

const headOf = ({ destination, clocks, assertion_seconds: seconds }: LogoutExpected) => ({
  destination,
  clocks,
  seconds,
});
