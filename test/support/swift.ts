// One request of thousands: on connections that are kept, without what fetch() does besides. No redirect is followed.
import { type Dispatcher, request } from 'undici';

export interface Swift {
  status: number;
  location: string;
  text: string;
  /** Of a JSON answer. */
  body: Record<string, unknown>;
}

interface Sent {
  method?: string;
  headers?: Record<string, string>;
  form?: Record<string, string> | undefined;
  json?: unknown;
}

export async function swift(address: string, { method = 'GET', headers = {}, form, json }: Sent = {}): Promise<Swift> {
  const type = json ? 'application/json' : form && 'application/x-www-form-urlencoded';
  const answer = await request(address, {
    method: method as Dispatcher.HttpMethod,
    // The same browser as that of fetch(), for those who look at it.
    headers: { 'user-agent': 'node', ...headers, ...(type ? { 'content-type': type } : {}) },
    body: form ? String(new URLSearchParams(form)) : json ? JSON.stringify(json) : null,
  });
  const text = await answer.body.text();
  const { location = '', 'content-type': answered = '' } = answer.headers as Record<string, string>;
  const body = answered.includes('json') && text ? JSON.parse(text) : {};
  return { status: answer.statusCode, location, text, body };
}
