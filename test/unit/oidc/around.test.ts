// What is done around the engine's endpoints is done where it was told, in the order in which it was told, and nowhere else.
import { describe, expect, test } from '@jest/globals';
import { routes } from '../../../config/protocol.js';
import { Around, type EngineMiddleware } from '../../../src/oidc/around.js';
import type { EngineContext } from '../../../src/oidc/engine-types.js';

describe('work around the endpoints of the engine', () => {
  async function passed(path: string): Promise<string[]> {
    const steps: string[] = [];
    const step =
      (name: string): EngineMiddleware =>
      async (_ctx, next) => {
        steps.push(name);
        await next();
        steps.push(`/${name}`);
      };
    const around = new Around();
    around.below([routes.registration], step('first'));
    around.below([routes.introspection, routes.registration], step('second'));
    around.below([routes.registration, routes.revocation], step('third'));
    await around.middleware({ path } as EngineContext, async () => void steps.push('engine'));
    return steps;
  }

  const all = ['first', 'second', 'third', 'engine', '/third', '/second', '/first'];
  test.each([
    [routes.token, ['engine']],
    [routes.introspection, ['second', 'engine', '/second']],
    [routes.revocation, ['third', 'engine', '/third']],
    [routes.registration, all],
    [`${routes.registration}/an-id`, all],
    [`${routes.registration}s`, ['engine']],
    [`/t/acme${routes.registration}`, ['engine']],
    ['/', ['engine']],
  ])('%s', async (path, expected) => {
    expect(await passed(path)).toEqual(expected);
  });
});
