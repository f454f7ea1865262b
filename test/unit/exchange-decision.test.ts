import { describe, expect, it } from '@jest/globals';
import { type Act, lengthOf, mayAct, readAct } from '../../src/features/exchange/act.js';
import { type Actor, type Asked, decide, type Policy, type Presented } from '../../src/features/exchange/decision.js';

const front = 'https://front.example';
const back = 'https://back.example';

const policy = (more: Partial<Policy> = {}): Policy => ({
  id: 'p',
  subjectClients: ['app'],
  subjectAudiences: [front],
  subjectIssuers: [],
  subjectApiKeys: false,
  resources: [back],
  scopes: null,
  acting: 'delegation',
  actors: ['client'],
  ...more,
});

const subject = (more: Partial<Presented> = {}): Presented => ({
  clientId: 'app',
  accountId: 'maria',
  audience: front,
  scopes: new Set(['read', 'write']),
  exp: 1_300,
  ...more,
});

/** Of a trusted issuer. */
const foreign = (more: Partial<Presented> = {}) =>
  subject({ clientId: undefined, audience: undefined, of: { issuerId: 'partner', resources: [back] }, ...more });

/** Of the tenant: it speaks for nobody but itself. */
const apiKey = (scopesAt: Record<string, string[]> = { [back]: ['read'] }) =>
  subject({
    clientId: undefined,
    accountId: undefined,
    audience: undefined,
    scopes: new Set(),
    key: { id: 'k', scopesAt: new Map(Object.entries(scopesAt).map(([at, scopes]) => [at, new Set(scopes)])) },
  });

const actor = (more: Partial<Actor> = {}): Actor => ({
  clientId: 'service',
  accountId: undefined,
  audience: undefined,
  scopes: new Set(),
  exp: 1_300,
  name: { sub: 'service', client_id: 'service' },
  ...more,
});

const person = actor({ accountId: 'jonas', name: { sub: 'jonas' } });

const decided = (asked: Partial<Asked> = {}, policies: readonly Policy[] = [policy()]) =>
  decide(policies, {
    clientId: 'service',
    subject: subject(),
    targets: [back],
    scopes: undefined,
    now: 1_000,
    ...asked,
  });

const chain = (length: number): Act | undefined =>
  Array.from({ length }).reduce<Act | undefined>((act, _, n) => ({ sub: `a${n}`, ...(act ? { act } : {}) }), undefined);

describe('whether a token may be exchanged (RFC 8693 §2)', () => {
  it.each<[string, Partial<Asked>, Policy[], string]>([
    ['without a policy', {}, [], 'invalid_request'],
    [
      'its own token, which no policy names',
      { subject: subject({ clientId: 'service' }) },
      [policy()],
      'invalid_request',
    ],
    [
      'a token of a client that the policy does not name',
      { subject: subject({ clientId: 'x' }) },
      [policy()],
      'invalid_request',
    ],
    [
      'a token for another audience',
      { subject: subject({ audience: 'https://x.example' }) },
      [policy()],
      'invalid_request',
    ],
    ['a token for no audience', { subject: subject({ audience: undefined }) }, [policy()], 'invalid_request'],
    [
      'a token that speaks for no person',
      { subject: subject({ accountId: undefined }) },
      [policy()],
      'invalid_request',
    ],
    ['a token that has expired', { subject: subject({ exp: 1_000 }) }, [policy()], 'invalid_request'],
    ['with an actor that has expired', { actor: actor({ exp: 999 }) }, [policy()], 'invalid_request'],
    ['with an actor token of another client', { actor: actor({ clientId: 'app' }) }, [policy()], 'invalid_request'],
    ['with a person as the actor', { actor: person }, [policy()], 'invalid_request'],
    [
      'with an actor for whom somebody else acts, who would drop out of the chain',
      { actor: { ...person, act: { sub: 'ada' } } },
      [policy({ actors: ['person'] })],
      'invalid_request',
    ],
    ['with a client as the actor', { actor: actor() }, [policy({ actors: ['person'] })], 'invalid_request'],
    ['of a trusted issuer that the policy does not name', { subject: foreign() }, [policy()], 'invalid_request'],
    [
      'of a trusted issuer, for a resource that one is not trusted for',
      { subject: foreign({ of: { issuerId: 'partner', resources: [front] } }) },
      [policy({ subjectIssuers: ['partner'] })],
      'invalid_target',
    ],
    [
      'of a trusted issuer, for no target',
      { subject: foreign(), targets: [] },
      [policy({ subjectIssuers: ['partner'] })],
      'invalid_target',
    ],
    ['an API key, where the policy does not say so', { subject: apiKey() }, [policy()], 'invalid_request'],
    [
      'an API key that has nothing there',
      { subject: apiKey({ [front]: ['read'] }) },
      [policy({ subjectApiKeys: true })],
      'invalid_target',
    ],
    [
      'an API key, for a scope it has elsewhere',
      { subject: apiKey({ [back]: ['read'], [front]: ['write'] }), scopes: ['write'] },
      [policy({ subjectApiKeys: true })],
      'invalid_scope',
    ],
    [
      'an access token, where the policy is about API keys',
      {},
      [policy({ subjectApiKeys: true, subjectClients: [] })],
      'invalid_request',
    ],
    ['for another target', { targets: ['https://x.example'] }, [policy()], 'invalid_target'],
    ['for the audience it has, which the policy does not give', { targets: [] }, [policy()], 'invalid_target'],
    ['for two targets', { targets: [back, front] }, [policy({ resources: [back, front] })], 'invalid_target'],
    ['for a scope it does not have', { scopes: ['read', 'admin'] }, [policy()], 'invalid_scope'],
    ['for a scope the policy does not give', { scopes: ['write'] }, [policy({ scopes: ['read'] })], 'invalid_scope'],
    [
      'where half of two policies would fit',
      {},
      [policy({ subjectClients: ['x'] }), policy({ resources: [front] })],
      'invalid_target',
    ],
    [
      'whose may_act names somebody else (§4.4)',
      { subject: subject({ mayAct: { sub: 'other' } }) },
      [policy()],
      'invalid_request',
    ],
    [
      'whose may_act names somebody else, to impersonate (§4.4)',
      { subject: subject({ mayAct: { sub: 'other' } }) },
      [policy({ acting: 'impersonation' })],
      'invalid_request',
    ],
    ['when five have acted already', { subject: subject({ act: chain(5) }) }, [policy()], 'invalid_request'],
  ])('refuses one %s', (_case, asked, policies, error) => {
    expect(decided(asked, policies)).toMatchObject({ error });
  });

  it.each<[string, Partial<Asked>, Policy[], object]>([
    ['all that is left where nothing is asked for', {}, [policy({ scopes: ['read', 'x'] })], { scopes: ['read'] }],
    ['an API key', { subject: apiKey() }, [policy({ subjectApiKeys: true })], { target: back, scopes: ['read'] }],
    ['what a trusted issuer says', { subject: foreign() }, [policy({ subjectIssuers: ['partner'] })], { target: back }],
    ['what is asked for', { scopes: ['write'] }, [policy()], { scopes: ['write'], target: back }],
    ['the same target named twice', { targets: [back, back] }, [policy()], { target: back }],
    ['the audience it has, where none is named', { targets: [] }, [policy({ resources: [front] })], { target: front }],
    ['no more than what is left of its life', {}, [policy()], { lifetime: 300 }],
    ["no more than what is left of the actor's", { actor: actor({ exp: 1_010 }) }, [policy()], { lifetime: 10 }],
  ])('gives %s', (_case, asked, policies, expected) => {
    expect(decided(asked, policies)).toMatchObject(expected);
  });

  it.each<[string, Partial<Asked>, Policy[], Act | undefined]>([
    ['the client acts where nobody else is named', {}, [policy()], { sub: 'service', client_id: 'service' }],
    ['nobody acts where the policy says impersonation', {}, [policy({ acting: 'impersonation' })], undefined],
    [
      'an actor token is named even then',
      { actor: person },
      [policy({ acting: 'impersonation', actors: ['person'] })],
      { sub: 'jonas' },
    ],
    [
      'delegation wins over impersonation',
      {},
      [policy({ acting: 'impersonation' }), policy()],
      { sub: 'service', client_id: 'service' },
    ],
    [
      'who acted before stays in the chain (§4.1)',
      { subject: subject({ act: { sub: 'first' } }) },
      [policy()],
      { sub: 'service', client_id: 'service', act: { sub: 'first' } },
    ],
    [
      'impersonation drops nobody either',
      { subject: subject({ act: { sub: 'first' } }) },
      [policy({ acting: 'impersonation' })],
      { sub: 'first' },
    ],
    [
      'may_act names the client (§4.4)',
      { subject: subject({ mayAct: { client_id: 'service' } }) },
      [policy({ acting: 'impersonation' })],
      undefined,
    ],
  ])('%s', (_case, asked, policies, act) => {
    const decision = decided(asked, policies);
    expect(decision).not.toHaveProperty('error');
    expect(decision).toMatchObject({ act });
  });

  it.each([1, 2, 3, 4])('a chain of %i grows by one', (length) => {
    const decision = decided({ subject: subject({ act: chain(length) }) });
    expect('act' in decision && lengthOf(decision.act)).toBe(length + 1);
  });
});

describe('who may act (RFC 8693 §4.4)', () => {
  const one: Act = { sub: 'jonas', iss: 'https://id.example' };

  it.each<[Record<string, unknown>, boolean]>([
    [{ sub: 'jonas' }, true],
    [{ sub: 'jonas', iss: 'https://id.example' }, true],
    [{ sub: 'jonas', iss: 'https://other.example' }, false],
    [{ sub: 'maria' }, false],
    [{ sub: ['jonas'] }, false],
    [{ email: 'jonas@example.com' }, false],
    [{}, false],
  ])('%j names the actor: %s', (named, expected) => {
    expect(mayAct(named, one)).toBe(expected);
  });
});

describe('who has acted, as another issuer says it (RFC 8693 §4.1)', () => {
  const iss = 'https://partner.example';

  it.each<[unknown, Act | undefined]>([
    [{ sub: 'jonas' }, { sub: 'jonas', iss }],
    [
      { sub: 'jonas', iss: 'https://id.example', role: 'x' },
      { sub: 'jonas', iss: 'https://id.example' },
    ],
    [
      { sub: 'b', act: { sub: 'a' } },
      { sub: 'b', iss, act: { sub: 'a', iss } },
    ],
    [chain(5), expect.objectContaining({ sub: 'a4' }) as unknown as Act],
    [chain(6), undefined],
    [{ sub: 'b', act: 'a' }, undefined],
    [{ sub: 'b', act: {} }, undefined],
    [{ sub: 7 }, undefined],
    ['jonas', undefined],
    [null, undefined],
  ])('%j', (said, expected) => {
    expect(readAct(said, iss)).toEqual(expected);
  });
});
