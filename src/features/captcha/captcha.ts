// Owns the question whether a person is there, asked once several tries have failed: Cloudflare Turnstile, or nothing where none is set up.
// Hands off to: the only way out (platform/egress.ts). The lock of the account holds whatever is answered here.
import { z } from 'zod';
import type { Logger } from '../../platform/logger.js';

export interface Captcha {
  readonly siteKey: string;
  /** Its own field in a form that was sent. */
  readonly field: string;
  /** What the page has to load, and from where. */
  readonly script: string;
  readonly origin: string;
  /** @param host of the page that asked. */
  verify(token: string, ip: string | undefined, host: string): Promise<boolean>;
}

const origin = 'https://challenges.cloudflare.com';

const Answer = z.object({ success: z.boolean(), hostname: z.string().optional() });

/** Longer than any token (Turnstile: at most 2048 characters). */
const MOST = 2048;

export interface TurnstileSettings {
  siteKey: string;
  secret: string;
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  logger: Pick<Logger, 'warn'>;
  /** Cloudflare's keys for tests answer of another page than the one that asked. */
  testing?: boolean | undefined;
}

/**
 * Where Cloudflare cannot be asked, the sign-in goes on under the lock and the limits alone: they bound guessing by themselves, and nobody
 * is kept out because somebody else's server is away. Where it answers anything but yes, it does not.
 */
export class Turnstile implements Captcha {
  readonly field = 'cf-turnstile-response';
  readonly script = `${origin}/turnstile/v0/api.js`;
  readonly origin = origin;
  readonly siteKey: string;

  constructor(private readonly settings: TurnstileSettings) {
    this.siteKey = settings.siteKey;
  }

  async verify(token: string, ip: string | undefined, host: string): Promise<boolean> {
    if (token === '' || token.length > MOST) return false;
    const { secret, fetch, logger, testing } = this.settings;
    const body = String(new URLSearchParams({ secret, response: token, ...(ip ? { remoteip: ip } : {}) }));
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    try {
      const response = await fetch(`${origin}/turnstile/v0/siteverify`, { method: 'POST', headers, body });
      if (response.status >= 500) throw new Error(`it answers ${response.status}`);
      const answer = Answer.safeParse(await response.json().catch(() => undefined));
      if (!answer.success || !answer.data.success) return false;
      // Solved on another page, an answer is somebody's who was lent to us: a key may be good for many hosts.
      return testing === true || answer.data.hostname === host;
    } catch (error) {
      logger.warn('the captcha could not be verified; the sign-in goes on under the lock alone', { error });
      return true;
    }
  }
}
