// A browser without JavaScript: cookies by path and host, redirects one at a time, forms as a person would send them.
interface Cookie {
  name: string;
  value: string;
  path: string;
}

export interface Page {
  url: string;
  status: number;
  headers: Headers;
  html: string;
}

export class Browser {
  readonly cookies = new Map<string, Cookie>();

  /** One request, no redirect followed. */
  async request(url: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const cookie = this.cookieHeader(url);
    if (cookie) headers.set('cookie', cookie);
    if (!headers.has('accept')) headers.set('accept', 'text/html');
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    this.keep(response);
    return response;
  }

  /** Follows redirects as long as they stay below the origin given; the first address outside is where it ends. */
  async open(url: string, init: RequestInit = {}): Promise<Page> {
    const { origin } = new URL(url);
    let address = url;
    let response = await this.request(address, init);
    for (let hop = 0; hop < 15; hop += 1) {
      const location = response.headers.get('location');
      if (!location)
        return { url: address, status: response.status, headers: response.headers, html: await response.text() };
      address = new URL(location, address).href;
      if (new URL(address).origin !== origin)
        return { url: address, status: response.status, headers: response.headers, html: '' };
      response = await this.request(address);
    }
    throw new Error(`too many redirects, at ${address}`);
  }

  /** Sends the first form of the page, its hidden fields included. */
  async submit(page: Page, fields: Record<string, string | string[]>, form = 0): Promise<Page> {
    const { action, values } = readForm(page, form);
    const body = new URLSearchParams(values);
    for (const [name, value] of Object.entries(fields)) {
      body.delete(name);
      for (const one of [value].flat()) body.append(name, one);
    }
    return this.open(action, { method: 'POST', body, headers: { origin: new URL(page.url).origin } });
  }

  protected cookieHeader(url: string): string {
    const { pathname } = new URL(url);
    return [...this.cookies.values()]
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  protected keep(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(/;\s*/);
      const name = pair.slice(0, pair.indexOf('='));
      const value = pair.slice(pair.indexOf('=') + 1);
      const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) ?? '/';
      const gone = value === '' || attributes.some((one) => /^expires=thu, 01 jan 1970/i.test(one));
      if (gone) this.cookies.delete(`${name}|${path}`);
      else this.cookies.set(`${name}|${path}`, { name, value, path });
    }
  }
}

export function readForm(page: Page, index = 0): { action: string; values: [string, string][] } {
  const forms = [...page.html.matchAll(/<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)];
  const form = forms[index];
  if (!form)
    throw new Error(
      `no form on ${page.url} (${page.status}):\n${page.html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')}`,
    );
  const values: [string, string][] = [];
  for (const [input] of (form[2] ?? '').matchAll(/<input[^>]*>/g)) {
    const attribute = (name: string) => decode(new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1] ?? '');
    if (attribute('name') && !/type="(checkbox|radio)"/.test(input))
      values.push([attribute('name'), attribute('value')]);
  }
  return { action: new URL(decode(form[1] ?? ''), page.url).href, values };
}

const decode = (html: string) =>
  html
    .replaceAll('&amp;', '&')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
