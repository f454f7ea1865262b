import type { FullMetadata } from '../client.metadata.js';

/** Says the member that is wrong, and why. */
export type Refuse = (member: string, message: string) => void;

/** What must hold between the members of client metadata. */
export type Rule = (client: FullMetadata, refuse: Refuse) => void;
