import { compare } from './compare.js';
import { serverCores } from './machine.js';
import { scenarios } from './scenarios.js';
import { openHouse, startBare } from './servers.js';

const only = process.argv[2] ?? '';
const seconds = Number(process.argv[3] ?? 2);
const house = await openHouse(8);
const servers = { bare: await startBare(house, serverCores), ours: await house.start({ cores: serverCores }) };
try {
  for (const s of scenarios.filter((x) => x.name.includes(only)))
    for (const row of await compare(s, servers, { seconds, users: 16, rounds: Number(process.argv[4] ?? 3) }))
      console.log(JSON.stringify(row));
} finally {
  await servers.bare.stop();
  await servers.ours.stop();
  await house.close();
}
process.exit(0);
