// An endpoint that goes on answering: server-sent events, for as long as the caller listens and their token is good.
import type { Context } from 'koa';
import { z } from 'zod';
import { currentTenantId } from '../platform/context.js';
import type { Endpoint } from '../platform/endpoint.js';
import { AppError, badRequest, unavailable } from '../platform/errors.js';
import { type EventStreams, type StreamEvent, sendEvents } from '../platform/event-streams.js';
import { readRequest } from './answer.js';
import { assertOrganization, assertWithin } from './organization-header.js';
import type { Asking, Serving } from './serving.js';

interface Streaming extends Pick<Serving, 'organization' | 'namedInHeader'> {
  streams: EventStreams | undefined;
  mayGoOn: () => Promise<boolean>;
}

const MEDIA_TYPE = 'text/event-stream';

/** @throws AppError 406, 429, and what the endpoint refuses: before anything was said. */
export async function serveStream(
  ctx: Context,
  endpoint: Endpoint,
  { organizationId }: Asking,
  { streams, mayGoOn, organization, namedInHeader }: Streaming,
): Promise<void> {
  // By its name: whoever takes anything does not expect an answer without an end.
  if (!ctx.get('Accept').includes(MEDIA_TYPE)) throw new AppError(406, 'not_acceptable', `This answers ${MEDIA_TYPE}`);
  if (!streams) throw unavailable('no_streams', 'Nothing can be listened to here', 60);
  const lastEventId = readLastEventId(ctx);
  const request = await readRequest(endpoint, ctx, undefined);
  if (organizationId) await assertWithin(organizationId, endpoint, request.params, organization);
  if (organization && namedInHeader) await assertOrganization(ctx, endpoint, request.params, organization);
  const stop = new AbortController();
  try {
    const said = (await endpoint.handle({
      ...request,
      listening: { lastEventId, signal: stop.signal },
    })) as AsyncIterable<StreamEvent>;
    // Whoever asks for what is not there takes no place from anybody.
    streams.enter(currentTenantId(), stop);
    ctx.respond = false;
    if (ctx.method === 'HEAD') return void ctx.res.writeHead(200, { 'content-type': MEDIA_TYPE }).end();
    await sendEvents(ctx.res, declared(endpoint, said), stop, mayGoOn);
  } finally {
    stop.abort();
  }
}

/** HTML Living Standard §9.2.6. @throws AppError 400 for what was no id of ours. */
function readLastEventId(ctx: Context): string | undefined {
  const given = ctx.get('Last-Event-ID');
  if (given === '') return undefined;
  const id = z.uuidv7().safeParse(given);
  if (!id.success) throw badRequest('invalid_last_event_id', 'Last-Event-ID is not one this stream gave out');
  return id.data;
}

/** Only the fields that the response names leave. */
async function* declared({ response }: Endpoint, said: AsyncIterable<StreamEvent>): AsyncGenerator<StreamEvent> {
  for await (const one of said) yield response ? { ...one, data: await response.parseAsync(one.data) } : one;
}
