// What a row of the engine is made of: its columns, what of them is sealed, and until when it stays. EngineRows reads and writes them.
import { currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import { handleHash, type Payload, withoutHandle } from './handles.js';
import type { PendingRow } from './request.js';

export interface Retention {
  interaction: number;
  spentCode: number;
  refreshTokenAbsolute: number;
}

/** Good for minutes, and begun anew by the browser where they are lost: Redis keeps them where there is any. */
const shortLivedKinds = new Set(['Interaction', 'PushedAuthorizationRequest']);

/** Kinds whose payload carries other handles or what a person typed: sealed whole. */
const sealedKinds = new Set([...shortLivedKinds, 'DeviceCode', 'BackchannelAuthenticationRequest']);

/** Found by something else than their handle, and then saved under it again: it is sealed with them. */
const keepsHandle = new Set(['DeviceCode', 'BackchannelAuthenticationRequest']);

export const isShortLived = (kind: string): boolean => shortLivedKinds.has(kind);

export class RowForm {
  constructor(
    private readonly sealer: Sealer,
    private readonly retention: Retention,
  ) {}

  seal(kind: string, payload: Payload): string {
    const { consumed, ...rest } = keepsHandle.has(kind) ? payload : withoutHandle(payload);
    return this.sealer.seal(JSON.stringify(rest), payloadContext(currentTenantId(), kind));
  }

  open(kind: string, sealed: string): Payload {
    return JSON.parse(this.sealer.open(sealed, payloadContext(currentTenantId(), kind))) as Payload;
  }

  columns({ kind, handle, payload }: PendingRow) {
    const { consumed, ...rest } = withoutHandle(payload);
    // RFC 9396 §12: details say for whom and how much, in codes and tokens as well.
    const sealed = sealedKinds.has(kind) || payload.rar !== undefined;
    // Nothing stands on what is only on its way to somebody; what waits for a program ends with its person and its grant, like a token.
    const stands = !isShortLived(kind);
    return {
      handle_hash: handleHash(kind, handle).toString('hex'),
      kind,
      client_id: payload.clientId ?? null,
      account_id: stands ? (payload.accountId ?? null) : null,
      grant_id: stands ? (payload.grantId ?? null) : null,
      session_uid: payload.sessionUid ?? null,
      user_code_hash: payload.userCode ? this.userCodeHashes(payload.userCode)[0]?.toString('hex') : null,
      payload: sealed ? null : rest,
      sealed_payload: sealed ? this.seal(kind, payload) : null,
      expires_at: payload.exp ? new Date(payload.exp * 1000) : null,
      retain_until: this.retainUntil(kind, payload),
    };
  }

  /** RFC 8628 §6.1: a code that people type is short enough to be tried out, so it is found by a keyed hash. The newest key comes first. */
  userCodeHashes(userCode: string): Buffer[] {
    return this.sealer.macs(userCode, `user_code:${currentTenantId()}`);
  }

  sealAnswer(hash: Buffer, text: string): string {
    return this.sealer.seal(text, answerContext(hash));
  }

  openAnswer(hash: Buffer, sealed: string): string {
    return this.sealer.open(sealed, answerContext(hash));
  }

  /** A spent row must stay as long as its reuse must be noticed. */
  private retainUntil(kind: string, payload: Payload): Date | null {
    if (!payload.exp) return null;
    const more: Record<string, number> = {
      AuthorizationCode: this.retention.spentCode,
      PushedAuthorizationRequest: this.retention.interaction,
      // RFC 8628 §3.5, OpenID Connect CIBA §11: who polls on is told that it has expired.
      DeviceCode: this.retention.spentCode,
      BackchannelAuthenticationRequest: this.retention.spentCode,
    };
    const familyEnd = kind === 'RefreshToken' && payload.iiat ? payload.iiat + this.retention.refreshTokenAbsolute : 0;
    return new Date(Math.max(payload.exp + (more[kind] ?? 0), familyEnd) * 1000);
  }
}

const answerContext = (hash: Buffer) => `refresh-answer:${hash.toString('hex')}`;
const payloadContext = (tenantId: string, kind: string) => `engine_rows:${tenantId}:${kind}`;

const sealedRow = { table: 'engine_rows', key: ['tenant_id', 'handle_hash'] };
export const sealedRows: SealedColumn[] = [
  {
    ...sealedRow,
    column: 'sealed_payload',
    also: ['kind'],
    context: ({ tenant_id, kind }) => payloadContext(String(tenant_id), String(kind)),
  },
  {
    ...sealedRow,
    column: 'sealed_answer',
    condition: 'answer_until IS NOT NULL',
    context: ({ handle_hash }) => answerContext(handle_hash as Buffer),
  },
];
