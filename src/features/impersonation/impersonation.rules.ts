// Nobody becomes more than they are: what the roles of the person open that those of whoever would act for them do not. Pure.

import type { Opened } from '../roles/role.service.js';

export function beyond(person: Opened, actor: Opened): string[] {
  const here = [...person.permissions].filter((one) => !actor.permissions.has(one));
  const elsewhere = [...person.atResources].flatMap(([resource, names]) => {
    const own = actor.atResources.get(resource) ?? [];
    return names.filter((name) => !own.includes(name)).map((name) => `${name} at ${resource}`);
  });
  return [...here, ...elsewhere];
}
