// Each jti counts once for what it stands in: one of an assertion says nothing about one of a proof.
import { errors, type Provider } from 'oidc-provider';
import { clockTolerance } from '../../config/protocol.js';
import type { Replays } from '../features/protocol/replays.js';
import { currentEngineContext } from './adapter.js';
import { proofProblem } from './dpop.js';

/** A proof may have been made five minutes ahead of our clock, and is good for five from then on; the engine counts from now. */
const proofsAhead = 300;

/** Requests whose assertion is good but for its jti, which the engine asks about next. */
const proving = new WeakSet<object>();

export const nextIsAssertion = (ctx: object): void => {
  proving.add(ctx);
};

/**
 * @throws InvalidDpopProof for a proof that was shown before (RFC 9449 §5, §7.1): the engine has another word for it at each endpoint; and for one that
 * the profile of the client forbids (FAPI 2.0 §5.4.1).
 */
export function countOnce(provider: Provider, replays: Pick<Replays, 'unique'>): void {
  provider.ReplayDetection.unique = async (issuer: string, jti: string, exp: number) => {
    const ctx = currentEngineContext();
    if (ctx && proving.delete(ctx)) return replays.unique(issuer, jti, exp + clockTolerance);
    // Where a token is shown it says whose proof this is, after the engine has looked at it.
    const problem =
      ctx && !ctx.oidc.client && proofProblem(await provider.Client.find(issuer), String(ctx.get('DPoP')));
    if (problem) throw new errors.InvalidDpopProof(problem);
    if (await replays.unique(`DPoP ${issuer}`, jti, exp + proofsAhead + clockTolerance)) return true;
    throw new errors.InvalidDpopProof('DPoP proof JWT Replay detected');
  };
}
