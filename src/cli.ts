#!/usr/bin/env node
// Where the `ostiary` command begins: what has to be said before any other module is loaded. Handed off to: command-line.ts.
import { keepYoungGenerationSmall } from './platform/young-generation.js';

keepYoungGenerationSmall();
await import('./command-line.js');
