// Why an identity provider could not be asked, or what it answered could not be read: a few words for the administrator, without what was said.
import { AuthorizationResponseError, ClientError, ResponseBodyError } from 'openid-client';
import { EgressError } from '../platform/egress.js';
import { shown } from './refusal.js';

export function problemName(error: unknown): string {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one instanceof EgressError) return one.code;
    if (one instanceof ResponseBodyError) return `${shown(one.error)} (HTTP ${one.status})`;
    if (one instanceof AuthorizationResponseError) return shown(one.error);
    if (one.message.startsWith('HTTP ')) return one.message;
  }
  if (error instanceof ClientError) return error.code ?? 'unreadable';
  return 'unreadable';
}
