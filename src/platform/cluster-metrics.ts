// One page of metrics for a machine: the workers of a cluster are asked over IPC, and their answers added up by the primary.
import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { z } from 'zod';

type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

const Question = z.object({ metrics: z.literal('ask'), id: z.number() });
const Answer = z.object({ metrics: z.literal('answer'), id: z.number(), values: z.unknown() });
/** A worker that does not answer is left out: one that hangs does not hide the others. */
const patienceMs = 2_000;
/** The answer that nobody asked for: a worker's last words. */
const farewell = 0;

/** In a worker: answers the primary. @returns how to say the last numbers before the end, so that no count is lost. */
export function answerMetrics(registry: Registry): () => Promise<void> {
  const tell = async (id: number) => {
    const values = await registry.getMetricsAsJSON();
    await new Promise<void>((resolve) => process.send?.({ metrics: 'answer', id, values }, () => resolve()));
  };
  process.on('message', (message) => {
    const { success, data } = Question.safeParse(message);
    if (success) void tell(data.id);
  });
  return () => tell(farewell);
}

export class ClusterMetrics {
  private nextId = farewell + 1;
  private readonly waiting = new Map<number, (values: Metrics) => void>();
  private readonly lastSeen = new Map<number, Metrics>();
  /** Counters of workers that have ended: a sum that falls would be read as a restart, and counted again. */
  private past: Promise<Metrics> = Promise.resolve([]);

  /** @param own the primary's registry. */
  constructor(private readonly own: Registry) {
    cluster.on('message', this.hear);
    cluster.on('disconnect', this.bury);
  }

  close(): void {
    cluster.off('message', this.hear);
    cluster.off('disconnect', this.bury);
  }

  /** In the text format of Prometheus. */
  async text(): Promise<string> {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected()) as Worker[];
    const answers = await Promise.all(workers.map((worker) => this.ask(worker)));
    const own = await this.own.getMetricsAsJSON();
    return AggregatorRegistry.aggregate([own, await this.past, ...answers]).metrics();
  }

  private async ask(worker: Worker): Promise<Metrics> {
    const id = this.nextId++;
    const values = await new Promise<Metrics>((resolve) => {
      const giveUp = setTimeout(() => resolve([]), patienceMs);
      this.waiting.set(id, (found) => {
        clearTimeout(giveUp);
        resolve(found);
      });
      worker.send({ metrics: 'ask', id }, (error) => error && resolve([]));
    });
    this.waiting.delete(id);
    return values;
  }

  private readonly hear = (worker: Worker, message: unknown): void => {
    const { success, data } = Answer.safeParse(message);
    if (!success) return;
    const values = data.values as Metrics;
    this.lastSeen.set(worker.id, values);
    this.waiting.get(data.id)?.(values);
  };

  /** Its channel is read to the end by now. */
  private readonly bury = ({ id }: Worker): void => {
    const counts = (this.lastSeen.get(id) ?? []).filter(({ type }) => accumulating.has(String(type)));
    this.lastSeen.delete(id);
    this.past = this.past.then((past) => AggregatorRegistry.aggregate([past, counts]).getMetricsAsJSON());
  };
}

const accumulating = new Set(['counter', 'histogram']);
