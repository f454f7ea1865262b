// An authenticator app (RFC 6238): each code once, as the server takes them (§5.2), of the steps around now.
import { generate } from 'otplib';

const stepSeconds = 30;

/** A code is on its way for this long. */
const travelSeconds = 3;

export class AuthenticatorApp {
  private used = 0;

  constructor(private readonly secret: string) {}

  /** The next one that was not used yet; waits where that is too far ahead of now. */
  async code(): Promise<string> {
    this.used = Math.max(this.used + 1, stepAt(travelSeconds) - 1);
    while (this.used > stepAt(0) + 1) await new Promise((resolve) => setTimeout(resolve, 500));
    return generate({ secret: this.secret, epoch: this.used * stepSeconds });
  }
}

const stepAt = (ahead: number): number => Math.floor((Date.now() / 1000 + ahead) / stepSeconds);
