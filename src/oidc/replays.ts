// Each jti counts once for what it stands in: one of an assertion says nothing about one of a proof.
import { errors, type Provider } from 'oidc-provider';
import { clockTolerance } from '../../config/protocol.js';
import type { Replays } from '../features/protocol/replays.js';
import { currentEngineContext } from './adapter.js';

/** Requests whose assertion is good but for its jti, which the engine asks about next. */
const proving = new WeakSet<object>();

export const nextIsAssertion = (ctx: object): void => {
  proving.add(ctx);
};

/** @throws InvalidDpopProof for a proof that was shown before (RFC 9449 §5, §7.1): the engine has another word for it at each endpoint. */
export function countOnce(provider: Provider, replays: Pick<Replays, 'unique'>): void {
  provider.ReplayDetection.unique = async (issuer: string, jti: string, exp: number) => {
    const ctx = currentEngineContext();
    if (ctx && proving.delete(ctx)) return replays.unique(issuer, jti, exp + clockTolerance);
    if (await replays.unique(`DPoP ${issuer}`, jti, exp + clockTolerance)) return true;
    throw new errors.InvalidDpopProof('DPoP proof JWT Replay detected');
  };
}
