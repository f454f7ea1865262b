// One member of a Response each, that is not what it must be (SAML Core §3.2.2; SAML Profiles §4.1.4), and what it is called when it is refused.
import type { ResponseExpected } from '../../../src/saml/gate.js';
import type { GateHouse } from '../../support/saml/gate-house.js';
import type { Respond } from '../../support/saml/honest-idp.js';
import { instant, SUCCESS } from '../../support/saml/messages.js';

const STATUS = 'urn:oasis:names:tc:SAML:2.0:status:';

export type Changes = { how?: Respond; expected?: Partial<ResponseExpected> };

/** What is refused, and what differs from it by one member and is taken; where nothing is said of that, what nobody changed. */
export interface Row {
  rule: string;
  refused: (house: GateHouse) => Changes;
  reason: string;
  taken?: (house: GateHouse) => Changes;
}

export const at = ({ now }: GateHouse, seconds: number) => instant(now, seconds);
export const assertion = (changed: Respond['assertion']): Changes => ({ how: { assertion: changed ?? {} } });
export const response = (changed: Respond['response']): Changes => ({ how: { response: changed ?? {} } });

export const ofResponses: readonly Row[] = [
  { rule: 'Version of the response (Core §3.2.2)', refused: () => response({ version: '1.1' }), reason: 'version' },
  { rule: 'a response without a Version', refused: () => response({ version: null }), reason: 'version' },
  {
    rule: 'Issuer of the response (Profiles §4.1.4.2)',
    refused: () => response({ issuer: 'https://idp.example/other' }),
    reason: 'issuer',
  },
  {
    rule: 'Destination (Bindings §3.5.5.2)',
    refused: () => response({ destination: 'https://sp.example/other' }),
    reason: 'destination',
  },
  {
    rule: 'Destination that only begins like ours',
    refused: ({ to }) => response({ destination: `${to.acs}/` }),
    reason: 'destination',
  },
  { rule: 'Destination that is empty', refused: () => response({ destination: '' }), reason: 'destination' },
  {
    rule: 'InResponseTo (Profiles §4.1.4.3)',
    refused: () => response({ in_response_to: '_request2' }),
    reason: 'in_response_to',
  },
  {
    rule: 'a response to nothing, where something was asked',
    refused: () => response({ in_response_to: null }),
    reason: 'in_response_to',
  },
  { rule: 'Status (Core §3.2.2.2)', refused: () => response({ status: [`${STATUS}Responder`] }), reason: 'status' },
  {
    rule: 'Success within a Status that is none',
    refused: () => response({ status: [`${STATUS}Responder`, SUCCESS] }),
    reason: 'status',
  },
  { rule: 'no Status', refused: () => response({ status: [] }), reason: 'status' },
  {
    rule: 'IssueInstant of the response in the future',
    refused: (h) => response({ issue_instant: at(h, 90) }),
    reason: 'issue_instant',
    taken: (h) => response({ issue_instant: at(h, 30) }),
  },
  {
    rule: 'IssueInstant of the response long ago',
    refused: (h) => response({ issue_instant: at(h, -700) }),
    reason: 'issue_instant_age',
    taken: (h) => response({ issue_instant: at(h, -630) }),
  },
  {
    rule: 'IssueInstant that is no time',
    refused: () => response({ issue_instant: 'yesterday' }),
    reason: 'issue_instant',
  },
  {
    rule: 'IssueInstant without a zone (Core §1.3.3)',
    refused: (h) => response({ issue_instant: at(h, 0).replace('Z', '') }),
    reason: 'issue_instant',
  },
];
