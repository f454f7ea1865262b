// What profiles of clients rest on, taken out (mutations.ts).
import type { Mutation } from './mutations.js';

export const profileMutations: readonly Mutation[] = [
  {
    what: 'a proof of possession is looked at by the profile of its client',
    file: 'oidc/dpop',
    from: 'client && proofProblem(client, proof)',
    to: 'undefined',
    suite: 'standards/fapi2/mutations',
    test: 'is neither redeemed nor burnt by a proof of alg RS256',
  },
  {
    what: 'a refresh token of FAPI 2.0 is bound to the key',
    file: 'oidc/dpop',
    from: 'this.jkt = key;',
    to: ';',
    suite: 'standards/fapi2/mutations',
    test: 'is refreshed by the key it was given to',
  },
  {
    what: 'a refresh token of FAPI 2.0 is not replaced',
    file: 'oidc/configuration/tokens',
    from: "profileOf(oidc.client) !== 'fapi2'",
    to: 'true',
    suite: 'standards/fapi2/profile',
    test: 'gives the same refresh token again',
  },
  {
    what: 'a row that is less than its profile asks is no client',
    file: 'features/clients/client-lookup',
    from: 'breaches(client.metadata).length > 0',
    to: 'false',
    suite: 'standards/fapi2/profile',
    test: 'holds whatever an older row says',
  },
  {
    what: 'a request object is no assertion of its client',
    file: 'oidc/request-object',
    from: 'claims.sub === client.clientId',
    to: 'false',
    suite: 'standards/rfc9101/request-object',
    test: 'the client as its subject',
  },
];
