// Whether somebody is named so that they are known again, and by no other name than was asked for. Pure.
import type { Check } from '../features/connections/check.js';
import type { ResponseFacts } from './gate.js';

type Named = Pick<ResponseFacts, 'subject'>;

/** SAML Core §8.3.1: nobody says what it is; of one that is asked for, anything will do. */
const UNSPECIFIED = 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified';
/** §8.3.8: another one at each sign-in, so that nobody is known by it again. */
const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';

const setting = 'saml.name_id_format';

export const isTransient = ({ subject }: Named): boolean => subject.format === TRANSIENT;

/**
 * A request that is not signed can be changed by whoever carries it: in another format, one person's name may be what somebody else has chosen to be
 * called.
 */
export function nameIdChecks(named: Named, wanted: string | undefined): Check[] {
  const { format = UNSPECIFIED } = named.subject;
  return [
    { check: 'name_id_lasting', passed: !isTransient(named), seen: format, setting },
    ...(wanted === undefined || wanted === UNSPECIFIED
      ? []
      : [{ check: 'name_id_format', passed: format === wanted, seen: format, expected: wanted, setting }]),
  ];
}
