// What is wrong, for programs (RFC 9457): the same codes as on the pages, without the page.
import { AppError } from '../platform/errors.js';
import type { StepName } from './steps.js';

/** Whoever proves nothing is not let in (RFC 9110 §15.5.2); everything else is wrong about the form. */
const proves = /^(failed|locked|captcha_required|wrong_\w+|\w+_gone|\w+_locked|passkey_failed)$/;

/** @param data what the page would show. */
export function problemOf(
  data: { error?: { code: string; seconds?: number }; reasons?: string[] },
  { status = 422 }: { status?: number },
): AppError {
  const { error, reasons = [] } = data;
  const code = error?.code ?? (reasons.length > 0 ? 'invalid_password' : 'wrong_step');
  const answered = status === 422 && proves.test(code) ? 401 : status === 200 ? 409 : status;
  return new AppError(answered, code, sentence(code), {
    issues: reasons.map((message) => ({ pointer: '/password', message })),
    ...(error?.seconds ? { retryAfter: error.seconds } : {}),
  });
}

/** Another step would be taken now. */
export const wrongStep = (step: StepName | 'finish'): AppError =>
  new AppError(409, 'wrong_step', `The step that is next is ${step}`, { members: { step } });

/** The pages say it at length, in the language of the person. */
const sentence = (code: string) => `The form was not taken: ${code.replaceAll('_', ' ')}`;
