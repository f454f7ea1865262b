import { describe, expect, it } from '@jest/globals';
import { beyond } from '../../src/features/impersonation/impersonation.rules.js';

const opened = (permissions: string[], atResources: Record<string, string[]> = {}) => ({
  permissions: new Set(permissions),
  atResources: new Map(Object.entries(atResources)),
});
type Opened = ReturnType<typeof opened>;

describe('what a person may do that whoever would act for them may not', () => {
  it.each<[string, Opened, Opened, string[]]>([
    ['nobody has a role', opened([]), opened([]), []],
    ['the person has none', opened([]), opened(['a'], { 'urn:x': ['read'] }), []],
    ['the same', opened(['a'], { 'urn:x': ['read'] }), opened(['a', 'b'], { 'urn:x': ['write', 'read'] }), []],
    ['more here', opened(['a', 'b']), opened(['a']), ['b']],
    [
      'more at a resource',
      opened([], { 'urn:x': ['read', 'write'] }),
      opened([], { 'urn:x': ['read'] }),
      ['write at urn:x'],
    ],
    [
      'the same word at another',
      opened([], { 'urn:x': ['read'] }),
      opened([], { 'urn:y': ['read'] }),
      ['read at urn:x'],
    ],
    ['the same word here', opened([], { 'urn:x': ['read'] }), opened(['read']), ['read at urn:x']],
    ['both', opened(['b'], { 'urn:x': ['read'] }), opened(['a']), ['b', 'read at urn:x']],
  ])('%s', (_name, person, actor, more) => {
    expect(beyond(person, actor)).toEqual(more);
  });
});
