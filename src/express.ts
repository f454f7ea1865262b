// The short way for programs: the endpoints that are asked most, straight from the front to the engine, without the doors of people.
// Whatever is out of the ordinary, a refusal included, takes the long way (app.ts), which meets the same and has the words for it.
import type { ServerResponse } from 'node:http';
import type { Tenant } from './features/tenants/tenant.entity.js';
import { hasEncodedBody, type Observed } from './front.js';
import type { Issuers } from './issuers.js';
import type { EngineDoor } from './oidc/engine-door.js';
import { machineRoutes } from './oidc/routes.js';
import { enterTenant } from './platform/context.js';

type Handler = (req: Observed, res: ServerResponse) => unknown;

export function express(
  issuers: Issuers,
  door: EngineDoor,
  headers: ReadonlyMap<string, string>,
  isShut: (tenant: Tenant, path: string) => Promise<boolean>,
  longWay: Handler,
): Handler {
  const always = [...headers].flat();
  const routes = new Set(machineRoutes);
  const names = machineRoutes.map((route) => route.replaceAll('.', '\\.')).join('|');
  // As the path of a tenant ends, or begins (RFC 8414 §3.1); guessed wrong, it costs a second look.
  const likely = new RegExp(`^(?:${names})|^[^?]*(?:${names})(?:\\?|$)`);

  const serve = async (req: Observed, res: ServerResponse): Promise<boolean> => {
    if (hasEncodedBody(req)) return false;
    await issuers.resolve(req);
    const { front, url = '' } = req;
    const route = pathOf(url);
    if (
      !routes.has(route) ||
      (await isShut(front.tenant, route)) ||
      (await door.wait(route, front.tenant.id, req, front.ip)) > 0
    )
      return false;
    front.route = route;
    enterTenant(front.tenant.id);
    const answer = await door.find(route, front.tenant.id, req, front.ip);
    await answer(res, ['X-Request-Id', front.requestId, ...always]);
    return true;
  };

  return async (req, res) => {
    const { url = '' } = req;
    if (likely.test(url)) {
      try {
        if (await serve(req, res)) return;
      } catch {
        if (res.headersSent) return void res.destroy();
      }
      req.url = url;
    }
    await longWay(req, res);
  };
}

const pathOf = (url: string): string => {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
};
