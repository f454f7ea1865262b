import { afterEach, describe, expect, it } from '@jest/globals';
import { Metrics } from '../../src/platform/metrics.js';

describe('the metrics', () => {
  const metrics = new Metrics({ routes: ['sign_in', 'health'] });
  afterEach(() => metrics.close());

  it('are answered at GET /metrics only, on their own port', async () => {
    const port = await metrics.serve(0, '127.0.0.1');
    const base = `http://127.0.0.1:${port}`;
    const answer = await fetch(`${base}/metrics?x=1`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    const text = await answer.text();
    for (const name of [
      'nodejs_eventloop_lag_p99_seconds',
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
    ])
      expect(text).toContain(name);
    expect((await fetch(`${base}/`)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
    const other = new Metrics({ routes: [] });
    await expect(other.serve(port, '127.0.0.1')).rejects.toThrow('EADDRINUSE');
    await other.close();
    await metrics.close();
    await expect(fetch(`${base}/metrics`)).rejects.toThrow();
  });

  it('time requests by route, method and status, and take no value from outside', async () => {
    metrics.httpRequestDuration.observe({ route: 'sign_in', method: 'POST', status: 303 }, 0.02);
    for (let i = 0; i < 50; i++)
      metrics.httpRequestDuration.observe({ route: `/users/${i}`, method: `X${i}`, status: 1000 + i }, 0.02);
    const lines = (await metrics.registry.getSingleMetricAsString('http_request_duration_seconds')).split('\n');
    const counts = lines.filter((line) => line.startsWith('http_request_duration_seconds_count'));
    expect(counts.sort()).toEqual([
      'http_request_duration_seconds_count{route="other",method="other",status="other"} 50',
      'http_request_duration_seconds_count{route="sign_in",method="POST",status="303"} 1',
    ]);
  });

  it('count and show what callers define', async () => {
    const visits = metrics.counter({
      name: 'visits_total',
      help: 'Visits',
      labels: { outcome: ['success', 'failure'] },
    });
    visits.add({ outcome: 'success' });
    visits.add({ outcome: 'success' }, 2);
    visits.add({ outcome: 'jane@example.com' });
    let depth = 0;
    metrics.gauge({ name: 'depth', help: 'Depth', collect: (gauge) => gauge.set({}, depth) });
    metrics.histogram({ name: 'sizes', help: 'Sizes', buckets: [1, 10] }).observe({}, 5);
    depth = 7;
    const text = await metrics.registry.metrics();
    for (const line of [
      'visits_total{outcome="success"} 3',
      'visits_total{outcome="other"} 1',
      'depth 7',
      'sizes_bucket{le="10"} 1',
    ])
      expect(text).toContain(line);
    expect(text).not.toContain('jane');
  });
});
