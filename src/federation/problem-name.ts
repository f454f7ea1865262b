// Why an identity provider could not be asked, or what it answered could not be read: a word for the administrator, without what was said.
import { AuthorizationResponseError, ClientError, ResponseBodyError } from 'openid-client';
import { EgressError, type EgressReason } from '../platform/egress.js';
import { shown } from './refusal.js';

/** An answer of another status than is taken. */
export class Unexpected extends Error {
  constructor(readonly status: number) {
    super(`HTTP ${status}`);
  }
}

/** Of what was answered. All else would tell whoever configures a connection which names and addresses only we can see. */
const ofAnswers: readonly EgressReason[] = ['too_large', 'redirect'];

export function problemName(error: unknown): string {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one instanceof EgressError) return ofAnswers.includes(one.code) ? one.code : 'not_reached';
    if (one instanceof Unexpected) return one.message;
    if (one instanceof ResponseBodyError) return `${shown(one.error)} (HTTP ${one.status})`;
    if (one instanceof AuthorizationResponseError) return shown(one.error);
  }
  if (!(error instanceof ClientError)) return 'unreadable';
  return error.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED' ? 'another_subject' : (error.code ?? 'unreadable');
}
