// How each thing that the server stands on is: one function each, which asks and never changes anything. What it says names no host, no user and no
// secret; what went wrong in detail is in the log of whoever met it.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { Queue } from '../../platform/job-rows.js';
import type { MailHealth } from '../mail/mail.driver.js';

/**
 * `healthy`: asked just now, and well. `configured`: set up, and not known to be well: it has not answered in time. `not_configured`: not set up, and
 * nothing here needs it. `misconfigured`: it does not do what it was set up for, and somebody has to mend that.
 */
export const statuses = ['healthy', 'configured', 'not_configured', 'misconfigured'] as const;

export interface Found {
  status: (typeof statuses)[number];
  detail: string;
}

const healthy = (detail: string): Found => ({ status: 'healthy', detail });
const notConfigured = (detail: string): Found => ({ status: 'not_configured', detail });
const misconfigured = (detail: string): Found => ({ status: 'misconfigured', detail });

/** Seconds: as the alert on jobs that wait (ops/prometheus/alerts.yml). */
const LONG_DUE = 300;

/** @param version asks for it. */
export async function databaseCheck(version: () => Promise<string>, embedded: boolean): Promise<Found> {
  return healthy(`${embedded ? 'The embedded database' : 'PostgreSQL'} ${await version()} answers`);
}

/** @param ping absent where no Redis is set. */
export async function redisCheck(ping: (() => Promise<unknown>) | undefined): Promise<Found> {
  if (!ping) return notConfigured('Limits are counted in memory, and sign-ins in progress are rows of the database');
  await ping();
  return healthy('Redis answers');
}

/** @param folders that the server writes to, by what they are for. */
export async function storageCheck(folders: Readonly<Record<string, string>>): Promise<Found> {
  const names = Object.keys(folders);
  if (names.length === 0) return notConfigured('Nothing is kept in files');
  for (const [name, folder] of Object.entries(folders)) {
    const problem = await folderProblem(folder);
    if (problem) return misconfigured(`The folder of the ${name} ${problem}`);
  }
  return healthy(`The folder of the ${names.join(' and that of the ')} can be written`);
}

/** Of a folder that is there before the server starts, or is made by it. */
export async function folderProblem(folder: string): Promise<string | undefined> {
  const found = await stat(folder).catch(() => undefined);
  if (!found) return 'is not there';
  if (!found.isDirectory()) return 'is no folder';
  const mode = constants.R_OK | constants.W_OK | constants.X_OK;
  return access(folder, mode).then(
    () => undefined,
    () => 'cannot be written by the user that runs the server',
  );
}

/** @param look absent where no way to send mail is set. @param needed where people have no other way to see it. */
export async function mailCheck(
  look: (() => Promise<MailHealth | undefined>) | undefined,
  needed: boolean,
): Promise<Found> {
  if (!look)
    return needed ? misconfigured('No mail leaves: set MAIL_URL') : notConfigured('Mail is kept on /dev/mailbox');
  const health = await look();
  if (!health) return { status: 'configured', detail: 'The mail server has not been asked yet' };
  return health === 'healthy'
    ? healthy('The mail server takes mail')
    : misconfigured(`The mail server does not take mail (${health.reason})`);
}

export async function jobsCheck(queue: () => Promise<Queue>): Promise<Found> {
  const { oldest, dead } = await queue();
  if (oldest >= LONG_DUE)
    return misconfigured(`A job has waited for ${Math.round(oldest)} s: see to it that a process does jobs`);
  return healthy(dead > 0 ? `Jobs are done; ${dead} have failed for good` : 'Jobs are done');
}

export type KeyState = 'open' | 'none' | 'sealed' | 'overdue';

const keyWords: Record<KeyState, Found> = {
  open: healthy('The signing keys open, and are as new as they have to be'),
  none: { status: 'configured', detail: 'The signing keys are made at the first use' },
  sealed: misconfigured('The signing keys do not open: ENCRYPTION_KEYS has to hold the key they were sealed with'),
  overdue: misconfigured(
    'The signing keys are older than settings.signing_keys.rotation_days says: see to it that a process does jobs',
  ),
};

export const signingKeysCheck = async (state: () => Promise<KeyState>): Promise<Found> => keyWords[await state()];
