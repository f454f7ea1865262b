// Follows the events of a server as they happen (server-sent events, HTML Living Standard §9.2), and posts each where it is wanted. Runs at whoever
// develops, not on the server: it calls what they have named.
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { signedHeaders } from '../features/webhooks/webhook-signature.js';
import { CommandError, EXIT } from './terminal.js';

export interface Listening {
  /** The issuer. */
  server: string;
  forward: string;
  clientId: string;
  clientSecret: string;
  events: readonly string[];
  secret: string;
}

const Metadata = z.object({ issuer: z.string(), token_endpoint: z.url() });
const Token = z.object({ access_token: z.string() });
const Event = z.looseObject({ id: z.string(), name: z.string(), occurred_at: z.string() });

const AGAIN_MS = 1_000;
/** What happened around a break comes twice. */
const REMEMBERED = 1_000;

/** Until the signal, or until the server says that this client may not. @throws CommandError */
export async function listen(listening: Listening, print: (line: string) => void, signal: AbortSignal): Promise<void> {
  const seen: string[] = [];
  while (!signal.aborted) {
    const response = await stream(listening, seen.at(-1), signal).catch((error: unknown) => {
      if (error instanceof CommandError) throw error;
      if (!signal.aborted) print(`${listening.server} does not answer; trying again\n`);
    });
    // Where it breaks off, it is asked for anew.
    if (response) await passOn(response).catch(() => {});
    await delay(AGAIN_MS, undefined, { signal }).catch(() => {});
  }

  async function passOn(response: Response): Promise<void> {
    for await (const text of dataOf(response)) {
      const event = Event.parse(JSON.parse(text));
      if (seen.includes(event.id)) continue;
      seen.push(event.id);
      if (seen.length > REMEMBERED) seen.shift();
      print(`${event.occurred_at} ${event.name} ${event.id} → ${await pass(listening, event, signal)}\n`);
    }
  }
}

/** @throws CommandError, TypeError where nobody answers. */
async function stream(
  { server, clientId, clientSecret, events }: Listening,
  last: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const metadata = await fetch(`${server}/.well-known/openid-configuration`, { signal });
  const { issuer, token_endpoint } = Metadata.parse(await json(metadata));
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':');
  const answer = await fetch(token_endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'audit:read', resource: `${issuer}/api` }),
    signal,
  });
  const { access_token } = Token.parse(await json(answer));
  const query = new URLSearchParams(events.map((name) => ['event', name]));
  const headers = {
    accept: 'text/event-stream',
    authorization: `Bearer ${access_token}`,
    ...(last ? { 'last-event-id': last } : {}),
  };
  return accepted(await fetch(`${server}/api/v1/audit-events/stream?${query}`, { headers, signal }));
}

/** @returns what to say of it. */
async function pass(
  { forward, secret }: Listening,
  event: z.output<typeof Event>,
  signal: AbortSignal,
): Promise<string> {
  const { id, name, occurred_at } = event;
  const body = JSON.stringify({ type: name, timestamp: occurred_at, data: event });
  const headers = { 'content-type': 'application/json', ...signedHeaders([secret], id, new Date(), body) };
  return fetch(forward, { method: 'POST', headers, body, signal, redirect: 'manual' }).then(
    ({ status }) => String(status),
    () => 'no answer',
  );
}

const json = async (response: Response): Promise<unknown> => accepted(response).json();

/** @throws CommandError for what will not be different the next time. */
function accepted(response: Response): Response {
  if (response.ok) return response;
  const { status, url } = response;
  if ([400, 401, 403, 404].includes(status))
    throw new CommandError(`${new URL(url).pathname} answers ${status}`, EXIT.failed);
  throw new Error(`${status}`);
}

/** §9.2.6: fields of a line each, an event ended by an empty one; of ours the data is one line. */
async function* dataOf({ body }: Response): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data: ')) yield line.slice('data: '.length);
  }
}
