// The door of upstream OpenID and OAuth 2.0 providers: to them, back from them, and what they say of sessions that have ended. It signs nobody in.
// Hands off to: FederatedSignIns, which brings the browser back to where the sign-in began; LogoutTokens.
import Router from '@koa/router';
import type { Context } from 'koa';
import type { FederatedSignIns } from '../features/connections/federated-sign-ins.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { clientKey, type Limiter } from '../platform/rate-limit.js';
import type { LogoutTokens } from './logout-tokens.js';
import { Refused } from './refusal.js';
import type { UpstreamSignIn } from './upstream-sign-in.js';

export interface FederationDoor {
  signIns: Pick<FederatedSignIns, 'start' | 'answered' | 'hold' | 'refuse' | 'knows'>;
  upstream: Pick<UpstreamSignIn, 'send' | 'believe'>;
  logoutTokens: Pick<LogoutTokens, 'receive'>;
  pages: Pages;
  /** Answers and logout tokens that were not believed, by address. */
  failures: Limiter;
}
