import { describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import request from 'supertest';
import { formActionSource } from '../../src/platform/csp.js';
import { contentSecurityPolicy, Views } from '../../src/platform/views.js';
import { samplePage, samples, viewsRoot } from '../support/pages.js';

const server = (views: Views) => {
  const app = new Koa();
  app.use(views.middleware());
  app.use((ctx) => {
    ctx.body = 'next';
  });
  return app.callback();
};

describe.each([true, false])('assets (cache: %p)', (cache) => {
  const views = new Views({ root: viewsRoot, cache });
  const http = request(server(views));

  it('are kept for ever under the hash of their content', async () => {
    const answer = await http.get(views.asset('ostiary.css')).set('Accept-Encoding', 'br').expect(200);
    expect(answer.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/css; charset=utf-8',
      'content-encoding': 'br',
      vary: 'Accept-Encoding',
      'x-content-type-options': 'nosniff',
    });
    await http
      .get(views.asset('ostiary.css'))
      .set('Accept-Encoding', 'br')
      .set('If-None-Match', answer.headers.etag ?? '')
      .expect(304);
  });

  it('are answered but not kept under another hash, as during a rollout', async () => {
    for (const path of ['/assets/0000000000-enhance.js', '/assets/enhance.js'])
      expect((await http.get(path).expect(200)).headers['cache-control']).toBe('no-cache');
  });

  it.each([
    '/assets/',
    '/assets/none.css',
    '/assets/..%2flocales%2fen.json',
    '/assets/../locales/en.json',
    '/assets/__proto__',
    '/assets/constructor.js',
    '/assets/%00.css',
  ])('answers 404 or leaves alone %s', async (path) => {
    const answer = await http.get(path);
    expect(answer.status === 404 || answer.text === 'next').toBe(true);
  });

  it('are read only', async () => {
    await http.post(views.asset('ostiary.css')).expect(405);
    expect((await http.head(views.asset('mark.svg')).expect(200)).headers['content-type']).toBe('image/svg+xml');
    expect((await http.get('/elsewhere')).text).toBe('next');
  });
});

describe('weight', () => {
  it('loads a sign-in page with 40 kB at most', async () => {
    const views = new Views({ root: viewsRoot, cache: true });
    const http = request(server(views));
    const sample = samples.find(({ name }) => name === 'interaction.identifier.first');
    let bytes = Buffer.byteLength(views.render('interaction/identifier', sample?.data ?? {}, samplePage('ar')));
    for (const name of ['ostiary.css', 'enhance.js', 'mark.svg']) {
      const answer = await http.get(views.asset(name)).set('Accept-Encoding', 'gzip');
      bytes += Number(answer.headers['content-length']);
    }
    expect(bytes).toBeLessThan(40_000);
  });
});

describe('Content-Security-Policy', () => {
  it.each([
    ['https://app.example.com/callback?x=1', 'https://app.example.com'],
    ['http://127.0.0.1:4711/cb', 'http://127.0.0.1:4711'],
    ['http://[::1]:4711/cb', 'http:'],
    ['com.example.app:/cb', 'com.example.app:'],
    ['not an address', undefined],
    ["https://a.example; script-src 'unsafe-inline'", undefined],
  ])('lets a form lead to %s by naming %p', (address, source) => {
    expect(formActionSource(address)).toBe(source);
  });

  it('cannot be widened by an address', () => {
    const policy = contentSecurityPolicy([
      "https://a.example/;script-src 'unsafe-inline'",
      'https://a.example/x,y',
      'x',
    ]);
    expect(policy.match(/script-src/g)).toHaveLength(1);
    expect(policy).toContain("form-action 'self' https://a.example; frame-ancestors 'none'");
  });

  it('allows nothing inline and nothing foreign', () => {
    expect(contentSecurityPolicy()).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    );
  });
});
