// What stands in ops/, the compose files, the Dockerfile and the workflows agrees with the server: names, ports, paths, versions.
// That the programs they are for can read them is held by .ci/lint-ops.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../config/index.js';
import { projectRoot } from '../../config/root.js';
import type { Variable } from '../../config/variable.js';
import { variables } from '../../config/variables.js';
import { assignments, contextFilter, stagesOf, words } from '../../scripts/dockerfile.js';

const read = (file: string) => readFileSync(path.join(projectRoot, file), 'utf8');
const files = (folder: string) =>
  readdirSync(path.join(projectRoot, folder), { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(projectRoot, path.join(entry.parentPath ?? folder, entry.name)));

interface Container {
  name: string;
  image: string;
  env?: { name: string; value: string }[];
  ports?: { name: string; containerPort: number }[];
  securityContext: { readOnlyRootFilesystem: boolean; allowPrivilegeEscalation: boolean; capabilities: object };
  [probe: `${string}Probe`]: { httpGet?: { path: string; port: string }; tcpSocket?: { port: string } } | undefined;
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    template: {
      metadata: { labels: Record<string, string>; annotations: Record<string, string> };
      spec: {
        containers: Container[];
        initContainers: Container[];
        securityContext: { runAsUser: number; runAsNonRoot: boolean };
        terminationGracePeriodSeconds: number;
      };
    };
    selector: Record<string, string>;
  };
}
interface Service {
  image?: string;
  build?: string;
  environment?: Record<string, string>;
  healthcheck?: object;
  read_only?: boolean;
  cap_drop?: string[];
  ports?: string[];
  stop_grace_period?: string;
  user?: string;
}

const stages = stagesOf(read('Dockerfile'));
const image = stages.at(-1)?.instructions ?? [];
const said = (name: string) => image.filter((instruction) => instruction.name === name).map(({ text }) => text);
const imageEnv = Object.assign({}, ...said('ENV').map(assignments)) as Record<string, string>;
const compositions = ['docker-compose.yml', 'ops/compose.two-servers.yml'].map((file) => ({
  file,
  services: Object.entries((parse(read(file), { merge: true }) as { services: Record<string, Service> }).services),
}));
const manifests = files('ops/kubernetes/base')
  .filter((file) => !file.endsWith('kustomization.yaml'))
  .flatMap((file) => parseAllDocuments(read(file)).map((document) => document.toJS() as Manifest));
const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
const kustomizations = files('ops/kubernetes')
  .filter((file) => file.endsWith('kustomization.yaml'))
  .map((file) => parse(read(file)) as { configMapGenerator: { literals: string[] }[] });
const { engines, scripts, version } = JSON.parse(read('package.json')) as {
  engines: { node: string };
  scripts: { start: string };
  version: string;
};
const health = read('src/health.ts');

const lines = (text: string) => [...text.matchAll(/^([A-Z][A-Z_]+)=/gm)].map(([, name = '']) => name);

describe('what is set', () => {
  const environments: [string, string[]][] = [
    ['Dockerfile', Object.keys(imageEnv)],
    ...compositions.flatMap(({ file, services }) =>
      services
        .filter(([, { build }]) => build)
        .map(([name, { environment = {} }]): [string, string[]] => [`${file}, ${name}`, Object.keys(environment)]),
    ),
    ...deployments.flatMap(({ metadata, spec }) =>
      [...spec.template.spec.containers, ...spec.template.spec.initContainers].map(
        ({ name, env = [] }): [string, string[]] => [`${metadata.name}, ${name}`, env.map((one) => one.name)],
      ),
    ),
    [
      'Kubernetes, settings',
      kustomizations.flatMap(({ configMapGenerator }) =>
        configMapGenerator.flatMap(({ literals }) => lines(literals.join('\n'))),
      ),
    ],
    ['Kubernetes, secrets', lines(read('ops/kubernetes/overlays/example/secrets.env'))],
    ['ostiary.env', lines(read('ops/systemd/ostiary.env'))],
    ['ostiary.service', lines(read('ops/systemd/ostiary.service').replace(/^Environment=/gm, ''))],
  ];
  const known = (name: string) =>
    Object.hasOwn(variables, name) || Object.hasOwn(variables, name.replace(/_FILE$/, ''));

  it.each(environments)('%s: every variable is one the server reads', (_where, names) => {
    expect(names.filter((name) => !known(name))).toEqual([]);
  });

  it.each(['ops/kubernetes/overlays/example/secrets.env', 'ops/systemd/ostiary.env', 'ops/caddy/Caddyfile'])(
    '%s holds no secret that works',
    (file) => {
      // 32 bytes in base64 or hex.
      expect(read(file)).not.toMatch(/[A-Za-z0-9+/]{43}=|[0-9a-f]{64}/);
    },
  );

  it('placeholders for secrets are refused by the server, wherever they were copied from', () => {
    const placeholders = [...read('ops/kubernetes/overlays/example/secrets.env').matchAll(/^([A-Z_]+)=(.*<.*)$/gm)].map(
      ([, name = '', value = '']): [string, string] => [name, value],
    );
    const examples = Object.entries<Variable>(variables).flatMap(([name, { secret, example }]) =>
      secret ? [[name, example] as const] : [],
    );
    for (const [name, value] of [...placeholders, ...examples])
      expect(() => loadConfig({ NODE_ENV: 'test', [name]: value })).toThrow(`${name}: `);
    expect(placeholders.map(([name]) => name)).toEqual(['ENCRYPTION_KEYS', 'COOKIE_KEYS']);
  });
});

describe('the image', () => {
  it('copies only what exists and what the build can see', () => {
    const seen = contextFilter(read('.dockerignore'));
    const sources = stages.flatMap(({ instructions }) =>
      instructions
        .filter(({ name, flags }) => name === 'COPY' && !flags.from)
        .flatMap(({ text }) => words(text).slice(0, -1)),
    );
    expect(sources.filter((source) => !existsSync(path.join(projectRoot, source)) || !seen(source))).toEqual([]);
    expect(['.env', '.git', 'node_modules', '.ostiary', 'test'].filter(seen)).toEqual([]);
  });

  it('copies from stages that stand before', () => {
    stages.forEach(({ instructions }, at) => {
      const from = instructions.flatMap(({ flags }) => flags.from ?? []);
      expect(stages.slice(0, at).map(({ name }) => name)).toEqual(expect.arrayContaining(from));
    });
  });

  it('runs as somebody who is not root, named by number', () => {
    expect(said('USER').at(-1)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('is the process itself, which hears SIGTERM, and says whether it lives', () => {
    expect(said('ENTRYPOINT').join()).toMatch(/^\["node"/);
    expect(said('CMD').join()).toMatch(/^\[/);
    expect(said('HEALTHCHECK').join()).toContain('/healthz');
    expect(said('STOPSIGNAL')).toEqual([]);
  });

  it('fetches nothing but packages and holds no secret', () => {
    for (const { instructions } of stages) {
      expect(instructions.map(({ name }) => name)).not.toContain('ADD');
      expect(instructions.filter(({ name }) => name === 'ENV' || name === 'ARG').join()).not.toMatch(
        /SECRET|PASSWORD|TOKEN|_KEYS?=/,
      );
      expect(
        instructions.filter(({ text }) => /curl|wget|https?:\/\/(?!127)/.test(text) && !text.includes('/healthz')),
      ).toEqual([]);
    }
  });

  it('stands on one version of Node.js, which package.json supports', () => {
    const bases = [...new Set(stages.map(({ from }) => from))];
    expect(bases).toHaveLength(1);
    const [, major = ''] = /^node:(\d+)-/.exec(bases[0] ?? '') ?? [];
    expect(engines.node).toMatch(new RegExp(`(\\^|>=)${major}\\.`));
  });
});

describe('Node.js', () => {
  it('is started as `npm start` starts it', () => {
    const flags = (command: string) => command.split(' ').filter((word) => word.startsWith('--'));
    const started = flags(scripts.start);
    expect(started.length).toBeGreaterThan(1);
    expect(
      said('ENTRYPOINT')
        .flatMap((entry) => JSON.parse(entry))
        .filter((word) => word.startsWith('--')),
    ).toEqual(started);
    const [, systemd = ''] = /^ExecStart=(.*)$/m.exec(read('ops/systemd/ostiary.service')) ?? [];
    expect(flags(systemd)).toEqual(started);
  });
});

describe('ports and paths', () => {
  const port = imageEnv.PORT ?? '';
  const metrics = String(variables.METRICS_PORT.rule.parse(undefined));

  it('are those the image listens on', () => {
    expect(said('EXPOSE').flatMap(words)).toEqual([port, metrics]);
    for (const { spec } of deployments)
      for (const { ports = [] } of spec.template.spec.containers)
        for (const one of ports) expect(one.containerPort).toBe(Number(one.name === 'http' ? port : metrics));
    for (const { spec } of deployments) expect(spec.template.metadata.annotations['prometheus.io/port']).toBe(metrics);
    expect(read('ops/compose.two-servers.yml')).toContain(`OSTIARY_SERVERS: server-1:${port} server-2:${port}`);
    const [, systemd = ''] = /^PORT=(\d+)$/m.exec(read('ops/systemd/ostiary.env')) ?? [];
    expect(read('ops/nginx/ostiary.conf')).toContain(`server 127.0.0.1:${systemd} `);
    expect(read('ops/caddy/Caddyfile')).toContain(`{$OSTIARY_SERVERS:127.0.0.1:${systemd}}`);
  });

  it('that are asked exist', () => {
    const asked = deployments.flatMap(({ spec }) =>
      spec.template.spec.containers.flatMap(({ startupProbe, readinessProbe, livenessProbe }) =>
        [startupProbe, readinessProbe, livenessProbe].flatMap((probe) => probe?.httpGet?.path ?? []),
      ),
    );
    const [, caddy = ''] = /health_uri (\S+)/.exec(read('ops/caddy/Caddyfile')) ?? [];
    expect(asked.length).toBeGreaterThan(0);
    for (const one of [...asked, caddy]) expect(health).toContain(`ctx.path === '${one}'`);
  });

  it('readiness decides about traffic, liveness about restarts', () => {
    const web = deployments.find(({ metadata }) => metadata.name === 'ostiary-web');
    const [container] = web?.spec.template.spec.containers ?? [];
    expect(container?.readinessProbe?.httpGet?.path).toBe('/readyz');
    expect(container?.livenessProbe?.httpGet?.path).toBe('/healthz');
    expect(read('ops/caddy/Caddyfile')).toContain('health_uri /readyz');
  });
});

describe('the overlay', () => {
  it('changes what is there', () => {
    const { patches } = parse(read('ops/kubernetes/overlays/example/kustomization.yaml')) as {
      patches: { target: { kind: string; name: string } }[];
    };
    const there = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(there).toEqual(expect.arrayContaining(patches.map(({ target }) => `${target.kind} ${target.name}`)));
  });
});

describe('what runs is held tightly', () => {
  it.each(deployments.map(({ metadata, spec }) => [metadata.name, spec.template.spec] as const))(
    '%s fits the restricted profile of Kubernetes',
    (_name, { containers, initContainers, securityContext }) => {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(`${securityContext.runAsUser}:${securityContext.runAsUser}`).toBe(said('USER').at(-1));
      for (const container of [...containers, ...initContainers])
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
    },
  );

  it.each(compositions)('$file: the server has no capability and writes to its volume only', ({ services }) => {
    for (const [, service] of services.filter(([, { build }]) => build))
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  });

  it.each(compositions)('$file: what has no reason to be reached from other machines is not', ({ services }) => {
    const open = services.flatMap(([name, { ports = [] }]) =>
      ports.filter((one) => !one.startsWith('127.0.0.1:')).map(() => name),
    );
    expect(new Set(open)).toEqual(new Set(services.some(([name]) => name === 'proxy') ? ['proxy'] : []));
  });
});

describe('a stop is given the time it needs', () => {
  // What requests under way are given, in src/main.ts and its like, after DRAIN_DELAY.
  const drain = 20;
  const delays = kustomizations.flatMap(({ configMapGenerator }) =>
    configMapGenerator.flatMap(({ literals }) => /^DRAIN_DELAY=(\d+)$/m.exec(literals.join('\n'))?.[1] ?? []),
  );

  it.each(deployments.map(({ metadata, spec }) => [metadata.name, spec.template.spec] as const))(
    '%s',
    (_name, { terminationGracePeriodSeconds }) => {
      expect(terminationGracePeriodSeconds).toBeGreaterThan(drain + Math.max(...delays.map(Number)));
    },
  );

  it('systemd and compose', () => {
    const [, systemd] = /^TimeoutStopSec=(\d+)$/m.exec(read('ops/systemd/ostiary.service')) ?? [];
    const usual = 5;
    expect(Number(systemd)).toBeGreaterThan(drain + usual);
    for (const { services } of compositions)
      for (const [, { stop_grace_period, environment }] of services.filter(([, service]) => service.stop_grace_period))
        expect(Number.parseInt(stop_grace_period ?? '', 10)).toBeGreaterThan(
          drain + (environment?.NODE_ENV === 'development' ? 0 : usual),
        );
  });
});

describe('versions', () => {
  it('the tests run on every major version of Node.js that package.json names', () => {
    const ci = parse(read('.github/workflows/ci.yml')) as {
      jobs: { test: { strategy: { matrix: { node: number[] } } } };
    };
    const named = [...engines.node.matchAll(/(?:\^|>=)(\d+)\./g)].map(([, major]) => Number(major));
    expect(ci.jobs.test.strategy.matrix.node).toEqual(named);
  });

  it('the overlay names the image of this version', () => {
    const overlay = parse(read('ops/kubernetes/overlays/example/kustomization.yaml')) as {
      images: { newTag: string }[];
    };
    expect(overlay.images.map(({ newTag }) => newTag)).toEqual([version]);
  });

  it('nothing floats: every foreign image has a tag, every action a version', () => {
    for (const { services } of compositions)
      for (const [, service] of services) expect(service.image).toMatch(/:(?!latest)[\w.]+$/);
    for (const file of files('.github/workflows'))
      for (const [, action = ''] of read(file).matchAll(/uses: (\S+)/g))
        if (!action.startsWith('./')) expect(action).toMatch(/@v\d+|@[0-9a-f]{40}/);
  });
});
