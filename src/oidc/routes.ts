// Every endpoint of the engine, one line each: a path that is not byte-equal to one of them never reaches it, since it would fold case and
// trailing slashes. The door (engine-door.ts), the short way (express.ts), the log (events.ts) and the traces (trace.ts) all go by this table.
import { routes } from '../../config/protocol.js';
import { discoveryRoutes } from './published.js';

interface EngineRoute {
  path: string;
  /** Below it the engine has one more segment: an id of its own making. */
  withId?: true;
  /** A wrong secret, code or token can be tried here: calls that fail count against the address. */
  guessable?: true;
  /** Asked by programs, most of all requests: they need no page, and take the short way. */
  program?: true;
  /** Each call may leave something behind for a while: calls count against the address, those of programs (`program`) and of browsers apart. */
  leavesRows?: true;
  /** OpenID Connect Core §3.1.2.1 and RP-Initiated Logout 1.0 §2: a request that a browser may also send as a form. */
  alsoAsForm?: true;
  /** How the engine names what it refuses here. */
  refusals?: readonly `${string}.error`[];
  /** People or registered applications meet it: a refusal is kept, so that it can be explained later. */
  explained?: true;
}

export const engineRoutes: readonly EngineRoute[] = [
  {
    path: routes.authorization,
    withId: true,
    leavesRows: true,
    alsoAsForm: true,
    refusals: ['authorization.error'],
    explained: true,
  },
  { path: routes.token, guessable: true, program: true, refusals: ['grant.error'], explained: true },
  { path: routes.userinfo, guessable: true, program: true, refusals: ['userinfo.error'] },
  { path: routes.introspection, guessable: true, program: true, refusals: ['introspection.error'] },
  { path: routes.revocation, guessable: true, program: true, refusals: ['revocation.error'] },
  {
    path: routes.registration,
    withId: true,
    guessable: true,
    refusals: [
      'registration_create.error',
      'registration_read.error',
      'registration_update.error',
      'registration_delete.error',
    ],
  },
  {
    path: routes.pushed_authorization_request,
    guessable: true,
    program: true,
    refusals: ['pushed_authorization_request.error'],
    explained: true,
  },
  {
    path: routes.device_authorization,
    guessable: true,
    program: true,
    leavesRows: true,
    refusals: ['device_authorization.error'],
    explained: true,
  },
  {
    path: routes.backchannel_authentication,
    guessable: true,
    program: true,
    leavesRows: true,
    refusals: ['backchannel_authentication.error'],
    explained: true,
  },
  // What can be tried here has a limit of its own (device-door.ts): people are told by a page.
  {
    path: routes.code_verification,
    withId: true,
    leavesRows: true,
    refusals: ['code_verification.error', 'device_resume.error'],
  },
  { path: routes.end_session, alsoAsForm: true, refusals: ['end_session.error'], explained: true },
  { path: `${routes.end_session}/confirm`, refusals: ['end_session_confirm.error'], explained: true },
  { path: `${routes.end_session}/success` },
  { path: routes.jwks, program: true, refusals: ['jwks.error'] },
  ...discoveryRoutes.map((path) => ({ path, program: true, refusals: ['discovery.error'] }) as const),
];

const pathsOf = (routesOfEngine: readonly EngineRoute[]) => routesOfEngine.map(({ path }) => path);

const exact = new Set(pathsOf(engineRoutes));
const withId = pathsOf(engineRoutes.filter((route) => route.withId));
const id = /^\/[A-Za-z0-9_-]{1,128}$/;

/** @returns under which name the path is limited and measured, undefined where it is not the engine's. */
export function routeOf(path: string): string | undefined {
  if (exact.has(path)) return path;
  const parent = withId.find((one) => path.startsWith(`${one}/`) && id.test(path.slice(one.length)));
  return parent && `${parent}/:id`;
}

export const guessableRoutes: ReadonlySet<string> = new Set(pathsOf(engineRoutes.filter((route) => route.guessable)));
const leaving = engineRoutes.filter((route) => route.leavesRows);
export const countedRoutes: ReadonlySet<string> = new Set(pathsOf(leaving.filter((route) => !route.program)));
export const storingRoutes: ReadonlySet<string> = new Set(pathsOf(leaving.filter((route) => route.program)));
export const formRoutes: ReadonlySet<string> = new Set(pathsOf(engineRoutes.filter((route) => route.alsoAsForm)));
export const machineRoutes: readonly string[] = pathsOf(engineRoutes.filter((route) => route.program));

/** Those of one name are one event, whatever number of routes has them. */
const refusalsOf = (some: readonly EngineRoute[]) => [...new Set(some.flatMap(({ refusals }) => refusals ?? []))];
export const refusals = refusalsOf(engineRoutes);
export const explainedRefusals = refusalsOf(engineRoutes.filter((route) => route.explained));

const explained = new Set(
  pathsOf(engineRoutes.filter((route) => route.explained)).flatMap((path) => [path, `${path}/:id`]),
);
export const isExplained = (path: string): boolean => explained.has(routeOf(path) ?? '');

/**
 * Refusals by which nobody has guessed anything: the same request is right a moment later, or with the nonce it was told (RFC 8628 §3.5, OpenID
 * Connect CIBA §11, RFC 9449 §8).
 */
export const isNotYet = (error: string | undefined): boolean =>
  error === 'authorization_pending' || error === 'slow_down' || error === 'use_dpop_nonce';
