// What one refusal means to whoever runs the application: the check that failed, and what makes it right.
import type { RegisteredName, SeenName } from '../seen.js';

export interface Explanation {
  /** Its name, for ever: programs go by it. */
  check: string;
  /** As the client is told (RFC 6749 §4.1.2.1, §5.2). */
  error: string;
  /** How the refusal begins in words, or what it says; absent where the error alone says it. */
  says?: string | RegExp;
  /** What is looked at of the request; never more (seen.ts). */
  seen?: readonly SeenName[];
  registered?: readonly RegisteredName[];
  /** What an administrator changes; absent where the application has to ask for something else. */
  setting?: string;
  advice: string;
}
