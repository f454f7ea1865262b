// How a feature says what it answers: one object per endpoint, mounted by api/ and printed as OpenAPI 3.1 from the same array.
import type { z } from 'zod';
import type { Requirement } from './requirement.js';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

export interface EndpointRequest<P, Q, B> {
  params: P;
  query: Q;
  body: B;
  /** The version the caller last saw (RFC 9110 §13.1.1); the service refuses with preconditionFailed where the row has moved on. */
  ifMatch?: number;
  /** Of a stream: what was seen last (HTML Living Standard §9.2.6), and when nobody listens any more. */
  listening?: { lastEventId: string | undefined; signal: AbortSignal };
}

/** Of what is asked: true where it takes a new proof of who asks, or whom it touches, where it takes one because of who they are there. */
export type ProofTaken<P, B> = 'always' | 'never' | ((said: { params: P; body: B }) => boolean | readonly string[]);

export interface Endpoint<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
> {
  method: Method;
  /** Below /api/v1, parameters as in `/clients/:client_id`. */
  path: string;
  /** What the bearer must hold (RFC 6750 §3.1). */
  scope: Requirement;
  /** What the person or client must be beside that, by their roles as they are now. */
  role?: Requirement;
  /** The lowest role in the organization of the path of a person who may ask the same with the session of their account; absent: tokens only. */
  member?: 'member' | 'admin' | 'owner';
  /** Of a change that members may ask for: whether it takes a new proof of who they are. What touches an owner does. */
  proof?: ProofTaken<z.output<P>, z.output<B>>;
  summary: string;
  description?: string;
  /** Waits for somebody else, as DNS: done again it does no harm, and Idempotency-Key, with which a connection would be held, says nothing. */
  asksOutside?: true;
  params?: P;
  /** Strict at every depth, as body is: a z.strictObject, or the mount refuses it. */
  query?: Q;
  body?: B;
  /** How long the body may be, where that is more than elsewhere (platform/json-body.ts). */
  bodyBytes?: number;
  /** What leaves: a field nobody listed is stripped. Absent means 204, or `status` without a body. */
  response?: R;
  /** Media types of what is written as it is read, in place of `response`: then handle returns a Streamed. */
  streams?: readonly string[];
  /** handle() returns what is said one after the other (platform/event-streams.ts), each in the shape of the response, until nobody listens. */
  stream?: true;
  /** A success; 200 unless said otherwise. */
  status?: number;
  /** A `version` in what it returns becomes the ETag. */
  handle(request: EndpointRequest<z.output<P>, z.output<Q>, z.output<B>>): Promise<unknown>;
}

/** What is longer than memory; the handler says what leaves. */
export interface Streamed {
  type: string;
  /** Of the file it is saved as. */
  name: string;
  chunks: AsyncIterable<string>;
}

/** Ties the types of one endpoint together. */
export const endpoint = <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  definition: Endpoint<P, Q, B, R>,
): Endpoint => definition as unknown as Endpoint;
