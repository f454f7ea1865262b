// What a client is given rests on these statements, for which resource and in which detail (RFC 8707, RFC 9396).
import type { Mutation } from './mutations.js';

const suite = 'standards/rfc9396/authorization-details';
const file = 'oidc/authorization-details';

export const resourceMutations: readonly Mutation[] = [
  {
    what: 'details that were asked for are agreed to first',
    file,
    from: 'oidc.params?.authorization_details !== undefined && agreedDetails(oidc) === undefined',
    to: 'false',
    suite,
    test: 'are asked for each time, and never remembered',
  },
  {
    what: 'a token carries no more details than were agreed to',
    file,
    from: 'beyond(details, given)',
    to: 'undefined',
    suite,
    test: 'never more: another amount is refused',
  },
  {
    what: 'a token carries the details of its own resource alone',
    file,
    from: 'held.filter((detail) => takes(resource, detail, asking))',
    to: 'held',
    suite,
    test: 'come with the answer, in the token and at introspection',
  },
];
