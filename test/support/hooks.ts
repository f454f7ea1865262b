// Of every import of a test process (module.register): @jest/globals is what framework.ts has put into globals.ts.
import type { ResolveHook } from 'node:module';

const globals = new URL('./globals.js', import.meta.url).href;

export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === '@jest/globals' ? { url: globals, shortCircuit: true } : next(specifier, context);
