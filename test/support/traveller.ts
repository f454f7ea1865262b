// A browser that is somewhere, and can be taken elsewhere: for servers that trust the proxy in front of them (TRUST_PROXY).
import { Browser } from './browser.js';

/** What startServer() needs for it. */
export const trusting = { environment: { TRUST_PROXY: '127.0.0.1/32,::1/128' } };

export const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
export const chrome =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36';

export class Traveller extends Browser {
  constructor(
    public ip: string,
    public userAgent = firefox,
  ) {
    super();
  }

  override request(url: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('x-forwarded-for', this.ip);
    headers.set('user-agent', this.userAgent);
    return super.request(url, { ...init, headers });
  }

  /** Only what it is recognised by stays: a sign-in from the beginning. */
  forgetSessions(): void {
    for (const [key, { name }] of this.cookies) if (!name.includes('ostiary_device')) this.cookies.delete(key);
  }

  /** Somebody else has its cookies. */
  stolen(ip: string, userAgent = this.userAgent): Traveller {
    const thief = new Traveller(ip, userAgent);
    for (const [key, cookie] of this.cookies) thief.cookies.set(key, cookie);
    return thief;
  }
}
