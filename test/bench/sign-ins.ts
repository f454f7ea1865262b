// The rows about passwords, and what they mean for 200 sign-ins a second.
import { processesFor } from './capacity.js';
import { closedLoop, type Measured } from './load.js';
import {
  cpuOfSignIn,
  hashingProcesses,
  parameterSets,
  type Raw,
  rawRate,
  type Storm,
  signInRate,
  signInsAt,
  storm,
} from './passwords.js';
import type { Row } from './report.js';
import { scenarios } from './scenarios.js';
import type { House, Server } from './servers.js';

export interface Capacity {
  parameters: 'default' | 'minimum';
  /** Verifications a second and process, with as many processes as the server would have. */
  perProcess: number;
  /** Undefined where one verification alone takes longer than the promise. */
  processes: number | undefined;
  cores: number | undefined;
}

export interface PasswordReport {
  rows: Row[];
  libraries: Record<string, Raw>;
  at80: Measured & { arrivals: number };
  signInCpu: number;
  capacity: Capacity[];
}

const wanted = { perSecond: 200, p95Ms: 150 };

export async function passwordRows(house: House, seconds: number): Promise<PasswordReport> {
  const libraries: Record<string, Raw> = {};
  for (const library of ['argon2', '@node-rs/argon2'] as const)
    for (const [name, parameters] of Object.entries(parameterSets))
      libraries[`${library}, ${name}`] = await rawRate(library, parameters, seconds);
  const best = (name: string) =>
    Math.max(...Object.entries(libraries).flatMap(([key, { perSecond }]) => (key.endsWith(name) ? perSecond : [])));

  const server = await house.start();
  try {
    // Raw and ours in turn, as everywhere: the machine may be busier now than a minute ago.
    const runs: { raw: number; ours: number; cpu: number }[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const { perSecond } = await rawRate('@node-rs/argon2', parameterSets.default, seconds);
      const { measured, cpu } = await cpuOfSignIn(server, () => signInRate(server, perSecond, seconds));
      runs.push({ raw: perSecond, ours: measured.perSecond, cpu });
    }
    const [middle] = runs.sort((a, b) => a.ours / a.raw - b.ours / b.raw).slice(1);
    const { raw = 1, ours = 0, cpu = 0 } = middle ?? {};
    const arrivals = ours * 0.8;
    const at80 = { ...(await signInsAt(server, arrivals, Math.max(seconds, 30 / arrivals))), arrivals };
    const row: Row = { name: 'password sign-ins', unit: 'sign-ins/s', bare: raw, ours, ratio: ours / raw, target: 0.9 };
    row.note = `bare is the raw rate of ${hashingProcesses} hashing process${hashingProcesses > 1 ? 'es' : ''}; not pinned`;
    const capacity = (['default', 'minimum'] as const).map((parameters) =>
      capacityOf(parameters, best(parameters) / hashingProcesses, cpu),
    );
    return { rows: [row], libraries, at80, signInCpu: cpu, capacity };
  } finally {
    await server.stop();
  }
}

/** A core for each hashing process, and what the rest of a sign-in takes besides. */
function capacityOf(parameters: Capacity['parameters'], perProcess: number, cpu: number): Capacity {
  const processes = processesFor(wanted.perSecond, 1000 / perProcess, wanted.p95Ms);
  const rest = (wanted.perSecond * cpu) / 1000;
  return { parameters, perProcess, processes, cores: processes && Math.ceil(processes + rest) };
}

export async function stormRows(
  house: House,
  possible: number,
  seconds: number,
): Promise<{ rows: Row[]; storm: Storm }> {
  const server = await house.start();
  try {
    const seen = await storm(server, possible, seconds);
    const rows = Object.entries(seen.alone).map(([name, alone]): Row => {
      const during = seen.during[name] ?? Number.POSITIVE_INFINITY;
      return {
        name: `storm: p95 of ${name}`,
        unit: 'ms',
        bare: alone,
        ours: during,
        ratio: alone / during,
        target: 1 / 1.2,
        note: 'bare is the same server without the storm',
      };
    });
    rows.push({ name: 'storm: recovered after', unit: 's', bare: null, ours: seen.recovered, ratio: null, target: 10 });
    return { rows, storm: seen };
  } finally {
    await server.stop();
  }
}

/** Client credentials with a signed token, by two workers and by one. */
export async function workerRows(house: House, seconds: number, cores: number): Promise<Row[]> {
  const scenario = scenarios.find(({ name }) => name === 'client credentials, JWT ES256');
  if (!scenario) throw new Error('there is no such scenario');
  const rate = async (server: Server): Promise<number> => {
    try {
      const round = await scenario.prepare(server, 32);
      await closedLoop(server.port, 32, 1, round);
      return (await closedLoop(server.port, 32, seconds, round)).perSecond;
    } finally {
      await server.stop();
    }
  };
  const [one, two] = [await rate(await house.start()), await rate(await house.start({ workers: 2 }))];
  const enough = cores >= 4;
  return [
    {
      name: 'two workers',
      unit: 'requests/s',
      bare: one,
      ours: two,
      ratio: two / one,
      target: enough ? 1.6 : null,
      note: `bare is one worker; ${enough ? 'not pinned' : `${cores} cores: generator and PostgreSQL leave no two to the workers`}`,
    },
  ];
}
