import { z } from 'zod';
import { plainText } from '../../platform/text.js';

export const EndSessionsOfAll = z.strictObject({
  reason: plainText(300).meta({ description: 'Stands in the audit log' }),
  client_id: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .meta({ description: 'Only sessions in which this application was signed in to' }),
});
export type EndSessionsOfAll = z.infer<typeof EndSessionsOfAll>;

export const MassEndingView = z
  .object({
    before: z.iso.datetime().meta({ description: 'Sessions that began later go on' }),
    kept_session_id: z.string().nullable().meta({ description: 'The session of whoever asked, which goes on' }),
  })
  .meta({ id: 'SessionsEnding' });
