// A browser at an address of its own, so that limits by address are its own. The server must trust us as its proxy.
import { randomInt } from 'node:crypto';
import { Browser } from './browser.js';

/** For startServer({ environment }). */
export const trustingUs = { TRUST_PROXY: '127.0.0.1/32,::1/128' };

export class Elsewhere extends Browser {
  private readonly ip = `198.18.${randomInt(256)}.${randomInt(256)}`;

  override request(url: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('x-forwarded-for', this.ip);
    return super.request(url, { ...init, headers });
  }
}
