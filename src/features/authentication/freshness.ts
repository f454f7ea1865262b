/** NIST SP 800-63B-4 §4.1: a factor is bound by whoever is there now. After this who it is is proved anew; in seconds. */
export const FRESH_SECONDS = 10 * 60;
