// What a primary and its workers say to each other, over IPC: a signal reaches whole groups of processes and cannot say how to leave.
import { z } from 'zod';
import type { departures } from './platform/web-server.js';

/** To a worker: go, as the server stops (`drain`) or because another has taken its place (`retire`). */
const Leave = z.object({ leave: z.enum(['drain', 'retire'] satisfies (keyof typeof departures)[]) });
/** To the primary: it serves. */
const Ready = z.object({ ready: z.literal(true) });

export const leaveMessage = (leave: keyof typeof departures): z.infer<typeof Leave> => ({ leave });
export const readyMessage: z.infer<typeof Ready> = { ready: true };

export const readLeave = (message: unknown): keyof typeof departures | undefined =>
  Leave.safeParse(message).data?.leave;
export const isReady = (message: unknown): boolean => Ready.safeParse(message).success;
