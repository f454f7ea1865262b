// The room V8 keeps for young objects: it makes it larger when many of them outlive a collection, and does not give it back. While modules are
// loaded nearly all do, and a process would keep the largest room there is for objects that no request makes. So `npm start` gives it what requests
// need (--min-semi-space-size), and no more until it has started: docs/performance.md has the numbers.
import { setFlagsFromString } from 'node:v8';

// As a flag of the command line V8 takes no factor below its own, which is 2.
const grow = (factor: number) => setFlagsFromString(`--semi-space-growth-factor=${factor}`);

/** While a process starts. */
export const keepYoungGenerationSmall = (): void => grow(1);

/** From now on as ever, by what requests make. */
export const letYoungGenerationGrow = (): void => grow(2);
