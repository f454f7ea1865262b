// Everything the engine keeps. oidc/ maps the engine's calls onto it; doors and other features end sessions and grants through it.
import type { Clock } from '../../platform/clock.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { BackchannelCodes } from './backchannel-codes.js';
import { DeniedTokens } from './denied-tokens.js';
import { DeviceCodes } from './device-codes.js';
import { EngineRows } from './engine-rows.js';
import { Grants } from './grants.js';
import { Replays } from './replays.js';
import { SessionBinding } from './session-binding.js';
import { Sessions } from './sessions.js';
import type { ShortLivedRows } from './short-lived-rows.js';
import type { TellClients } from './signed-out.js';

/** Seconds. */
export interface ProtocolLifetimes {
  interaction: number;
  grant: number;
  refreshTokenAbsolute: number;
  spentCode: number;
  sessionHandleGrace: number;
}

export class Protocol {
  readonly rows: EngineRows;
  readonly deviceCodes: DeviceCodes;
  readonly backchannelCodes: BackchannelCodes;
  readonly grants: Grants;
  readonly sessions: Sessions;
  readonly binding: SessionBinding;
  readonly replays: Replays;
  readonly denied: DeniedTokens;

  constructor(
    db: Database,
    sealer: Sealer,
    audit: AuditLog,
    clock: Clock,
    lifetimes: ProtocolLifetimes,
    shortLived?: ShortLivedRows,
    signedOut: TellClients = async () => {},
  ) {
    this.rows = new EngineRows(db, sealer, clock, lifetimes, shortLived);
    this.backchannelCodes = new BackchannelCodes(db, sealer, clock, lifetimes, this.rows);
    this.grants = new Grants(db, audit, clock, lifetimes.grant);
    this.deviceCodes = new DeviceCodes(db, sealer, audit, clock, lifetimes, this.rows, this.grants);
    this.sessions = new Sessions(db, sealer, audit, clock, lifetimes.sessionHandleGrace, signedOut);
    this.binding = new SessionBinding(db, audit, this.sessions, clock);
    this.replays = new Replays(db);
    this.denied = new DeniedTokens(db, clock);
  }
}
