// What the client is held to as a whole (profiles.ts). An administrator says it, never the client: no registration of its own makes it less.
import { z } from 'zod';
import { breaches, PROFILES } from '../profiles.js';
import type { Rule } from './rule.js';

export const settings = {
  profile: z.enum(PROFILES).optional(),
};

export const rule: Rule = (client, refuse) => {
  for (const { member, message } of breaches(client)) refuse(member, message);
};
