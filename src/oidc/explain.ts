// A refusal of the engine → the check that failed, and what makes it right. What a further standard refuses is a further line in explanations/.
import type { EngineError } from './engine-types.js';
import { authorization } from './explanations/authorization.js';
import { clientAuthentication } from './explanations/client-authentication.js';
import type { Explanation } from './explanations/explanation.js';
import { logout } from './explanations/logout.js';
import { organization } from './explanations/organization.js';
import { requestObject } from './explanations/request-object.js';
import { resources } from './explanations/resources.js';
import { tokens } from './explanations/tokens.js';

export const explanations: readonly Explanation[] = [
  ...organization,
  ...authorization,
  ...resources,
  ...requestObject,
  ...clientAuthentication,
  ...tokens,
  ...logout,
];

const unexplained = (error: string): Explanation => ({
  check: 'other',
  error,
  advice: 'The description says what was refused.',
});

/** The first that fits: what is told to the client counts, and what the engine tells the log alone. */
export function explain({ error = 'invalid_request', error_description, error_detail }: EngineError): Explanation {
  const said = [error_description, error_detail].filter((text): text is string => typeof text === 'string');
  return explanations.find((one) => one.error === error && fits(one, said)) ?? unexplained(error);
}

const fits = ({ says }: Explanation, said: readonly string[]): boolean =>
  says === undefined || said.some((text) => (typeof says === 'string' ? text.startsWith(says) : says.test(text)));
