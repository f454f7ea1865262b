// Whether a token may be exchanged, and for what (RFC 8693 §2): a pure table of policies, tokens and what is asked for. What comes out is never more
// than what went in, never for longer, and says who acts.
import { type Act, acting, lengthOf, MOST_ACTORS, mayAct } from './act.js';

export type Acting = 'delegation' | 'impersonation';
export type ActorKind = 'client' | 'person';

/** Everything else is refused: a client without a policy exchanges nothing, its own tokens included. */
export interface Policy {
  readonly id: string;
  /** To which clients the subject token was given. */
  readonly subjectClients: readonly string[];
  /** For which resources the subject token is: those at which the client receives it. */
  readonly subjectAudiences: readonly string[];
  /** Which trusted issuers a subject token may be of that is none of ours: their ids. */
  readonly subjectIssuers: readonly string[];
  /** Whether a subject token may be an API key. */
  readonly subjectApiKeys: boolean;
  /** For which resources a token is given. */
  readonly resources: readonly string[];
  /** No other scope than these; any that the subject token has where nothing is said. */
  readonly scopes: readonly string[] | null;
  /** Whether the client is named as the actor where it sends no actor token. */
  readonly acting: Acting;
  /** For whom an actor token may speak. */
  readonly actors: readonly ActorKind[];
}

/** A token that has been verified, of whatever kind it is. */
export interface Presented {
  /** To whom it was given; nobody, where it is of a trusted issuer. */
  clientId: string | undefined;
  /** The trusted issuer that it is of, and the resources which that one is trusted for. */
  of?: { issuerId: string; resources: readonly string[] } | undefined;
  /** An API key, and its scopes at each resource that it can be exchanged for. */
  key?: { id: string; scopesAt: ReadonlyMap<string, ReadonlySet<string>> } | undefined;
  /** Absent where no person takes part. */
  accountId: string | undefined;
  audience: string | undefined;
  scopes: ReadonlySet<string>;
  /** NumericDate. */
  exp: number;
  act?: Act | undefined;
  mayAct?: Readonly<Record<string, unknown>> | undefined;
}

/** An actor token, and by which name the client knows whom it speaks for. */
export interface Actor extends Presented {
  name: Act;
}

export interface Asked {
  clientId: string;
  subject: Presented;
  actor?: Actor | undefined;
  /** `resource` and `audience` (RFC 8693 §2.1), which mean the same here: identifiers of resources. */
  targets: readonly string[];
  /** Everything that can be had where nothing is said. */
  scopes: readonly string[] | undefined;
  /** NumericDate. */
  now: number;
}

export interface Allowed {
  policy: Policy;
  target: string;
  /** What is left of the subject token and the policy; client and resource have their say after. */
  scopes: string[];
  act: Act | undefined;
  /** Seconds at most. */
  lifetime: number;
}

export interface Refused {
  error: 'invalid_request' | 'invalid_target' | 'invalid_scope';
  why: string;
}

const refused = (error: Refused['error'], why: string): Refused => ({ error, why });

export function decide(policies: readonly Policy[], asked: Asked): Allowed | Refused {
  const { clientId, subject, actor, now } = asked;
  // A key of the tenant speaks for itself.
  if (subject.accountId === undefined && !subject.key)
    return refused('invalid_request', 'the subject_token speaks for no person');
  if (actor && actor.clientId !== clientId)
    return refused('invalid_request', 'the actor_token was given to another client');
  // RFC 8693 §4.1: the token has one chain, that of the subject. Whoever acts for the actor would stand nowhere, neither there nor in the record.
  if (actor?.act) return refused('invalid_request', 'somebody else acts for whom the actor_token speaks');
  const actors = policies.filter(({ actors }) => !actor || actors.includes(actor.accountId ? 'person' : 'client'));
  const subjects = actors.filter((policy) => takes(policy, subject));
  if (subjects.length === 0) return refused('invalid_request', 'no policy lets this client exchange these tokens');

  // RFC 8707 §2: a token is for one resource. Where none is named it is the one that the subject token is for already.
  const [target = subject.audience, ...others] = new Set(asked.targets);
  if (target === undefined || others.length > 0) return refused('invalid_target', 'exactly one target must be named');
  const fitting = subjects.filter(({ resources }) => resources.includes(target));
  const policy = fitting.find(({ acting }) => acting === 'delegation') ?? fitting[0];
  const held = subject.key ? subject.key.scopesAt.get(target) : subject.scopes;
  if (!policy || !held || (subject.of && !subject.of.resources.includes(target)))
    return refused('invalid_target', 'no policy lets this client have a token for this target');

  const self: Act = { sub: clientId, client_id: clientId };
  const named = actor?.name ?? (policy.acting === 'delegation' ? self : undefined);
  // Where nobody is named it is the client that acts, whatever the token will say.
  if (subject.mayAct && !mayAct(subject.mayAct, named ?? self))
    return refused('invalid_request', 'may_act of the subject_token names another party');
  const act = acting(named, subject.act);
  if (lengthOf(act) > MOST_ACTORS) return refused('invalid_request', 'too many have acted already');

  const scopes = [...held].filter((name) => !policy.scopes || policy.scopes.includes(name));
  const beyond = (asked.scopes ?? []).filter((name) => !scopes.includes(name));
  if (beyond.length > 0) return refused('invalid_scope', `more than can be exchanged: ${beyond.join(' ')}`);
  const lifetime = Math.min(subject.exp, actor?.exp ?? subject.exp) - now;
  if (lifetime <= 0) return refused('invalid_request', 'the token has expired');
  return { policy, target, scopes: asked.scopes ? [...asked.scopes] : scopes, act, lifetime };
}

/** Ours by the client it was given to and the resource it is for, another's by who it is of; a key was given to no client. */
function takes(
  { subjectClients, subjectAudiences, subjectIssuers, subjectApiKeys }: Policy,
  subject: Presented,
): boolean {
  const { clientId, audience, of, key } = subject;
  if (key) return subjectApiKeys;
  if (of) return subjectIssuers.includes(of.issuerId);
  return (
    clientId !== undefined &&
    subjectClients.includes(clientId) &&
    audience !== undefined &&
    subjectAudiences.includes(audience)
  );
}
