// What a page that chooses a password asks while somebody types: how strong it is. The doors decide who may ask; nothing of it is kept or logged.
import type { Context } from 'koa';
import { AppError } from './errors.js';
import { clientKey, type RateLimits } from './rate-limit.js';
import type { Strength } from './strength.js';

/** Of PasswordService. */
interface PasswordAdviser {
  strength(password: string, person: { email: string }): Promise<{ strength: Strength; problem?: string }>;
}

type AnswerStrength = (ctx: Context, password: string, person: { email: string }) => Promise<void>;

/** @returns what answers with JSON, once the door has made sure that its own page asks. */
export function strengthMeter(
  passwords: PasswordAdviser,
  rateLimits: RateLimits,
  limit: { points: number; seconds: number },
): AnswerStrength {
  const asked = rateLimits.limiter({ name: 'password_strength', ...limit });
  return async (ctx, password, person) => {
    await asked.consume(clientKey(ctx.state.ip));
    ctx.set('Cache-Control', 'no-store');
    try {
      const { strength, problem } = await passwords.strength(password, person);
      ctx.body = { strength, problem };
    } catch (error) {
      // Advice is given or not; nobody has to do without a password for it.
      if (!(error instanceof AppError) || error.status !== 503) throw error;
      ctx.status = 204;
    }
  };
}
