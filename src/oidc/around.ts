// What is done around the engine's own work, endpoint by endpoint. A request looks once whether there is anything for its path: most have nothing.
import type { EngineContext } from './engine-types.js';
import { engineRoutes } from './routes.js';

export type EngineMiddleware = (ctx: EngineContext, next: () => Promise<void>) => Promise<void>;

/** At a path and below it, in the order in which it was told. */
export class Around {
  private readonly works: { paths: readonly string[]; work: EngineMiddleware }[] = [];
  private readonly known = new Map<string, EngineMiddleware | undefined>();

  below(paths: readonly string[], work: EngineMiddleware): void {
    this.works.push({ paths, work });
    for (const { path } of engineRoutes) this.known.set(path, this.composed(path));
  }

  readonly middleware: EngineMiddleware = (ctx, next) => {
    const { path } = ctx;
    // What ends in an id is none of these, and there are too many of them to keep.
    const work = this.known.has(path) ? this.known.get(path) : this.composed(path);
    return work ? work(ctx, next) : next();
  };

  private composed(path: string): EngineMiddleware | undefined {
    const inside = (one: string) => path === one || path.startsWith(`${one}/`);
    return this.works
      .filter(({ paths }) => paths.some(inside))
      .map(({ work }) => work)
      .reduceRight<EngineMiddleware | undefined>(
        (rest, work) => (rest ? (ctx, next) => work(ctx, () => rest(ctx, next)) : work),
        undefined,
      );
  }
}
