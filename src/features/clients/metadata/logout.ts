// Where a client sends browsers after signing out (RP-Initiated Logout 1.0 §3.1), and where it is told (Back-Channel Logout 1.0 §2.2).
import { z } from 'zod';
import { redirectUriProblem } from '../redirect-uri.js';
import type { Rule } from './rule.js';
import { redirectUris, webUri } from './values.js';

/** It may have a query, and no fragment. */
const logoutUri = webUri.refine((uri) => !uri.includes('#'), { message: 'must not have a fragment' });

export const shape = {
  post_logout_redirect_uris: redirectUris.optional(),
  backchannel_logout_uri: logoutUri.optional(),
  backchannel_logout_session_required: z.boolean().optional(),
};

export const rule: Rule = (client, refuse) => {
  for (const [index, uri] of (client.post_logout_redirect_uris ?? []).entries()) {
    const problem = redirectUriProblem(uri, client.application_type);
    if (problem) refuse(`post_logout_redirect_uris/${index}`, problem);
  }
};
