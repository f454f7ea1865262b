// What came back from the identity provider: the request that it answers is found by its RelayState, the gate reads it, each assertion counts once.
// Nobody is signed in here: what was believed is held for the browser that asked.
import { createPrivateKey } from 'node:crypto';
import type { Brought } from '../features/connections/answer-limit.js';
import type { Check } from '../features/connections/check.js';
import type { Connection } from '../features/connections/connection.entity.js';
import type { Answered } from '../features/connections/federated-sign-in.js';
import type { FederatedSignIns } from '../features/connections/federated-sign-ins.js';
import type { Replays } from '../features/protocol/replays.js';
import type { Clock } from '../platform/clock.js';
import { randomToken } from '../platform/crypto.js';
import { identityOf } from './attributes.js';
import { openResponse, type ResponseExpected, type ResponseFacts } from './gate.js';
import type { Opened } from './gate-checks.js';
import { Clocks } from './gate-time.js';
import { nameIdChecks } from './name-id.js';
import { type Expected, expectedOf } from './request.js';
import type { Party, ServiceProviders } from './service-provider.js';

export interface Received {
  /** Base64, as it was posted. */
  SAMLResponse: string;
  RelayState: string;
}

/** What is kept with a trace, sealed. */
interface Recorded {
  message: string;
  /** Undefined where nobody asked. */
  expected?: Expected | undefined;
}

export type Answer =
  | { kind: 'held'; location: string }
  /** Nobody here had asked: a page asks first, and knows the browser again by this token. */
  | { kind: 'arrived'; location: string; browser: string }
  | { kind: 'refused'; trace: string };

export class SamlAnswers {
  constructor(
    private readonly serviceProviders: ServiceProviders,
    private readonly signIns: Pick<FederatedSignIns, 'answered' | 'hold' | 'refuse'>,
    private readonly replays: Pick<Replays, 'unique'>,
    private readonly clock: Clock,
  ) {}

  /** @param count before anything else is looked at than whether somebody waits for it. @throws AppError 404 for a connection that takes nobody. */
  async receive(
    connectionId: string,
    { SAMLResponse, RelayState }: Received,
    count: (what: Brought) => Promise<void>,
  ): Promise<Answer> {
    const answered = RelayState ? await this.signIns.answered(connectionId, RelayState) : undefined;
    const connection = answered?.connection ?? (await this.serviceProviders.addressed(connectionId));
    await count(answered ? 'answer' : 'unasked');
    const isEnabled = answered !== undefined || (await this.serviceProviders.enabled(connectionId)) !== undefined;
    const known = isEnabled ? recognised(connection, answered, RelayState) : disabled;
    const expected = answered && expectedOf(answered.kept);
    const received = { message: SAMLResponse, expected } satisfies Recorded;
    const recorded = JSON.stringify(received);
    const opened: Opened<ResponseFacts> = known.passed
      ? await this.once(connection, await this.open(connection, received, this.clock.now()))
      : { ok: false, reason: isEnabled ? 'unsolicited' : known.check, checks: [] };
    const checks = [known, ...opened.checks];
    if (!opened.ok) {
      const message = answered || isSigned(checks) ? recorded : undefined;
      const why = { reason: opened.reason, checks, message, answered };
      return { kind: 'refused', ...(await this.signIns.refuse(connectionId, why)) };
    }
    const identity = identityOf(opened.value);
    if (answered) return { kind: 'held', location: await this.signIns.hold(answered, identity, checks, recorded) };
    const [browser, back] = [randomToken(), `/saml/${connection.id}/arrival`];
    const unsolicited = { connection, binding: { kind: 'browser' as const, id: browser }, back };
    return { kind: 'arrived', location: await this.signIns.hold(unsolicited, identity, checks, recorded), browser };
  }

  /** As if it had come then, with the settings of today. @param recorded as it was kept with the trace. */
  async validate(connection: Connection, recorded: string, receivedAt: Date): Promise<Check[]> {
    return (await this.open(connection, JSON.parse(recorded) as Recorded, receivedAt)).checks;
  }

  /** Counts nothing as used. */
  private async open(
    connection: Connection,
    { message, expected }: Recorded,
    now: Date,
  ): Promise<Opened<ResponseFacts>> {
    const party = await this.serviceProviders.partyOf(connection);
    if (!party) return failed({ check: 'not_configured', passed: false, setting: 'saml.idp' });
    const opened = await openResponse(message, conditionsOf(party, now, expected));
    if (!opened.ok) return opened;
    const named = nameIdChecks(opened.value, party.saml.name_id_format);
    const wrong = named.find((check) => !check.passed);
    const checks = [...opened.checks, ...named];
    return wrong ? { ok: false, reason: wrong.check, checks } : { ...opened, checks };
  }

  /** SAML Profiles §4.1.4.5: for as long as it could be presented. One insert decides, across all processes. */
  private async once({ id }: Connection, opened: Opened<ResponseFacts>): Promise<Opened<ResponseFacts>> {
    if (!opened.ok) return opened;
    const { assertion_id, not_on_or_after } = opened.value;
    const isFirst = await this.replays.unique(`saml ${id}`, assertion_id, not_on_or_after);
    const once: Check = { check: 'assertion_once', passed: isFirst };
    return isFirst ? passed(opened, once) : failed(once, opened.checks);
  }
}

const disabled: Check = { check: 'connection_enabled', passed: false };

/** What nobody has asked for and nobody has signed is not kept: anybody could fill what there is room for. */
const isSigned = (checks: Check[]): boolean =>
  checks.some(({ check, passed }) => passed && check.endsWith('_signature_value'));

const failed = (check: Check, before: Check[] = []) => ({
  ok: false as const,
  reason: check.check,
  checks: [...before, check],
});

const passed = (opened: Opened<ResponseFacts> & { ok: true }, check: Check) => ({
  ...opened,
  checks: [...opened.checks, check],
});

/** What nobody here has asked for is looked at only where the connection allows it, whatever it carries as RelayState. */
const recognised = ({ settings }: Connection, answered: Answered | undefined, relayState: string): Check => ({
  check: 'relay_state',
  passed: answered !== undefined || settings.saml?.idp_initiated === true,
  seen: answered ? 'of a request of ours' : relayState ? 'of no request that waits' : 'none',
  ...(answered ? {} : { setting: 'saml.idp_initiated' }),
});

function conditionsOf(party: Party, now: Date, expected?: Expected): ResponseExpected {
  const { saml, idp } = party;
  return {
    idp,
    sp: { entity_id: party.entityId, acs: party.acs },
    request_id: expected?.requestId ?? null,
    clocks: new Clocks(now, saml.clock_skew_seconds),
    assertion_seconds: saml.assertion_seconds,
    wants: saml.wants,
    decryption_keys: party.decryptionKeys.map((pem) => createPrivateKey(pem)),
    authn_context: expected?.contexts ?? [],
    ...(expected?.provedSince === undefined ? {} : { authenticated_after: new Date(expected.provedSince * 1000) }),
  };
}
